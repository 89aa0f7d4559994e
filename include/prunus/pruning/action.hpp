// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/has_member.hpp>

#include <Eigen/Core>

#include <concepts>     // std::convertible_to, std::same_as
#include <type_traits>  // std::remove_cv_t

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
/// An action may also have any of these; one that has the name with another signature does not
/// compile:
///
///     void check() const;   // throws argument_error where its numbers make no sense
///     bool dependents;      // while false, biases, scales and shifts of coupled filters are left
///                           // alone until the filters are pruned for good
///     template <weight_scalar S>   // swaps tiles after the allocation: see exchanging_action
///     void exchange(const model<S>&, const pass_state& before,
///                   std::span<ranking_group<score_of<S>>> units, Index event) const;
template <class A>
concept pruning_action = requires(const A& a, Index event) {
  { a.factor(event, event) } -> std::convertible_to<double>;
  { a.permanent(event) } -> std::convertible_to<bool>;
};

namespace detail {

struct named_check {
  int check;
};
struct named_dependents {
  int dependents;
};
struct named_exchange {
  int exchange;
};
template <class A>
concept has_check = can_be_base<A> && !requires {
  &with_name<A, named_check>::check;
};
template <class A>
concept has_dependents = can_be_base<A> && !requires {
  &with_name<A, named_dependents>::dependents;
};
template <class A>
concept has_exchange = can_be_base<A> && !requires {
  &with_name<A, named_exchange>::exchange;
};

template <class A>
concept can_be_checked = requires(const A& a) {
  a.check();
};
template <class A>
concept says_dependents = requires(const A& a) {
  requires std::same_as < std::remove_cv_t<decltype(a.dependents)>,
  bool > ;
};

/// Refuses an action that is none, and hooks of it that would be passed over.
template <class A>
consteval bool action_fits() {
  static_assert(
      pruning_action<A>,
      "prunus::pass: the action must have `factor(event, lost_at)` and "
      "`permanent(event)`; a selection of parameters goes into `.scope` or `.within(...)`");
  static_assert(!has_check<A> || can_be_checked<A>,
                "prunus::pass: the action's `check` must be `void check() const`");
  static_assert(!has_dependents<A> || says_dependents<A>,
                "prunus::pass: the action's `dependents` must be `bool dependents`");
  return true;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
