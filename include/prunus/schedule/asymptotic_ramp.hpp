// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/ramp.hpp>

#include <cmath>  // std::expm1, std::log

namespace prunus {
inline namespace v0 {

/// Most of the way at once, the rest slowly: sparsity = initial + (final - initial) (1 - e^(k u)),
/// k = 8 ln(1 - 3/4). Three quarters of the way are done after an eighth of the time. For soft
/// pruning, where little is lost by it.
/// @source Y. He, X. Dong, G. Kang, Y. Fu, C. Yan, Y. Yang, "Asymptotic Soft Filter Pruning for
/// Deep Convolutional Neural Networks", IEEE Transactions on Cybernetics 50(8), 2020,
/// doi:10.1109/TCYB.2019.2933477
/// @deviation our reading: the formula is that of published code built on the paper, which could
/// not be seen; at `end` the sparsity is `final_sparsity` itself, of which the formula leaves out a
/// share of 1.5e-5
struct asymptotic_curve {
  static constexpr std::string_view name = "asymptotic_ramp";

  [[nodiscard]] double sparsity(double initial, double final, double u) const noexcept {
    return initial - (final - initial) * std::expm1(8 * std::log(0.25) * u);
  }
};

using asymptotic_ramp = ramp<asymptotic_curve>;

static_assert(schedule<asymptotic_ramp>);

}  // namespace v0
}  // namespace prunus
