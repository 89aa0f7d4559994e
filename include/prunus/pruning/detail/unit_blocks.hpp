// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/structure/detail/disjoint_sets.hpp>

#include <algorithm>  // std::min
#include <cstddef>    // std::size_t
#include <optional>   // std::optional
#include <utility>    // std::move
#include <vector>     // std::vector

/// What a tile of whole channels makes of the units of a coupling.
namespace prunus {
inline namespace v0 {
namespace detail {

/// A tile that removes whole channels: `extent` neighbours along `along`.
struct channel_tile {
  axis along;
  Index extent;
};
[[nodiscard]] inline std::optional<channel_tile> channel_tile_of(const tile& shape) noexcept {
  if (shape.height != tile::all || shape.width != tile::all) return std::nullopt;
  if (shape.in == tile::all && shape.out != tile::all) return channel_tile{axis::out, shape.out};
  if (shape.out == tile::all && shape.in != tile::all) return channel_tile{axis::in, shape.in};
  return std::nullopt;
}

/// Units of a coupling that one tile takes together, because it spans several channels, go
/// together: block b is all units u with `block_of[u] == b`.
struct unit_blocks {
  std::vector<Index> block_of;
  Index count = 0;

  unit_blocks(const coupling& c, const channel_tile& shape) {
    disjoint_sets sets;
    for (Index u = 0; u < c.units; ++u) static_cast<void>(sets.add());
    if (shape.extent > 1)
      for (const coupling::member& m : c.members)
        if (m.axis == shape.along)
          for (std::size_t i = 0; i < m.unit_of.size(); ++i)
            sets.unite(m.unit_of[i - i % static_cast<std::size_t>(shape.extent)], m.unit_of[i]);
    for (Index u = 0; u < c.units; ++u) {  // the smallest unit stands for its set
      const Index root = sets.find(u);
      block_of.push_back(root == u ? count++ : block_of[static_cast<std::size_t>(root)]);
    }
  }

  /// The same coupling with blocks for units.
  [[nodiscard]] coupling coarse(coupling c) const {
    if (count == c.units) return c;
    for (coupling::member& m : c.members) {
      std::vector<Index> blocks;
      for (const Index u : m.unit_of) blocks.push_back(block_of[static_cast<std::size_t>(u)]);
      m.unit_of = std::move(blocks);
    }
    c.units = count;
    c.stays.clear();
    return c;
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
