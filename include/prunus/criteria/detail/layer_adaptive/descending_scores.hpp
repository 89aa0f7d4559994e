// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::max_element, std::sort
#include <array>        // std::array
#include <bit>          // std::bit_cast
#include <cmath>        // std::isfinite
#include <concepts>     // std::same_as
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint32_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <type_traits>  // std::is_same_v
#include <utility>      // std::exchange
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// A score and where it stood.
template <class T, class Place>
struct placed_score {
  T score;
  Place place;
};

template <class Order>
void sort_by_comparing(Order&& order) {
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.score > b.score; });
}

/// The bits of non-negative floats are ordered as they are; of the complement, so that the largest
/// comes first.
template <int Shift, int Bits>
[[nodiscard]] inline std::uint32_t digit_of(float score) noexcept {
  return (~std::bit_cast<std::uint32_t>(score) >> Shift) & ((1U << Bits) - 1);
}

/// From how many have each digit to where those of each digit begin.
inline void begin_after_counts(std::span<std::uint32_t> counts) noexcept {
  std::uint32_t sum = 0;
  for (std::uint32_t& count : counts) sum += std::exchange(count, sum);
}

/// Sorts by 18 low bits, two digits of 9. @pre `room` is as large as `part`
template <class Placed>
void sort_by_low_bits(std::span<Placed> part, std::span<Placed> room) {
  constexpr std::size_t few = 48;
  if (part.size() <= few) return sort_by_comparing(part);
  std::array<std::uint32_t, 512> low{}, high{};
  for (const Placed& entry : part) {
    ++low[digit_of<0, 9>(entry.score)];
    ++high[digit_of<9, 9>(entry.score)];
  }
  begin_after_counts(low);
  begin_after_counts(high);
  for (const Placed& entry : part) room[low[digit_of<0, 9>(entry.score)]++] = entry;
  for (const Placed& entry : room) part[high[digit_of<9, 9>(entry.score)]++] = entry;
}

/// A radix sort whose first digit, of 13 bits, parts the scores into heaps that fit into the cache,
/// where the others are sorted: many times as fast as comparing where millions of scores are
/// sorted.
template <std::same_as<float> T>
[[nodiscard]] auto sorted_by_digits(std::span<const T> scores) {
  using placed = placed_score<T, std::uint32_t>;
  constexpr int bits = 13, shift = 18;  // behind the sign
  std::vector<std::uint32_t> heap(std::size_t{1} << bits);
  std::size_t finite = 0;
  for (const T score : scores)
    if (std::isfinite(score)) {
      ++heap[digit_of<shift, bits>(score)];
      ++finite;
    }
  const std::uint32_t largest = *std::max_element(heap.begin(), heap.end());
  begin_after_counts(heap);
  std::vector<placed> order(finite), room(largest);
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (std::isfinite(scores[i]))
      order[heap[digit_of<shift, bits>(scores[i])]++] = {scores[i], static_cast<std::uint32_t>(i)};
  std::size_t begin = 0;
  for (const std::uint32_t end : heap) {
    sort_by_low_bits(std::span<placed>(order).subspan(begin, end - begin),
                     std::span<placed>(room).first(end - begin));
    begin = end;
  }
  return order;
}

/// The finite scores and their places, largest first.
template <class T, class Place>
[[nodiscard]] std::vector<placed_score<T, Place>> placed(std::span<const T> scores) {
  constexpr std::size_t worth_digits = 4096;
  if constexpr (std::is_same_v<placed_score<T, Place>, placed_score<float, std::uint32_t>>)
    if (scores.size() > worth_digits) return sorted_by_digits(scores);
  std::vector<placed_score<T, Place>> order;
  order.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (std::isfinite(scores[i])) order.push_back({scores[i], static_cast<Place>(i)});
  sort_by_comparing(order);
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
}  // namespace v0
}  // namespace prunus
