// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <bit>      // std::popcount
#include <cstddef>  // std::size_t
#include <cstdint>  // std::int32_t, std::uint64_t
#include <numeric>  // std::iota
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

/// The rows 0, 1, ... of a matrix as they stand.
[[nodiscard]] inline std::vector<std::int32_t> rows_in_order(Index rows) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// The rows of a matrix, those that have many of their non-zeros in common in groups of `together`;
/// what does not fill a group comes last.
///
/// Greedy: a group begins with the first row that is left, and takes the one that shares most with
/// all it has; of equal ones the first. Every term that is shared saves one of the group's reads.
/// Cost: about rows^2 / 2 * terms / 64 steps.
template <class S>
[[nodiscard]] std::vector<std::int32_t> similar_rows(const S* weights, Index rows, Index terms,
                                                     Index together) {
  const Index words = (terms + 63) / 64;
  std::vector<std::uint64_t> taken(static_cast<std::size_t>(rows * words)),
      group(static_cast<std::size_t>(words));
  for (Index r = 0; r < rows; ++r)
    for (Index k = 0; k < terms; ++k)
      taken[static_cast<std::size_t>(r * words + k / 64)] |=
          std::uint64_t{weights[r * terms + k] != 0} << (k % 64);
  std::vector<std::int32_t> left = rows_in_order(rows), order;
  const auto take = [&](std::size_t at) {
    const std::uint64_t* row = taken.data() + left[at] * words;
    for (std::size_t w = 0; w < group.size(); ++w) group[w] |= row[w];
    order.push_back(left[at]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(at));
  };
  while (static_cast<Index>(left.size()) >= together) {
    group.assign(group.size(), 0);
    take(0);
    for (Index n = 1; n < together; ++n) {
      std::size_t best = 0;
      int most = -1;
      for (std::size_t i = 0; i < left.size(); ++i) {
        const std::uint64_t* row = taken.data() + left[i] * words;
        int shared = 0;
        for (std::size_t w = 0; w < group.size(); ++w) shared += std::popcount(row[w] & group[w]);
        if (shared > most) {
          most = shared;
          best = i;
        }
      }
      take(best);
    }
  }
  for (const std::int32_t row : left) order.push_back(row);
  return order;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
