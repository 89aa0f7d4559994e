// SPDX-License-Identifier: MIT
#pragma once

// Door to statistics gathered while training.

#include <prunus/observe/activation_record.hpp>
#include <prunus/observe/activation_statistics.hpp>
#include <prunus/observe/gradient_second_moment.hpp>
#include <prunus/observe/input_correlation.hpp>
#include <prunus/observe/movement_scores.hpp>
#include <prunus/observe/statistics_ref.hpp>
#include <prunus/observe/target_correlation.hpp>
#include <prunus/observe/taylor_statistics.hpp>
