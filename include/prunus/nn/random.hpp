// SPDX-License-Identifier: MIT
#pragma once

#include <array>    // std::array
#include <cmath>    // std::sqrt, std::log, std::cos
#include <cstdint>  // std::uint32_t, std::uint64_t

namespace prunus {
inline namespace v0 {
namespace nn {

/// Random numbers without state: a pure function of (seed, stream, index). Any number of any stream
/// can be had at any time, on any thread, after any restart.
///
/// Philox 4x32 with ten rounds. The seed is the key; stream and index are the counter.
/// @source Salmon, Moraes, Dror, Shaw 2011, doi:10.1145/2063384.2063405
class counter_random {
 public:
  constexpr counter_random(std::uint64_t seed, std::uint64_t stream) noexcept
      : seed_(seed), stream_(stream) {}

  /// 128 random bits.
  [[nodiscard]] constexpr std::array<std::uint32_t, 4> block(std::uint64_t index) const noexcept {
    std::array<std::uint32_t, 4> x{low(index), high(index), low(stream_), high(stream_)};
    std::uint32_t key0 = low(seed_), key1 = high(seed_);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53} * x[0],
                          b = std::uint64_t{0xCD9E8D57} * x[2];
      x = {high(b) ^ x[1] ^ key0, low(b), high(a) ^ x[3] ^ key1, low(a)};
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    return x;
  }
  [[nodiscard]] constexpr std::uint64_t bits(std::uint64_t index) const noexcept {
    const std::array<std::uint32_t, 4> x = block(index);
    return std::uint64_t{x[0]} | std::uint64_t{x[1]} << 32;
  }
  /// In [0, 1), a multiple of 2^-53.
  [[nodiscard]] constexpr double uniform(std::uint64_t index) const noexcept {
    return static_cast<double>(bits(index) >> 11) * 0x1p-53;
  }
  /// A whole number in [0, bound). Its bias is below bound / 2^64. @pre bound > 0
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound,
                                              std::uint64_t index) const noexcept {
    const std::uint64_t x = bits(index);  // the high half of the 128-bit product x * bound
    const std::uint64_t middle =
        (low(x) * std::uint64_t{high(bound)}) + ((low(x) * std::uint64_t{low(bound)}) >> 32);
    const std::uint64_t cross = high(x) * std::uint64_t{low(bound)} + low(middle);
    return high(x) * std::uint64_t{high(bound)} + high(middle) + high(cross);
  }
  /// Mean 0, variance 1 (Box and Muller). Platforms may differ in the last digit, as their
  /// logarithms and cosines do.
  [[nodiscard]] double normal(std::uint64_t index) const noexcept {
    const std::array<std::uint32_t, 4> x = block(index);
    const double radius =
        (static_cast<double>(x[0]) + static_cast<double>(x[1]) * 0x1p-32 + 0x1p-33) * 0x1p-32;
    const double angle =
        (static_cast<double>(x[2]) + static_cast<double>(x[3]) * 0x1p-32) * 0x1p-32;
    return std::sqrt(-2.0 * std::log(radius)) * std::cos(6.283185307179586 * angle);
  }

 private:
  [[nodiscard]] static constexpr std::uint32_t low(std::uint64_t x) noexcept {
    return static_cast<std::uint32_t>(x);
  }
  [[nodiscard]] static constexpr std::uint32_t high(std::uint64_t x) noexcept {
    return static_cast<std::uint32_t>(x >> 32);
  }

  std::uint64_t seed_, stream_;
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus
