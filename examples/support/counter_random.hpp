// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>  // std::uint64_t

namespace prunus_examples {

/// Random numbers that are a pure function of a key and a counter, the same with every compiler and
/// standard library: the finaliser of splitmix64 over an additive sequence (Steele, Lea and Flood
/// 2014, doi 10.1145/2660193.2660195).
class counter_random {
 public:
  /// One sequence for each pair; near pairs give unrelated sequences.
  constexpr counter_random(std::uint64_t seed, std::uint64_t stream) noexcept
      : state_(mixed(mixed(seed) + golden * stream)) {}

  /// 64 random bits.
  constexpr std::uint64_t bits() noexcept { return mixed(state_ += golden); }

  /// Uniform in [0, 1).
  constexpr double uniform() noexcept { return static_cast<double>(bits() >> 11U) * 0x1.0p-53; }

  /// Uniform in [low, high).
  constexpr double uniform(double low, double high) noexcept {
    return low + (high - low) * uniform();
  }

  /// Uniform in 0 .. count - 1; the bias is below count / 2^32.
  constexpr int below(int count) noexcept {
    return static_cast<int>((bits() >> 32U) * static_cast<std::uint64_t>(count) >> 32U);
  }

  /// True with that probability.
  constexpr bool chance(double probability) noexcept { return uniform() < probability; }

  /// Bell-shaped with mean 0 and deviation 1, within +-3.5: the sum of four uniform numbers of
  /// 16 bits, without the functions whose last digit differs between mathematical libraries.
  constexpr double bell() noexcept {
    const std::uint64_t four = bits();
    const std::uint64_t sum = (four & 0xFFFFU) + (four >> 16U & 0xFFFFU) + (four >> 32U & 0xFFFFU) +
                              (four >> 48U & 0xFFFFU);
    return (static_cast<double>(sum) - 131070.0) * (1.7320508075688772 / 65535.0);
  }

 private:
  static constexpr std::uint64_t golden = 0x9E3779B97F4A7C15U;

  [[nodiscard]] static constexpr std::uint64_t mixed(std::uint64_t value) noexcept {
    value = (value ^ value >> 30U) * 0xBF58476D1CE4E5B9U;
    value = (value ^ value >> 27U) * 0x94D049BB133111EBU;
    return value ^ value >> 31U;
  }

  std::uint64_t state_;
};

}  // namespace prunus_examples
