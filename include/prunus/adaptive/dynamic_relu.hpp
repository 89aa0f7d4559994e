// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cmath>    // std::sqrt, std::tanh
#include <cstdint>  // std::uint8_t

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Whose coefficients they are.
///
/// @source Chen, Dai, Liu, Chen, Yuan, Liu 2020, arXiv:2003.10027
/// @deviation that these are the two schemes of Liu et al. 2022 is our reading
enum class coefficient_scheme : std::uint8_t {
  shared,      ///< dynamic ReLU A: one set for all channels of a sample
  per_channel  ///< dynamic ReLU B: a set for each channel of each sample
};

/// A rectifier whose slopes and offsets depend on the sample:
///
///     f(x) = max over k of a_k x + b_k,   a_k = alpha_k + slope_range * theta_k,
///     b_k = offset_range * theta_{K+k},   alpha = (1, 0, 0, ...),   theta in (-1, 1)
///
/// With every theta at 0 it is a plain ReLU. The coefficients of one channel stand as (a_1 .. a_K,
/// b_1 .. b_K).
///
/// @source Chen, Dai, Liu, Chen, Yuan, Liu 2020, arXiv:2003.10027
/// @deviation of equal pieces the first counts in derivatives
struct dynamic_relu {
  Index pieces = 2;           ///< K, at least 1
  double slope_range = 1;     ///< lambda_a
  double offset_range = 0.5;  ///< lambda_b

  /// Coefficients of one channel.
  [[nodiscard]] constexpr Index size() const noexcept { return 2 * pieces; }

  /// 2 * sigmoid(x) - 1 and its derivative, from the value.
  template <class S>
  [[nodiscard]] static S theta(S x) noexcept {
    return std::tanh(x / 2);
  }
  template <class S>
  [[nodiscard]] static S theta_slope(S theta) noexcept {
    return (S(1) - theta * theta) / 2;
  }

  /// Coefficient `i` of a channel, and what it changes by with its theta.
  template <class S>
  [[nodiscard]] S coefficient(Index i, S theta) const noexcept {
    return (i == 0 ? S(1) : S(0)) + range<S>(i) * theta;
  }
  template <class S>
  [[nodiscard]] S range(Index i) const noexcept {
    return static_cast<S>(i < pieces ? slope_range : offset_range);
  }
  /// The theta of a coefficient.
  template <class S>
  [[nodiscard]] S theta_of(Index i, S coefficient) const noexcept {
    return (coefficient - (i == 0 ? S(1) : S(0))) / range<S>(i);
  }

  /// The piece that is largest at x.
  template <class S>
  [[nodiscard]] Index piece_at(const S* coefficients, S x) const noexcept {
    Index best = 0;
    for (Index k = 1; k < pieces; ++k)
      if (coefficients[k] * x + coefficients[pieces + k] >
          coefficients[best] * x + coefficients[pieces + best])
        best = k;
    return best;
  }
  template <class S>
  [[nodiscard]] S operator()(const S* coefficients, S x) const noexcept {
    const Index k = piece_at(coefficients, x);
    return coefficients[k] * x + coefficients[pieces + k];
  }

  /// A whole plane, in place.
  template <class S>
  void apply(const S* coefficients, S* values, Index plane) const noexcept {
    if (pieces == 2) {  // the usual number, without branches
      const S a = coefficients[0], b = coefficients[2], c = coefficients[1], d = coefficients[3];
      for (Index p = 0; p < plane; ++p) {
        const S first = a * values[p] + b, second = c * values[p] + d;
        values[p] = second > first ? second : first;  // NaN stays NaN
      }
    } else {
      for (Index p = 0; p < plane; ++p) values[p] = (*this)(coefficients, values[p]);
    }
  }

  /// Size of a channel's coefficients, sqrt(sum a_k^2 + sum b_k^2): what a channel has to say.
  template <class S>
  [[nodiscard]] S energy(const S* coefficients) const noexcept {
    S squares = 0;
    for (Index i = 0; i < size(); ++i) squares += coefficients[i] * coefficients[i];
    return std::sqrt(squares);
  }
};

}  // namespace v0
}  // namespace prunus
