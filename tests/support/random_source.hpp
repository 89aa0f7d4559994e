// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cstdint>  // std::uint64_t
#include <utility>  // std::swap
#include <vector>   // std::vector

namespace support {

using Eigen::Index;

/// Random numbers for property tests: SplitMix64, the same on every machine.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  /// From `least` to `most`, both included.
  Index between(Index least, Index most) {
    return least + static_cast<Index>(bits() % static_cast<std::uint64_t>(most - least + 1));
  }
  double real(double least, double most) {
    return least + (most - least) * static_cast<double>(bits() >> 11) / 9007199254740992.0;
  }
  /// Nearly normal: the sum of twelve uniform numbers.
  double gaussian() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += real(0, 1);
    return sum;
  }
  bool chance(double probability) { return real(0, 1) < probability; }

  /// A random order of 0, 1, ..., size - 1.
  std::vector<Index> permutation(Index size) {
    std::vector<Index> order;
    for (Index i = 0; i < size; ++i) order.push_back(i);
    for (Index i = size - 1; i > 0; --i)
      std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(between(0, i))]);
    return order;
  }

 private:
  std::uint64_t state_;
};

}  // namespace support
