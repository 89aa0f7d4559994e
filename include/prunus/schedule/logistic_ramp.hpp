// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/ramp.hpp>

#include <cmath>  // std::exp, std::log

namespace prunus {
inline namespace v0 {

/// Slow, then fast, then slow: sparsity = initial + (final - initial) / (1 + e^(-kappa (u -
/// midpoint))), kappa = 2 ln((1 - epsilon) / epsilon): the solution of the logistic equation. With
/// the midpoint in the middle it begins with the share epsilon of the way already done.
///
///     prunus::logistic_ramp{.final_sparsity = 0.8, .end = 90, .curve = {.midpoint = 0.3}}
///
/// @source C. Hu et al., "SFPBL: Soft Filter Pruning Based on Logistic Growth Differential
/// Equation", CMC 82(3):4913-4930, 2025: growth by the logistic equation
/// @deviation our reading: an alternative to logistic_decay in which the number of pruned filters
/// grows, not the decay of each; at `end` the sparsity is `final_sparsity` itself
struct logistic_curve {
  static constexpr std::string_view name = "logistic_ramp";

  double epsilon = 0.01;  ///< share of the way to begin with, in (0, 0.5)
  double midpoint = 0.5;  ///< share of the time at which half of the way is done, in (0, 1)

  [[nodiscard]] double sparsity(double initial, double final, double u) const noexcept {
    const double kappa = 2 * std::log((1 - epsilon) / epsilon);
    return initial + (final - initial) / (1 + std::exp(kappa * (midpoint - u)));
  }
  void check() const {
    if (!(epsilon > 0 && epsilon < 0.5) || !(midpoint > 0 && midpoint < 1))
      throw argument_error(errc::out_of_range,
                           detail::concat(name, ": epsilon ", epsilon, ", midpoint ", midpoint,
                                          "; needed are 0 < epsilon < 0.5 and 0 < midpoint < 1"));
  }
};

using logistic_ramp = ramp<logistic_curve>;

static_assert(schedule<logistic_ramp>);

}  // namespace v0
}  // namespace prunus
