// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/detail/prune_on.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/schedule/schedule.hpp>

#include <utility>  // std::move

namespace prunus {
inline namespace v0 {

/// What one-shot pruning leaves: the masks, to hold or to compact by, and what was done.
struct pruned {
  pass_state masks;
  pass_report report;
};

/// Prunes a model once, now: scores, selects, and acts on the weights in place.
///
///     prunus::pruned result = prunus::prune(net, prunus::pass{prunus::l1_norm{}, prunus::element,
///     prunus::global{}}, 0.9);
///
/// With a thread_pool as the last argument it does so in several threads, see pass::prune.
/// @throws argument_error (out_of_range: sparsity outside [0, 1); empty_model; what the allocation
/// throws),
///         value_error (not_finite: names the parameter); the weights are then untouched
template <weight_scalar S, class Pass>
pruned prune(const model<S>& net, const Pass& pass, double sparsity, pool_ref pool = {}) {
  detail::check_target("prune", "the sparsity", sparsity);
  pruned result{pass.prepare(net), {}};
  result.report = detail::prune_on(pool, pass, net, result.masks, 1, sparsity);
  return result;
}

}  // namespace v0
}  // namespace prunus
