// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/selection/simd_scores.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <array>        // std::array
#include <bit>          // std::countr_zero
#include <cmath>        // std::abs
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int32_t, std::int64_t
#include <cstring>      // std::memcpy
#include <limits>       // std::numeric_limits
#include <type_traits>  // std::conditional_t
#include <vector>       // std::vector

/// The passes over scores that selection is made of, at the speed of memory. `Magnitude`: the score
/// is the absolute value of what is read.
namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

/// Scores looked at together: few enough to stay in the first cache.
inline constexpr Index scanned_together = 1024;

/// As wide as a score, so that counting in vectors does not narrow.
template <class T>
using score_counter = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;

template <bool Magnitude, class T>
[[nodiscard]] inline T score_at(const T* data, Index i) {
  return Magnitude ? std::abs(data[i]) : data[i];
}

/// What a pass has counted.
struct scan_counts {
  Index below = 0;   ///< scores below the value asked for
  Index up_to = 0;   ///< scores not above it
  Index finite = 0;  ///< scores that are neither infinite nor NaN

  scan_counts& operator+=(const scan_counts& o) noexcept {
    below += o.below;
    up_to += o.up_to;
    finite += o.finite;
    return *this;
  }
};

/// How many scores are below `value` and how many not above it. One pass, no allocation.
template <bool Magnitude, class T>
[[nodiscard]] scan_counts count_around(const T* data, Index size, T value) {
  scan_counts counts;
  for (Index begin = 0; begin < size; begin += scanned_together) {
    const Index end = std::min(begin + scanned_together, size);
    score_counter<T> below = 0, up_to = 0, finite = 0;
    for (Index i = begin; i < end; ++i) {  // branch-free, for the compilers to vectorise
      const T s = score_at<Magnitude>(data, i);
      below += s < value ? 1 : 0;
      up_to += s <= value ? 1 : 0;
      finite += std::abs(data[i]) <= std::numeric_limits<T>::max() ? 1 : 0;
    }
    counts += {below, up_to, finite};
  }
  return counts;
}

/// Counts the scores of a piece that are not above `low`, and writes those in (low, high) to `to`,
/// in order; returns how many. @pre room for `length` of them
template <bool Magnitude, class T>
[[nodiscard]] std::size_t scan_plainly(const T* data, Index length, T low, T high,
                                       scan_counts& counts, T* to) {
  constexpr Index step = 64;
  std::size_t found = 0;
  for (Index begin = 0; begin < length; begin += step) {
    const Index end = std::min(begin + step, length);
    score_counter<T> up_to = 0, below_high = 0, finite = 0;
    for (Index i = begin; i < end; ++i) {
      const T s = score_at<Magnitude>(data, i);
      up_to += s <= low ? 1 : 0;
      below_high += s < high ? 1 : 0;
      finite += std::abs(data[i]) <= std::numeric_limits<T>::max() ? 1 : 0;
    }
    counts += {0, up_to, finite};
    if (below_high <= up_to) continue;
    for (Index i = begin; i < end; ++i) {
      const T s = score_at<Magnitude>(data, i);
      to[found] = s;
      found += static_cast<std::size_t>((s > low) & (s < high));
    }
  }
  return found;
}

/// The same in vector instructions.
/// @pre simd_scores<T>::available, length == scanned_together, and room for one vector more
template <bool Magnitude, class T>
[[nodiscard]] std::size_t scan_in_lanes(const T* data, T low, T high, scan_counts& counts, T* to) {
  using L = simd_scores<T>;
  constexpr int steps = static_cast<int>(scanned_together) / L::count;
  const typename L::vector lowest = L::all(low), highest = L::all(high),
                           greatest = L::all(std::numeric_limits<T>::max());
  typename L::counts up_to = L::none(), finite = L::none();
  T* const first = to;
  for (int k = 0; k < steps; ++k) {
    const T* x = data + k * L::count;
    const typename L::vector value = L::load(x), magnitude = L::magnitude(value);
    const typename L::vector s = Magnitude ? magnitude : value;
    const typename L::lanes not_above_low = L::not_above(s, lowest);
    up_to = L::count_up(up_to, not_above_low);
    finite = L::count_up(finite, L::not_above(magnitude, greatest));
    unsigned between = L::first_not_second(L::less(s, highest), not_above_low);
    if constexpr (requires { L::put(to, s, between); })
      to = L::put(to, s, between);
    else
      for (; between != 0; between &= between - 1)
        *to++ = score_at<Magnitude>(x, std::countr_zero(between));
  }
  const auto sum_of = [](const typename L::counts& lanes) {
    std::array<score_counter<T>, L::count> each;
    std::memcpy(each.data(), &lanes, sizeof each);
    Index sum = 0;
    for (const score_counter<T> one : each) sum += one;
    return sum;
  };
  counts += {0, sum_of(up_to), sum_of(finite)};
  return static_cast<std::size_t>(to - first);
}

/// Counts the scores not above `low` and appends those in (low, high) to `between`, in order. One
/// pass, in pieces of at most `scanned_together`; `also(begin, length)` may look at each while it
/// is in the cache.
template <bool Magnitude, class T, class Also>
[[nodiscard]] scan_counts collect_between(const T* data, Index size, T low, T high,
                                          std::vector<T>& between, Also&& also) {
  constexpr std::size_t room = 16;  // of a vector
  scan_counts counts;
  std::size_t found = between.size();
  for (Index begin = 0; begin < size; begin += scanned_together) {
    const Index length = std::min(scanned_together, size - begin);
    const std::size_t needed = found + static_cast<std::size_t>(scanned_together) + room;
    if (between.size() < needed) between.resize(2 * needed);
    also(begin, length);
    T* const to = between.data() + found;
    if constexpr (simd_scores<T>::available)
      if (length == scanned_together) {
        found += scan_in_lanes<Magnitude>(data + begin, low, high, counts, to);
        continue;
      }
    found += scan_plainly<Magnitude>(data + begin, length, low, high, counts, to);
  }
  between.resize(found);
  return counts;
}
template <bool Magnitude, class T>
[[nodiscard]] scan_counts collect_between(const T* data, Index size, T low, T high,
                                          std::vector<T>& between) {
  return collect_between<Magnitude>(data, size, low, high, between, [](Index, Index) {});
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
