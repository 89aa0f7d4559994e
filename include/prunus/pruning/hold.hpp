// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/pruning/pass_state.hpp>

namespace prunus {
inline namespace v0 {

namespace detail {

template <weight_scalar S, masks_of<S> Masks>
void zero_removed(const model<S>& net, const Masks& masks) {
  masks.for_each_mask(net, [](const parameter<S>&, const mask&) {});  // all fit, or nothing is done
  masks.for_each_mask(net, [](const parameter<S>& p, const mask& m) { m.apply(p.weight); });
}

}  // namespace detail

/// Zeroes what the masks remove; kept weights are not touched. Call it after every step of an
/// optimizer, where no scheduler does:
///
///     prunus::pruned result = prunus::prune(net, pass, 0.5);
///     while (training()) {
///       step();
///       prunus::hold(net, result.masks);
///     }
///
/// Of a pass_state only what is pruned for good: a soft selection is free to grow back.
/// @throws argument_error (unknown_name: a mask of no parameter), shape_error (shape_mismatch);
///         nothing is then written
/// Allocates nothing. Cost: one pass over the removed part and the masks.
template <weight_scalar S>
void hold(const model<S>& net, const named_masks& masks) {
  detail::zero_removed(net, masks);
}
template <weight_scalar S>
void hold(const model<S>& net, const pass_state& state) {
  if (state.permanent) detail::zero_removed(net, state);
}

}  // namespace v0
}  // namespace prunus
