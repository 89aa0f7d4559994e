// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <initializer_list>  // std::initializer_list
#include <limits>            // std::numeric_limits
#include <optional>          // std::optional

namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

/// Nothing where the result is more than an Index holds, or a number is negative.
[[nodiscard]] constexpr std::optional<Index> sum_of(Index a, Index b) noexcept {
  if (a < 0 || b < 0 || a > std::numeric_limits<Index>::max() - b) return std::nullopt;
  return a + b;
}

/// The product of all factors; nothing where it is more than an Index holds, as far as the first
/// factor of 0, or where a factor is negative.
template <class Factors = std::initializer_list<Index>>
[[nodiscard]] constexpr std::optional<Index> product_of(const Factors& factors) noexcept {
  Index product = 1;
  for (const Index factor : factors) {
    constexpr Index root = Index{1} << 31;  // a division is dear
    const bool small = product < root && factor >= 0 && factor < root;
    if (!small &&
        (factor < 0 || (factor > 0 && product > std::numeric_limits<Index>::max() / factor)))
      return std::nullopt;
    product *= factor;
  }
  return product;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
