// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

#include <cmath>  // std::expm1, std::log

namespace prunus {
inline namespace v0 {

/// Most of the way at once, the rest slowly: sparsity = final (1 - e^(k u)), k = 8 ln(1 - 3/4),
/// where u in [0, 1] is the share of the way from begin to end. Three quarters of the final
/// sparsity are reached after an eighth of the way. For soft pruning, where little is lost by it.
///
/// Events at begin, begin + every, ... and at end.
/// @source Y. He, X. Dong, G. Kang, Y. Fu, C. Yan, Y. Yang, "Asymptotic Soft Filter Pruning for
/// Deep Convolutional Neural Networks", IEEE Transactions on Cybernetics 50(8), 2020,
///         doi:10.1109/TCYB.2019.2933477
/// @deviation our reading: the formula is that of published code built on the paper, which could
///         not be seen; at `end` the sparsity is `final_sparsity` itself, of which the formula
///         leaves out a share of 1.5e-5
struct asymptotic_ramp {
  double final_sparsity = 0.5;
  Index begin = 0;
  Index end = 0;
  Index every = 1;
  time_unit by = time_unit::step;

  [[nodiscard]] Index events(const progress& now) const noexcept {
    return detail::interval{begin, end, every}.events(detail::time_of(now, by));
  }
  [[nodiscard]] double target(Index event) const noexcept {
    const double share = detail::interval{begin, end, every}.share(event);
    return share >= 1 ? final_sparsity : -final_sparsity * std::expm1(8 * std::log(0.25) * share);
  }
  void check() const {
    detail::check_target("asymptotic_ramp", "final_sparsity", final_sparsity);
    detail::interval{begin, end, every}.check("asymptotic_ramp");
  }
};

static_assert(schedule<asymptotic_ramp>);

}  // namespace v0
}  // namespace prunus
