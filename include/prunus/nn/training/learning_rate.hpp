// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::cos, std::pow
#include <cstdint>    // std::int64_t

namespace prunus {
inline namespace v0 {
namespace nn {

// Learning rates are pure functions of the step, counted from 0: a run that is resumed at step k
// continues exactly.

/// The same rate at every step.
struct constant_rate {
  double rate = 0.01;
  [[nodiscard]] double operator()(std::int64_t) const noexcept { return rate; }
};

/// rate * factor^(number of whole periods passed).
struct step_decay {
  double rate = 0.1;
  double factor = 0.1;
  std::int64_t every = 1000;  ///< steps; at least 1
  [[nodiscard]] double operator()(std::int64_t step) const noexcept {
    const std::int64_t periods = step / std::max<std::int64_t>(every, 1);
    return rate * std::pow(factor, static_cast<double>(periods));
  }
};

/// Rises in a straight line for `warm_up` steps, then falls along half a cosine to `final_rate` at
/// step `steps` and stays there.
/// @source Loshchilov, Hutter 2017, arXiv:1608.03983, without restarts
struct cosine_decay {
  double rate = 0.1;
  std::int64_t steps = 1000;  ///< of the whole run, warm-up included
  std::int64_t warm_up = 0;
  double final_rate = 0;
  [[nodiscard]] double operator()(std::int64_t step) const noexcept {
    if (step < warm_up) return rate * static_cast<double>(step + 1) / static_cast<double>(warm_up);
    const std::int64_t length = std::max<std::int64_t>(steps - warm_up, 1);
    const double progress =
        std::min(1.0, static_cast<double>(step - warm_up) / static_cast<double>(length));
    return final_rate + (rate - final_rate) * (1 + std::cos(3.141592653589793 * progress)) / 2;
  }
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus
