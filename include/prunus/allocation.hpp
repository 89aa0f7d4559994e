// SPDX-License-Identifier: MIT
#pragma once

// Door to every allocation.

#include <prunus/allocation/depth_distribution.hpp>
#include <prunus/allocation/equal_per_filter.hpp>
#include <prunus/allocation/erdos_renyi_kernel.hpp>
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/isomorphic.hpp>
#include <prunus/allocation/macs_target.hpp>
#include <prunus/allocation/n_of_m.hpp>
#include <prunus/allocation/per_layer.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/removal_threshold.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/allocation/retained_mass.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/allocation/variable_scale.hpp>
