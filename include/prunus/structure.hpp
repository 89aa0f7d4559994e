// SPDX-License-Identifier: MIT
#pragma once

// Door to declared graphs, counts, couplings, plans and compaction.

#include <prunus/structure/compaction.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/plan_removal.hpp>
#include <prunus/structure/plan_text.hpp>
#include <prunus/structure/removal_counter.hpp>
#include <prunus/structure/resolve.hpp>
