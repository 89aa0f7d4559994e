// SPDX-License-Identifier: MIT
#pragma once

// Door to the vocabulary: views, tiles, masks, models.

#include <prunus/core/archive.hpp>
#include <prunus/core/axis.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/keep_reason.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/name_pattern.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/core/named_tensor.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/core/read_file.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_reduction.hpp>
#include <prunus/core/tile_walk.hpp>
#include <prunus/core/unit_map.hpp>
#include <prunus/core/view.hpp>
#include <prunus/core/write_file.hpp>
