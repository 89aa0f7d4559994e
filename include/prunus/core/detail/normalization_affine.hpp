// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>  // std::sqrt

namespace prunus {
inline namespace v0 {
namespace detail {

/// 1 / sqrt(variance + epsilon), rounded once.
template <class S>
[[nodiscard]] S inverse_deviation(double variance, double epsilon) noexcept {
  return static_cast<S>(1 / std::sqrt(variance + epsilon));
}

/// What a batch normalisation does to the values of a channel: x * factor + offset.
template <class S>
struct normalization_affine {
  S factor, offset;

  normalization_affine(S scale, S shift, S mean, S inverse) noexcept
      : factor(scale * inverse), offset(shift - mean * factor) {}
  normalization_affine(S scale, S shift, S mean, double variance, double epsilon) noexcept
      : normalization_affine(scale, shift, mean, inverse_deviation<S>(variance, epsilon)) {}
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
