// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/selection/score_scan.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <bit>          // std::bit_cast
#include <cstdint>      // std::uint8_t
#include <cstring>      // std::memcpy
#include <span>         // std::span
#include <type_traits>  // std::is_const_v

/// From a threshold to the bytes of a mask, at the speed of memory.
namespace prunus {
inline namespace v0 {
namespace detail {

/// How many of some bytes that are 0 or 1 are 1.
[[nodiscard]] inline Index count_ones(std::span<const std::uint8_t> bytes) noexcept {
  constexpr std::size_t word = sizeof(std::uint64_t), most = 255;  // a byte counts to 255
  std::size_t at = 0;
  Index total = 0;
  while (bytes.size() - at >= word) {
    const std::size_t words = std::min((bytes.size() - at) / word, most);
    std::uint64_t sums = 0;  // one sum in each byte
    for (std::size_t w = 0; w < words; ++w) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, bytes.data() + at + w * word, word);
      sums += eight;
    }
    for (; sums != 0; sums >>= 8) total += static_cast<Index>(sums & 0xFF);
    at += words * word;
  }
  for (; at < bytes.size(); ++at) total += bytes[at];
  return total;
}

/// Zeroes `x` unless it stays; for all bit patterns, and vectorised by the compilers.
template <class T>
[[nodiscard]] inline T zero_unless(T x, bool stays) {
  const score_bits<T> kept = stays ? ~score_bits<T>{0} : score_bits<T>{0};
  return std::bit_cast<T>(static_cast<score_bits<T>>(std::bit_cast<score_bits<T>>(x) & kept));
}

/// keep = score > threshold. Data that may be written is set to zero where it does not stay.
template <bool Magnitude, class Data, class T>
void keep_above(Data* data, Index size, T threshold, std::uint8_t* keep) {
  constexpr Index together = 256;  // a length that the compiler knows
  const auto piece = [&](Data* x, Index length, std::uint8_t* k) {
    for (Index i = 0; i < length; ++i) k[i] = score_at<Magnitude>(x, i) > threshold ? 1 : 0;
    if constexpr (!std::is_const_v<Data>)
      for (Index i = 0; i < length; ++i)
        x[i] = zero_unless(x[i], score_at<Magnitude>(x, i) > threshold);
  };
  Index begin = 0;
  for (; begin + together <= size; begin += together) piece(data + begin, together, keep + begin);
  piece(data + begin, size - begin, keep + begin);
}

/// The same where only some of the scores equal to the threshold go: those that are gone already
/// (keep = 0) and the first `ties` of the others.
template <bool Magnitude, class Data, class T>
void keep_above(Data* data, Index size, T threshold, Index ties, std::uint8_t* keep) {
  constexpr Index together = 256;
  for (Index begin = 0; begin < size; begin += together) {
    Data* const x = data + begin;
    std::uint8_t* const k = keep + begin;
    const Index length = std::min(together, size - begin);
    score_counter<T> equal = 0;
    if (ties > 0)
      for (Index i = 0; i < length; ++i) equal += score_at<Magnitude>(x, i) == threshold ? 1 : 0;
    if (equal > 0) {
      for (Index i = 0; i < length && ties > 0; ++i)
        if (k[i] != 0 && score_at<Magnitude>(x, i) == threshold) {
          k[i] = 0;
          --ties;
        }
    }
    for (Index i = 0; i < length; ++i) {
      const T s = score_at<Magnitude>(x, i);
      const auto above = static_cast<std::uint8_t>(s > threshold ? 1 : 0);
      const auto not_below = static_cast<std::uint8_t>(s >= threshold ? 1 : 0);
      k[i] = static_cast<std::uint8_t>(above | (not_below & k[i]));
    }
    if constexpr (!std::is_const_v<Data>)
      for (Index i = 0; i < length; ++i) x[i] = zero_unless(x[i], k[i] != 0);
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
