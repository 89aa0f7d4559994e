// SPDX-License-Identifier: MIT
#pragma once

// Door to every schedule.

#include <prunus/schedule/accuracy_steps.hpp>
#include <prunus/schedule/any_schedule.hpp>
#include <prunus/schedule/asymptotic_ramp.hpp>
#include <prunus/schedule/constant_sparsity.hpp>
#include <prunus/schedule/cubic_ramp.hpp>
#include <prunus/schedule/exponential_ramp.hpp>
#include <prunus/schedule/linear_ramp.hpp>
#include <prunus/schedule/logistic_ramp.hpp>
#include <prunus/schedule/one_shot.hpp>
#include <prunus/schedule/progress.hpp>
#include <prunus/schedule/ramp.hpp>
#include <prunus/schedule/schedule.hpp>
#include <prunus/schedule/sparsity_steps.hpp>
