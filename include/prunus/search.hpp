// SPDX-License-Identifier: MIT
#pragma once

// Door to searches over ratios and policies.

#include <prunus/search/brute_force_search.hpp>
#include <prunus/search/layer_rate_search.hpp>
#include <prunus/search/pareto_front.hpp>
#include <prunus/search/policy_search.hpp>
#include <prunus/search/sequential_search.hpp>
#include <prunus/search/staircase_search.hpp>
#include <prunus/search/two_stage_search.hpp>
