// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::sort
#include <array>      // std::array
#include <bit>        // std::bit_cast
#include <cmath>      // std::isfinite
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint32_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <utility>    // std::swap
#include <vector>     // std::vector

namespace prunus::inline v0 {
namespace detail {

/// A score and where it stood.
template <class T, class Place>
struct placed_score {
  T score;
  Place place;
};

/// Sorts by the bits of non-negative floats, which are ordered as they are: three passes of a radix
/// sort, some ten times as fast as comparing where millions of scores are sorted.
inline void sort_descending(std::vector<placed_score<float, std::uint32_t>>& order) {
  constexpr int digit_bits = 11, digits = 3;
  constexpr std::size_t values = std::size_t{1} << digit_bits;
  // Of the complement, so that the largest comes first.
  const auto digit_of = [](float score, int digit) {
    return (~std::bit_cast<std::uint32_t>(score) >> (digit * digit_bits)) & (values - 1);
  };
  std::vector<std::array<std::uint32_t, values>> begin(digits);
  for (const auto& entry : order)
    for (int d = 0; d < digits; ++d) ++begin[static_cast<std::size_t>(d)][digit_of(entry.score, d)];
  std::vector<placed_score<float, std::uint32_t>> sorted(order.size());
  for (int d = 0; d < digits; ++d) {
    auto& next = begin[static_cast<std::size_t>(d)];
    std::uint32_t sum = 0;
    for (std::uint32_t& count : next) {
      const std::uint32_t here = count;
      count = sum;
      sum += here;
    }
    for (const auto& entry : order) sorted[next[digit_of(entry.score, d)]++] = entry;
    std::swap(order, sorted);
  }
}
template <class T, class Place>
void sort_descending(std::vector<placed_score<T, Place>>& order) {
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.score > b.score; });
}

template <class T, class Place>
[[nodiscard]] std::vector<placed_score<T, Place>> placed(std::span<const T> scores) {
  std::vector<placed_score<T, Place>> order;
  order.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (std::isfinite(scores[i])) order.push_back({scores[i], static_cast<Place>(i)});
  sort_descending(order);
  return order;
}

/// Calls `use` with the finite ones of some non-negative scores and their places, largest first.
template <class T, class Use>
void with_descending_scores(std::span<const T> scores, const Use& use) {
  if (scores.size() <= std::numeric_limits<std::uint32_t>::max())
    use(placed<T, std::uint32_t>(scores));
  else
    use(placed<T, std::size_t>(scores));
}

}  // namespace detail
}  // namespace prunus::inline v0
