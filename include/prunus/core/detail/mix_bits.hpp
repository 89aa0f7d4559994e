// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>  // std::uint64_t

namespace prunus {
inline namespace v0 {
namespace detail {

/// A well-mixed hash of a counter (the finaliser of SplitMix64; Steele, Lea, Flood
/// 2014, 10.1145/2660193.2660195).
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
