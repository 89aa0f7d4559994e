// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile_reduction.hpp>
#include <prunus/pruning/action.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <span>  // std::span

namespace prunus {
inline namespace v0 {

/// An action that swaps tiles after the allocation has decided, as drop_and_grow does.
///
/// `a.exchange(net, before, units, event)`: `before` is what the event before left, `units`, one an
/// entry of `before.targets`, what the allocation keeps now; it rewrites `keep` of the units, and
/// may write the optimizer's buffers. It reads all before it writes, and throws before it writes.
/// A pass writes scores for it in any case.
template <class A, class S>
concept exchanging_action = pruning_action<A> &&
    requires(const A& a, const model<S>& net, const pass_state& before,
             std::span<ranking_group<score_of<S>>> units, Index event) {
  a.exchange(net, before, units, event);
};

}  // namespace v0
}  // namespace prunus
