// SPDX-License-Identifier: MIT
#pragma once

// Door to actions, passes and the scheduler.

#include <prunus/pruning/action.hpp>
#include <prunus/pruning/any_pass.hpp>
#include <prunus/pruning/decay.hpp>
#include <prunus/pruning/drop_and_grow.hpp>
#include <prunus/pruning/exchanging_action.hpp>
#include <prunus/pruning/exponential_decay.hpp>
#include <prunus/pruning/finish_report.hpp>
#include <prunus/pruning/front_to_back.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/linear_decay.hpp>
#include <prunus/pruning/logistic_decay.hpp>
#include <prunus/pruning/parameter_selection.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/pruning/propagate_dead_units.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/pruning_pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/select_only.hpp>
#include <prunus/pruning/soft.hpp>
#include <prunus/pruning/weight_snapshot.hpp>
