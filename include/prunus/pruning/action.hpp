// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <concepts>  // std::convertible_to

namespace prunus::inline v0 {

using Eigen::Index;

/// An action says what becomes of the tiles that lost at an event.
///
/// `a.factor(event, lost_before)`: what their weights are multiplied by; 0 zeroes them.
/// `lost_before` is true for a tile that lost at the event before, too. `a.permanent(event)`: true
/// when they are gone for good from this event on, that is, held at zero after every step and never
/// selected back.
template <class A>
concept pruning_action = requires(const A& a, Index event) {
  { a.factor(event, true) } -> std::convertible_to<double>;
  { a.permanent(event) } -> std::convertible_to<bool>;
};

}  // namespace prunus::inline v0
