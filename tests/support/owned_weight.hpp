// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/tile.hpp>
#include <prunus/core/view.hpp>

#include <array>        // std::array
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace support {

using Eigen::Index;
using prunus::axis;

/// Extents of a weight by their meaning.
struct shape4 {
  Index out = 1, in = 1, height = 1, width = 1;
  [[nodiscard]] Index size() const { return out * in * height * width; }
  [[nodiscard]] Index along(axis a) const {
    return a == axis::out ? out : a == axis::in ? in : a == axis::height ? height : width;
  }
};

/// Memory orders, slowest axis first: PyTorch, Keras, TFLite, their column-major readings, others.
inline constexpr std::array<std::string_view, 8> memory_orders{"OIHW", "HWIO", "OHWI", "IOHW",
                                                               "WHIO", "OIWH", "IHWO", "WOHI"};

/// A weight that owns its values, in the memory order that `letters` say, slowest axis first.
template <class S>
struct owned_weight {
  prunus::layout order;
  std::vector<Index> extents;
  std::vector<S> values;

  owned_weight(std::string_view letters, const shape4& shape)
      : order(prunus::layout::parse(letters)), values(static_cast<std::size_t>(shape.size())) {
    for (char letter : letters)
      extents.push_back(letter == 'O'   ? shape.out
                        : letter == 'I' ? shape.in
                        : letter == 'H' ? shape.height
                                        : shape.width);
  }
  [[nodiscard]] prunus::weight_view<S> view() {
    return prunus::view(values.data(), std::span<const Index>(extents), order);
  }
};

/// Calls `use(out, in, height, width)` for every position.
template <class Use>
void for_each_position(const shape4& shape, Use use) {
  for (Index o = 0; o < shape.out; ++o)
    for (Index i = 0; i < shape.in; ++i)
      for (Index h = 0; h < shape.height; ++h)
        for (Index w = 0; w < shape.width; ++w) use(o, i, h, w);
}

/// Tiles by index arithmetic alone: the twin that tile_grid and walk_tiles are checked against.
struct naive_grid {
  std::array<axis, 4> order{};  ///< slowest first
  std::array<Index, 4> tile{}, count{};

  template <class S>
  naive_grid(const prunus::weight_view<S>& weight, const prunus::tile& shape) : order(weight.axes) {
    for (std::size_t k = 0; k < 4; ++k) {
      const Index extent = weight.extents[k];
      const Index wanted = shape.along(order[k]);
      tile[k] = wanted == 0 || wanted > extent ? extent : wanted;
      for (Index at = 0; at < extent; at += tile[k]) ++count[k];
    }
  }
  [[nodiscard]] Index size() const { return count[0] * count[1] * count[2] * count[3]; }
  /// Number of the tile that holds a position.
  [[nodiscard]] Index at(Index out, Index in, Index height, Index width) const {
    Index number = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const Index position = order[k] == axis::out      ? out
                             : order[k] == axis::in     ? in
                             : order[k] == axis::height ? height
                                                        : width;
      number = number * count[k] + position / tile[k];
    }
    return number;
  }
};

/// The tiles that every property is tried with; some do not divide the shapes they are used on.
inline const std::vector<prunus::tile>& tiles_to_try() {
  static const std::vector<prunus::tile> tiles{
      prunus::element, prunus::kernel_2d,  prunus::filter,           prunus::channel,
      prunus::stripe,  prunus::layer,      prunus::block(2, 1),      prunus::block(3, 2),
      prunus::head(2), prunus::tile{1, 3}, prunus::tile{1, 1, 2, 2}, prunus::tile{2, 3, 2, 0}};
  return tiles;
}

}  // namespace support
