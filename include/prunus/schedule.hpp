// SPDX-License-Identifier: MIT
#pragma once

// Door to every schedule.

#include <prunus/schedule/accuracy_steps.hpp>
#include <prunus/schedule/any_schedule.hpp>
#include <prunus/schedule/asymptotic.hpp>
#include <prunus/schedule/constant.hpp>
#include <prunus/schedule/cubic.hpp>
#include <prunus/schedule/exponential.hpp>
#include <prunus/schedule/linear.hpp>
#include <prunus/schedule/logistic.hpp>
#include <prunus/schedule/one_shot.hpp>
#include <prunus/schedule/progress.hpp>
#include <prunus/schedule/schedule.hpp>
#include <prunus/schedule/steps.hpp>
