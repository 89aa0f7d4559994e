// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <algorithm>  // std::clamp, std::stable_sort
#include <cmath>      // std::floor, std::round
#include <cstddef>    // std::size_t
#include <numeric>    // std::iota
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

/// What one entry may get.
struct share_bounds {
  double least = 0, most = 0;  ///< before rounding
  Index room = 0;              ///< after rounding it is no more than this
};

/// Whole numbers that add up to `total`: entry i gets `share(i, common)` within its bounds, where
/// `common`, the same for all, is found by bisection between `below` and `above`; what rounding
/// down leaves goes to the largest remainders, of equal ones to the earlier entry.
/// @pre share rises with common; sum of the least <= total <= sum of the rooms
template <class Share>
[[nodiscard]] std::vector<Index> shared_out(std::span<const share_bounds> bounds, Index total,
                                            double below, double above, const Share& share) {
  const auto at = [&](std::size_t i, double common) {
    return std::clamp(share(i, common), bounds[i].least, bounds[i].most);
  };
  for (int halving = 0; halving < 200; ++halving) {
    const double middle = below + (above - below) / 2;
    double sum = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) sum += at(i, middle);
    (sum < static_cast<double>(total) ? below : above) = middle;
  }
  constexpr double digits = 1e9;  // what lies behind them is rounding error
  std::vector<Index> whole;
  std::vector<double> rest;
  Index missing = total;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const double exact = at(i, above), floor = std::floor(exact + 1 / digits);
    whole.push_back(static_cast<Index>(floor));
    rest.push_back(std::round((exact - floor) * digits));
    missing -= whole.back();
  }
  std::vector<std::size_t> order(bounds.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rest[a] > rest[b]; });
  while (missing > 0)
    for (const std::size_t i : order)
      if (missing > 0 && whole[i] < bounds[i].room) ++whole[i], --missing;
  for (std::size_t k = order.size(); missing<0; k = k> 1 ? k - 1 : order.size())
    if (const std::size_t i = order[k - 1];  // by rounding errors of the common number alone
        static_cast<double>(whole[i]) > bounds[i].least)
      --whole[i], ++missing;
  return whole;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
