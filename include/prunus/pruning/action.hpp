// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <concepts>  // std::convertible_to

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// An action says what becomes of the tiles that lost at an event.
///
/// `a.factor(event, lost_at)`: what their weights are multiplied by; 0 zeroes them. `lost_at` is
/// the number of the event that the pass carried out before this one, for a tile that lost there,
/// too, and 0 for a tile that loses anew. `a.permanent(event)`: true when they are pruned for good
/// from this event on, that is, held at zero after every step and never selected back.
///
/// An action may have a member `bool dependents`: while it is false, the biases, scales and shifts
/// of coupled filters are left alone until the filters are pruned for good. It may have a function
/// `exchange` that swaps tiles after the allocation has decided: see drop_and_grow.
template <class A>
concept pruning_action = requires(const A& a, Index event) {
  { a.factor(event, event) } -> std::convertible_to<double>;
  { a.permanent(event) } -> std::convertible_to<bool>;
};

}  // namespace v0
}  // namespace prunus
