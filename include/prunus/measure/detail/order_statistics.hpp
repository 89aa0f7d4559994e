// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::max
#include <cmath>      // std::ceil, std::sqrt
#include <cstddef>    // std::size_t
#include <span>       // std::span

namespace prunus {
inline namespace v0 {
namespace detail {

/// The value below which the given fraction of the ascending, non-empty sample lies, interpolated
/// between neighbours (definition 7 of Hyndman and Fan 1996, doi 10.1080/00031305.1996.10473566).
[[nodiscard]] inline double quantile(std::span<const double> ascending, double fraction) {
  const double position = fraction * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  if (below + 1 >= ascending.size()) return ascending.back();
  const double weight = position - static_cast<double>(below);
  return ascending[below] + weight * (ascending[below + 1] - ascending[below]);
}

struct sample_range {
  double lower = 0;
  double upper = 0;
};

/// Where the median of the population lies, at about 95 %, whatever its distribution: from the
/// order statistic of rank ceil(n/2 - 0.98 sqrt(n)) to its mirror image, the whole range below
/// eight values (Conover 1999, Practical Nonparametric Statistics, section 3.2).
[[nodiscard]] inline sample_range median_interval(std::span<const double> ascending) {
  const auto count = static_cast<double>(ascending.size());
  const double rank = std::max(1.0, std::ceil(count / 2 - 0.98 * std::sqrt(count)));
  const auto skipped = static_cast<std::size_t>(rank) - 1;
  return {ascending[skipped], ascending[ascending.size() - 1 - skipped]};
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
