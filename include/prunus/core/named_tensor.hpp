// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/view.hpp>

#include <string>   // std::string
#include <utility>  // std::move
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// A tensor that owns its values, with a name and with the memory order and meaning of the view it
/// came from. Results that must outlive their source (compacted weights, copied optimizer state)
/// are of this type.
template <weight_scalar S>
struct named_tensor {
  std::string name;
  std::array<Index, 4> extents{1, 1, 1, 1};
  std::array<axis, 4> axes{axis::out, axis::in, axis::height, axis::width};
  int rank = 0;
  std::vector<S> values;

  [[nodiscard]] weight_view<S> view() noexcept { return {values.data(), extents, axes, rank}; }
  [[nodiscard]] weight_view<const S> view() const noexcept {
    return {values.data(), extents, axes, rank};
  }
};

}  // namespace v0
}  // namespace prunus
