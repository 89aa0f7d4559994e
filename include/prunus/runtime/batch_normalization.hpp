// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <concepts>  // std::floating_point

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Number, mean and sum of squared deviations of values seen so far. Moments of parts add up to
/// those of the whole, in double and without cancellation.
/// @source Chan, Golub, LeVeque 1983, doi:10.1080/00031305.1983.10483115
struct running_moments {
  double count = 0;
  double mean = 0;
  double squared_deviations = 0;

  constexpr running_moments& operator+=(const running_moments& other) noexcept {
    if (other.count == 0) return *this;
    const double total = count + other.count, difference = other.mean - mean;
    squared_deviations +=
        other.squared_deviations + difference * difference * (count * other.count / total);
    mean += difference * (other.count / total);
    count = total;
    return *this;
  }
  [[nodiscard]] constexpr double variance() const noexcept { return squared_deviations / count; }
};

/// Moments of one plane.
template <std::floating_point S>
[[nodiscard]] running_moments moments_of(const S* plane, Index size) {
  const double n = static_cast<double>(size);
  const S mean = static_cast<S>(static_cast<double>(detail::sum_over<S>(
                                    size, [](auto x) { return x; }, plane)) /
                                n);
  // The rounding of the mean is taken back out of the second sum.
  const auto deviation = [mean](auto x) { return x - mean; };
  const auto square = [mean](auto x) { return (x - mean) * (x - mean); };
  const double shift = static_cast<double>(detail::sum_over<S>(size, deviation, plane)) / n;
  const double squares = static_cast<double>(detail::sum_over<S>(size, square, plane));
  return {n, static_cast<double>(mean) + shift, squares - n * shift * shift};
}

/// y = scale * x + shift, and zero where negative when `relu` is set; x may be y.
template <std::floating_point S>
void scale_and_shift(const S* x, S scale, S shift, bool relu, S* y, Index size) {
  if (relu)
    for (Index i = 0; i < size; ++i) {
      const S value = x[i] * scale + shift;
      y[i] = value < 0 ? S(0) : value;  // NaN stays NaN
    }
  else
    for (Index i = 0; i < size; ++i) y[i] = x[i] * scale + shift;
}

/// What the gradient of a normalisation needs to know of one channel: sums over the batch.
struct normalization_sums {
  double gradient = 0;            ///< of dy
  double gradient_deviation = 0;  ///< of dy * (x - mean)

  constexpr normalization_sums& operator+=(const normalization_sums& other) noexcept {
    gradient += other.gradient;
    gradient_deviation += other.gradient_deviation;
    return *this;
  }
};

template <std::floating_point S>
[[nodiscard]] normalization_sums normalization_sums_of(const S* x, S mean, const S* dy,
                                                       Index size) {
  const S sum = detail::sum_over<S>(
      size, [](auto d) { return d; }, dy);
  const S product = detail::sum_over<S>(
      size, [mean](auto d, auto v) { return d * (v - mean); }, dy, x);
  return {static_cast<double>(sum), static_cast<double>(product)};
}

/// dx (+)= from_gradient * dy + from_deviation * (x - mean) + shift; dx may be dy when not
/// accumulating.
template <std::floating_point S>
void normalization_backward(const S* x, S mean, const S* dy, S from_gradient, S from_deviation,
                            S shift, bool accumulate, S* dx, Index size) {
  if (accumulate)
    for (Index i = 0; i < size; ++i)
      dx[i] += dy[i] * from_gradient + (x[i] - mean) * from_deviation + shift;
  else
    for (Index i = 0; i < size; ++i)
      dx[i] = dy[i] * from_gradient + (x[i] - mean) * from_deviation + shift;
}

}  // namespace v0
}  // namespace prunus
