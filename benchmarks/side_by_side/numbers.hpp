// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/selection/selection.hpp>

#include <Eigen/Core>

#include <cstdint>
#include <vector>

namespace side_by_side {

using Eigen::Index;

/// Numbers in [-1, 1), the same in every run and nowhere zero.
[[nodiscard]] inline std::vector<float> some_numbers(Index count, std::uint64_t seed = 0) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] =
        (static_cast<float>(prunus::detail::mix_bits(i + (seed << 40)) >> 40) + 0.5F) / 8388608.0F -
        1.0F;
  return values;
}

/// Zeroes blocks of `height` rows x `width` neighbouring weights of a rows x terms matrix, each
/// with the given probability.
inline void remove_blocks(std::vector<float>& weights, Index terms, Index height, Index width,
                          double removed) {
  const Index rows = static_cast<Index>(weights.size()) / terms;
  std::uint64_t number = 77;
  for (Index r = 0; r < rows; r += height)
    for (Index k = 0; k < terms; k += width) {
      if (static_cast<double>(prunus::detail::mix_bits(++number) >> 11) * 0x1p-53 >= removed)
        continue;
      for (Index i = r; i < std::min(r + height, rows); ++i)
        for (Index j = k; j < std::min(k + width, terms); ++j)
          weights[static_cast<std::size_t>(i * terms + j)] = 0;
    }
}

}  // namespace side_by_side
