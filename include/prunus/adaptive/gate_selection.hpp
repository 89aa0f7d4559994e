// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <algorithm>  // std::clamp, std::copy_n, std::nth_element
#include <cmath>      // std::ceil, std::exp
#include <cstddef>    // std::size_t, std::ptrdiff_t
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// 1 / (1 + exp(-x)), without overflow.
template <class S>
[[nodiscard]] S logistic_function(S x) noexcept {
  if (x >= 0) return S(1) / (S(1) + std::exp(-x));
  const S e = std::exp(x);
  return e / (S(1) + e);
}

/// Opens the channels whose score exceeds `threshold`; NaN closes.
///
/// @source our reading of Liu, Yang, Gao, Cheng 2022, Applied Intelligence 52:16818-16831
template <class S>
void open_above(std::span<const S> scores, S threshold, std::span<std::uint8_t> open) noexcept {
  for (std::size_t c = 0; c < scores.size(); ++c) open[c] = scores[c] > threshold ? 1 : 0;
}

/// How many of `channels` a share of them is: rounded up, at least 1.
///
/// @source Gao, Zhao, Dudziak, Mullins, Xu 2019, arXiv:1810.05331: the ceiling of d * C
/// @deviation at least one stays open; a share that is a whole number but for rounding is not
///            rounded up
[[nodiscard]] inline Index channels_of_share(double share, Index channels) noexcept {
  const double exact = share * static_cast<double>(channels);
  return std::clamp(static_cast<Index>(std::ceil(exact - 1e-9)), Index{1}, channels);
}

/// Opens exactly `count` channels, those with the largest scores; of equal ones the lower index,
/// and NaN last. `scratch` has as many numbers as there are scores.
/// @pre 1 <= count <= scores.size()
/// @returns the smallest score that is open, the threshold in effect
///
/// @source Gao, Zhao, Dudziak, Mullins, Xu 2019, arXiv:1810.05331: winner take all
/// @deviation ties and NaN are ours
template <class S>
S open_largest(std::span<const S> scores, Index count, std::span<std::uint8_t> open,
               std::span<S> scratch) noexcept {
  constexpr S least = -std::numeric_limits<S>::infinity();
  const auto ordered = [](S x) { return x == x ? x : least; };
  for (std::size_t c = 0; c < scores.size(); ++c) scratch[c] = ordered(scores[c]);
  const auto last = scratch.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(scratch.begin(), last, scratch.begin() + std::ssize(scores),
                   [](S a, S b) { return a > b; });
  const S threshold = *last;
  Index left = count;  // for those that equal the threshold
  for (const S score : scores) left -= ordered(score) > threshold ? 1 : 0;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    const S score = ordered(scores[c]);
    const bool taken = score > threshold || (score == threshold && left > 0);
    if (taken && score == threshold) --left;
    open[c] = taken ? 1 : 0;
  }
  return threshold;
}

/// What stands for the derivative of the step 1[score > threshold] when learning: the slope of a
/// logistic function of width `temperature` around the threshold, s (1 - s) / temperature.
///
/// @source straight-through estimators: Bengio, Leonard, Courville 2013, arXiv:1308.3432
/// @deviation the logistic slope, instead of 1, is our reading
template <class S>
[[nodiscard]] S straight_through_slope(S score, S threshold, S temperature) noexcept {
  const S s = logistic_function((score - threshold) / temperature);
  return s * (S(1) - s) / temperature;
}

}  // namespace v0
}  // namespace prunus
