// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/pruning/pruning_pass.hpp>
#include <prunus/schedule/schedule.hpp>

namespace prunus {
inline namespace v0 {

/// What one-shot pruning leaves: the masks by name, to hold, save or look at, and what was done.
struct pruned {
  named_masks masks;
  pass_report report;
};

/// Prunes a model once, now: scores, selects, and acts on the weights in place.
///
///     const prunus::pass pass{prunus::l1_norm{}, prunus::element, prunus::global{}};
///     prunus::pruned result = prunus::prune(net, pass, 0.9);
///     result.masks["fc1.weight"].sparsity();
///
/// With a thread_pool as the last argument it does so in several threads, see pass::prune.
/// @throws argument_error (out_of_range: sparsity outside [0, 1); empty_model; what the allocation
/// throws),
///         value_error (not_finite: names the parameter); the weights are then untouched
template <weight_scalar S, class Pass>
pruned prune(const model<S>& net, const Pass& pass, double sparsity, pool_ref pool = {}) {
  static_assert(pruning_pass<Pass, S>,
                "prunus::prune: the second argument must be a pass, such as "
                "prunus::pass{prunus::l2_norm{}, prunus::filter}");
  detail::check_target("prune", "the sparsity", sparsity);
  pass_state state = pass.prepare(net);
  pruned result{state.masks(), {}};  // takes its memory before the first weight is written
  result.report = pass.prune(net, state, 1, sparsity, pool);
  for (const pass_state::target& t : state.targets)
    for (const pass_state::target::member& m : t.members) result.masks.add_or_join(m.name, m.mask);
  return result;
}

}  // namespace v0
}  // namespace prunus
