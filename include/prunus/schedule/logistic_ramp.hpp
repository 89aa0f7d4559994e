// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

#include <cmath>  // std::exp, std::log

namespace prunus {
inline namespace v0 {

/// Slow, then fast, then slow: sparsity = final / (1 + e^(-kappa (u - midpoint))), kappa = 2 ln((1
/// - epsilon) / epsilon), where u in [0, 1] is the share of the way from begin to end. This is the
/// solution of the logistic equation, from epsilon * final on.
///
/// Events at begin, begin + every, ... and at end.
/// @source Y. Hu et al., "SFPBL: Soft Filter Pruning Based on Logistic Growth Differential
/// Equation", CMC 82(3):4913-4930,
///         2025: growth by the logistic equation
/// @deviation our reading: an alternative to logistic_decay in which the number of pruned filters
///         grows, not the decay of each; at `end` the sparsity is `final_sparsity` itself
struct logistic_ramp {
  double final_sparsity = 0.5;
  Index begin = 0;
  Index end = 0;
  Index every = 1;
  time_unit by = time_unit::step;
  double epsilon = 0.01;  ///< share of the final sparsity to begin with, in (0, 0.5)
  double midpoint = 0.5;  ///< share of the way at which half is reached, in (0, 1)

  [[nodiscard]] Index events(const progress& now) const noexcept {
    return detail::interval{begin, end, every}.events(detail::time_of(now, by));
  }
  [[nodiscard]] double target(Index event) const noexcept {
    const double share = detail::interval{begin, end, every}.share(event);
    const double kappa = 2 * std::log((1 - epsilon) / epsilon);
    return share >= 1 ? final_sparsity
                      : final_sparsity / (1 + std::exp(kappa * (midpoint - share)));
  }
  void check() const {
    detail::check_target("logistic_ramp", "final_sparsity", final_sparsity);
    detail::interval{begin, end, every}.check("logistic_ramp");
    if (!(epsilon > 0 && epsilon < 0.5) || !(midpoint > 0 && midpoint < 1))
      throw argument_error(
          errc::out_of_range,
          detail::concat("logistic_ramp: epsilon ", epsilon, ", midpoint ", midpoint,
                         "; needed are 0 < epsilon < 0.5 and 0 < midpoint < 1"));
  }
};

static_assert(schedule<logistic_ramp>);

}  // namespace v0
}  // namespace prunus
