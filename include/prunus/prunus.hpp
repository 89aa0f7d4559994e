// SPDX-License-Identifier: MIT
#pragma once

// The whole library but for the optional worlds (prunus/nn.hpp, prunus/retrieval.hpp, ...). A
// convenience: who minds the compile time includes the headers in use.

#include <prunus/adaptive.hpp>
#include <prunus/allocation.hpp>
#include <prunus/core.hpp>
#include <prunus/criteria.hpp>
#include <prunus/measure.hpp>
#include <prunus/observe.hpp>
#include <prunus/pruning.hpp>
#include <prunus/recovery.hpp>
#include <prunus/regularize.hpp>
#include <prunus/runtime.hpp>
#include <prunus/schedule.hpp>
#include <prunus/search.hpp>
#include <prunus/selection.hpp>
#include <prunus/structure.hpp>
#include <prunus/version.hpp>
