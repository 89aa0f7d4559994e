// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/tile.hpp>

#include <array>    // std::array
#include <cstddef>  // std::size_t

namespace prunus {
inline namespace v0 {
namespace detail {

/// One loop of a walk over a weight: `count` steps of `weights` in memory and of `tiles` in the
/// grid (0 inside a tile).
struct tile_loop {
  Index count = 1;
  Index weights = 1;
  Index tiles = 0;
};

/// A regular part of a grid as a nest of at most eight loops, outermost first; the innermost has
/// unit stride.
struct tile_nest {
  std::array<tile_loop, 9> loops{};
  std::size_t depth = 0;
  Index first_weight = 0;
  Index first_tile = 0;

  /// Adds an inner loop, merging it with the one around it when the two are one loop in memory and
  /// in the grid.
  constexpr void push(const tile_loop& inner) noexcept {
    if (inner.count == 1) return;
    if (depth > 0) {
      tile_loop& outer = loops[depth - 1];
      if ((outer.tiles == 0) == (inner.tiles == 0) &&
          outer.weights == inner.count * inner.weights &&
          outer.tiles == inner.count * inner.tiles) {
        outer = {outer.count * inner.count, inner.weights, inner.tiles};
        return;
      }
    }
    loops[depth++] = inner;
  }
};

template <class Uniform, class Row>
void walk_nest(const tile_nest& nest, std::size_t level, Index weight, Index tile, Uniform& uniform,
               Row& row) {
  const tile_loop& loop = nest.loops[level];
  if (level + 1 == nest.depth) {
    if (loop.tiles == 0)
      uniform(weight, loop.count, tile);
    else
      row(weight, loop.count, tile);
  } else if (level + 2 == nest.depth &&
             nest.loops[level + 1].tiles == 0) {  // many short runs: keep the loop tight
    const Index run = nest.loops[level + 1].count;
    for (Index i = 0; i < loop.count; ++i)
      uniform(weight + i * loop.weights, run, tile + i * loop.tiles);
  } else {
    for (Index i = 0; i < loop.count; ++i)
      walk_nest(nest, level + 1, weight + i * loop.weights, tile + i * loop.tiles, uniform, row);
  }
}

/// Visits every weight once, in runs that are contiguous in memory and as long as the grid allows.
///
/// `uniform(weight, count, tile)`: `count` weights from offset `weight` on belong to the one
/// `tile`. `row(weight, count, tile)`: they belong to `count` neighbouring tiles from `tile` on,
/// one each. Where tiles do not divide the weight, the smaller tiles at the ends are walked as
/// parts of their own.
template <class Uniform, class Row>
void walk_tiles(const tile_grid& grid, Uniform uniform, Row row) {
  std::array<Index, 4> weight_stride{}, tile_stride{};
  Index weights = 1, tiles = 1;
  for (std::size_t k = 4; k-- > 0;) {
    weight_stride[k] = weights;
    tile_stride[k] = tiles;
    weights *= grid.extents()[k];
    tiles *= grid.counts()[k];
  }
  for (unsigned part = 0; part < 16;
       ++part) {  // bit k: the remainder along axis k instead of its whole tiles
    tile_nest nest;
    bool empty = false;
    for (std::size_t k = 0; k < 4 && !empty; ++k) {
      const Index whole = grid.extents()[k] / grid.tile_extents()[k];
      const Index rest = grid.extents()[k] % grid.tile_extents()[k];
      const bool remainder = (part >> k & 1U) != 0;
      const Index count = remainder ? (rest > 0 ? 1 : 0) : whole;
      const Index extent = remainder ? rest : grid.tile_extents()[k];
      empty = count == 0;
      if (remainder) {
        nest.first_weight += whole * grid.tile_extents()[k] * weight_stride[k];
        nest.first_tile += whole * tile_stride[k];
      }
      nest.push({count, grid.tile_extents()[k] * weight_stride[k], tile_stride[k]});
      nest.push({extent, weight_stride[k], 0});
    }
    if (empty) continue;
    if (nest.depth == 0 || nest.loops[nest.depth - 1].weights != 1)
      nest.loops[nest.depth++] = {1, 1, 0};
    walk_nest(nest, 0, nest.first_weight, nest.first_tile, uniform, row);
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
