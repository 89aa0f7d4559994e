// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

#include <concepts>     // std::convertible_to
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// The shape of a ramp: a small aggregate with a name for messages and the sparsity on the way.
///
/// `curve.sparsity(initial, final, u)`: at the share u of the way, in [0, 1). At 1 a ramp has
/// reached its final sparsity whatever the curve says. A curve with numbers of its own may have a
/// `check()` that throws argument_error.
template <class Curve>
concept ramp_curve = requires(const Curve& curve, double number) {
  { Curve::name } -> std::convertible_to<std::string_view>;
  { curve.sparsity(number, number, number) } -> std::convertible_to<double>;
};

/// From one sparsity to another along a curve, with events at begin, begin + every, ... and at end,
/// even where `every` does not divide the way; the one at `end` comes when `end` steps are done.
/// The share of the way at an event is the share of the time. It may lead down, too: soft pruning
/// can relax.
///
///     prunus::cubic_ramp{.final_sparsity = 0.8, .end = 1000, .every = 100}
template <ramp_curve Curve>
struct ramp {
  double initial_sparsity = 0;  ///< in [0, 1)
  double final_sparsity = 0.5;  ///< in [0, 1)
  Index begin = 0;
  Index end = 0;  ///< after `begin`
  Index every = 1;
  time_unit by = time_unit::step;
  Curve curve = {};

  [[nodiscard]] Index events(const progress& now) const noexcept {
    return detail::interval{begin, end, every}.events(now, by);
  }
  [[nodiscard]] double target(Index event) const noexcept {
    const double share = detail::interval{begin, end, every}.share(event);
    return share >= 1 ? final_sparsity : curve.sparsity(initial_sparsity, final_sparsity, share);
  }
  /// Number of the event at `end`.
  [[nodiscard]] Index last() const noexcept { return detail::interval{begin, end, every}.last(); }
  void check() const {
    detail::check_target(Curve::name, "initial_sparsity", initial_sparsity);
    detail::check_target(Curve::name, "final_sparsity", final_sparsity);
    detail::interval{begin, end, every}.check(Curve::name);
    if constexpr (requires { curve.check(); }) curve.check();
  }
};

}  // namespace v0
}  // namespace prunus
