// SPDX-License-Identifier: MIT
#pragma once

// Door to every allocation.

#include <prunus/allocation/global.hpp>
#include <prunus/allocation/macs_target.hpp>
#include <prunus/allocation/n_of_m.hpp>
#include <prunus/allocation/per_layer.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/allocation/scored_units.hpp>
#include <prunus/allocation/uniform.hpp>
