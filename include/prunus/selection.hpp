// SPDX-License-Identifier: MIT
#pragma once

// Door to exact selection: k-th scores, thresholds, masks, at memory speed.

#include <prunus/selection/chunks.hpp>
#include <prunus/selection/keep_above.hpp>
#include <prunus/selection/score_scan.hpp>
#include <prunus/selection/score_source.hpp>
#include <prunus/selection/selection.hpp>
#include <prunus/selection/simd_scores.hpp>
#include <prunus/selection/top_k.hpp>
