// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/pruning/decay.hpp>

#include <cmath>  // std::exp, std::log

namespace prunus {
inline namespace v0 {

/// Lets the tiles that lose fade along a logistic curve: gently at first, fast in the middle,
/// gently at the end.
///
///     alpha(u) = 1 / (1 + exp(kappa (u - midpoint))),  u = event / duration,  kappa = 2 ln((1 -
///     epsilon) / epsilon)
///
/// This is one minus the solution of the logistic equation dN/dt = r N (1 - N/K) with N/K = epsilon
/// at the start and 1 - epsilon at the end (for midpoint 1/2). Every event selects anew, so a tile
/// may recover; from event `duration` on the tiles that lose are zero and pruned for good. With
/// `pinned` the curve is stretched to be exactly 1 and 0 at its ends.
///
/// @source C. Hu et al., "SFPBL: Soft Filter Pruning Based on Logistic Growth Differential
/// Equation", CMC 82(3):4913-4930,
///         2025: that unimportant filters fade in three stages derived from the logistic
///         equation.
/// @deviation our reading: the paper's formula and constants could not be seen. The form above,
/// epsilon = 0.01,
///         midpoint = 0.5, both semantics and the pinned ends are ours; per_event_factor follows
///         the decay of soft filter pruning's successors, in which factors multiply up.
struct logistic_decay {
  Index duration = 10;  ///< events until the end, at least 1
  double epsilon =
      0.01;  ///< distance of the curve from 1 at the start and from 0 at the end, in (0, 0.5)
  double midpoint = 0.5;  ///< share of the duration at which half is left, in (0, 1)
  bool pinned = false;
  decay_semantics semantics = decay_semantics::per_event_factor;
  bool dependents = false;  ///< biases and normalisations of the selected filters fade, too

  /// What is left after share `u` of the duration, in [0, 1].
  [[nodiscard]] double alpha(double u) const noexcept {
    const double kappa = 2 * std::log((1 - epsilon) / epsilon);
    const auto curve = [&](double x) { return 1 / (1 + std::exp(kappa * (x - midpoint))); };
    return pinned ? (curve(u) - curve(1)) / (curve(0) - curve(1)) : curve(u);
  }
  [[nodiscard]] double factor(Index event, Index lost_at) const noexcept {
    return detail::decay_factor(*this, event, lost_at);
  }
  [[nodiscard]] bool permanent(Index event) const noexcept { return event >= duration; }

  /// @throws argument_error (out_of_range)
  void check() const {
    detail::check_decay("logistic_decay", duration);
    if (!(epsilon > 0 && epsilon < 0.5) || !(midpoint > 0 && midpoint < 1))
      throw argument_error(
          errc::out_of_range,
          detail::concat("logistic_decay: epsilon ", epsilon, ", midpoint ", midpoint,
                         "; needed are 0 < epsilon < 0.5 and 0 < midpoint < 1"));
  }
};

static_assert(pruning_action<logistic_decay>);

}  // namespace v0
}  // namespace prunus
