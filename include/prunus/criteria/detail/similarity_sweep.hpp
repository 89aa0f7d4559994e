// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <algorithm>    // std::max
#include <cmath>        // std::abs
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <type_traits>  // std::common_type_t
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

/// A unit that a sweep takes out, and the distance of the pair that it was taken out of.
template <class T>
struct eliminated_unit {
  Index unit;
  T distance;
};

/// Takes the closest pair of live units, removes the one of smaller total distance to all live ones
/// (of equal totals, up to rounding, the one of smaller norm, then of larger index), and so on
/// until one is left. Of equally close pairs the one with the lower indices comes first.
///
/// Removing a unit only takes pairs away, so a row's closest partner is looked for anew only when
/// it is gone and its old distance is the smallest of all.
/// @param live is all zero but for the last unit afterwards
/// Cost: O(units^2) time on usual data.
template <class Matrix>
[[nodiscard]] std::vector<eliminated_unit<typename Matrix::Scalar>> sweep_closest_pairs(
    const Matrix& distance, std::span<const double> norm, std::vector<std::uint8_t>& live) {
  using scalar = typename Matrix::Scalar;
  constexpr scalar infinity = std::numeric_limits<scalar>::infinity();
  const Index n = distance.cols();
  const auto is_live = [&](Index u) { return live[static_cast<std::size_t>(u)] != 0; };
  using sums = Eigen::Array<std::common_type_t<scalar, double>, Eigen::Dynamic, 1>;
  sums total = sums::Zero(n);
  Eigen::Array<scalar, Eigen::Dynamic, 1> closest =
      Eigen::Array<scalar, Eigen::Dynamic, 1>::Constant(n, infinity);
  std::vector<Index> partner(static_cast<std::size_t>(n), 0);
  Index count = 0;
  const auto find_partner = [&](Index i) {
    closest[i] = infinity;
    for (Index j = i + 1; j < n; ++j)
      if (distance(j, i) < closest[i] && is_live(j)) {
        closest[i] = distance(j, i);
        partner[static_cast<std::size_t>(i)] = j;
      }
  };
  for (Index i = 0; i < n; ++i) {
    if (!is_live(i)) continue;
    ++count;
    find_partner(i);
    for (Index j = 0; j < n; ++j)
      if (j != i && is_live(j)) total[i] += static_cast<double>(distance(j, i));
  }
  const auto goes_first = [&](Index i, Index j) {  // i < j
    constexpr double rounding = 64 * static_cast<double>(std::numeric_limits<scalar>::epsilon());
    const bool tied = distance(j, i) == 0 ||
                      std::abs(total[i] - total[j]) <= rounding * std::max(total[i], total[j]);
    if (!tied) return total[i] < total[j] ? i : j;
    return norm[static_cast<std::size_t>(i)] < norm[static_cast<std::size_t>(j)] ? i : j;
  };

  std::vector<eliminated_unit<scalar>> order;
  while (count > 1) {
    Index i = 0;
    closest.minCoeff(&i);
    const Index j = partner[static_cast<std::size_t>(i)];
    if (!is_live(j)) {
      find_partner(i);
      continue;
    }
    const Index victim = goes_first(i, j);
    order.push_back({victim, distance(j, i)});
    live[static_cast<std::size_t>(victim)] = 0;
    closest[victim] = infinity;
    total -= distance.col(victim).array().template cast<double>();
    --count;
  }
  return order;
}

/// Live units that go, in their order, until no two of those left are within `limit` of each other:
/// again and again the one with most neighbours within it (of equally many the one of smaller total
/// distance to all live ones, up to rounding; then of smaller norm; then of larger index).
/// Cost: O(units^2) time.
template <class Matrix>
[[nodiscard]] std::vector<Index> units_within(const Matrix& distance, std::span<const double> norm,
                                              std::vector<std::uint8_t> live,
                                              typename Matrix::Scalar limit) {
  constexpr double rounding =
      64 * static_cast<double>(std::numeric_limits<typename Matrix::Scalar>::epsilon());
  const Index n = distance.cols();
  std::vector<Index> neighbours(live.size(), 0), removed;
  std::vector<double> total(live.size(), 0);
  const auto count = [&](Index unit, Index change) {  // what a unit is to all other live ones
    for (Index u = 0; u < n; ++u) {
      if (u == unit || live[static_cast<std::size_t>(u)] == 0) continue;
      if (distance(u, unit) <= limit) neighbours[static_cast<std::size_t>(u)] += change;
      total[static_cast<std::size_t>(u)] +=
          static_cast<double>(change) * static_cast<double>(distance(u, unit));
    }
  };
  for (Index u = 0; u < n; ++u)
    if (live[static_cast<std::size_t>(u)] != 0) count(u, 1);
  const auto goes_before = [&](std::size_t u, std::size_t v) {  // u > v
    if (neighbours[u] != neighbours[v]) return neighbours[u] > neighbours[v];
    if (std::abs(total[u] - total[v]) > rounding * std::max(total[u], total[v]))
      return total[u] < total[v];
    return norm[u] <= norm[v];
  };
  for (;;) {
    Index first = -1;
    for (Index u = 0; u < n; ++u)
      if (live[static_cast<std::size_t>(u)] != 0 &&
          (first < 0 || goes_before(static_cast<std::size_t>(u), static_cast<std::size_t>(first))))
        first = u;
    if (first < 0 || neighbours[static_cast<std::size_t>(first)] == 0) return removed;
    removed.push_back(first);
    live[static_cast<std::size_t>(first)] = 0;
    count(first, -1);
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
