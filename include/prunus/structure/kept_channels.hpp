// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/tensor_shape.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// Which channels of a node's inputs and of its result stay: what an operation makes its smaller
/// self from.
struct kept_channels {
  std::vector<std::uint8_t> result;               ///< 1 = stays, one a channel
  std::vector<std::vector<std::uint8_t>> inputs;  ///< the same of each input
  bool gains_bias = false;                        ///< a bias comes to a node that has none

  /// How many of some consecutive channels stay.
  [[nodiscard]] static Index among(const std::vector<std::uint8_t>& channels, Index first,
                                   Index count) noexcept {
    Index kept = 0;
    for (Index c = first; c < first + count; ++c)
      kept += channels[static_cast<std::size_t>(c)] != 0 ? 1 : 0;
    return kept;
  }
  [[nodiscard]] Index results() const noexcept {
    return among(result, 0, static_cast<Index>(result.size()));
  }
  [[nodiscard]] Index of_input(std::size_t k) const noexcept {
    return among(inputs[k], 0, static_cast<Index>(inputs[k].size()));
  }
};

}  // namespace v0
}  // namespace prunus
