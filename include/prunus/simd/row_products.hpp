// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::min

namespace prunus {
inline namespace v0 {
namespace detail {

/// Rows of numbers, `pitch` apart.
template <class S>
struct rows_in_memory {
  const S* data;
  Index pitch;
  Index count;
};

/// sums[j * a.pitch + i] = sum over k < terms of a[k * a.pitch + i] * b[j * b.pitch + k], and with
/// `add` what stands there is part of the sum: products of all rows of two matrices, the first of
/// them given column by column. Of `below` the pairs i > j are set, and some others.
///
/// Every sum is one chain of multiply-adds in the order of k, wherever its rows stand: equal rows
/// have equal products. Reads and writes whole registers: there is room for the rows of a rounded
/// up. Meant for some hundred rows and terms, which stay in the cache.
template <class S>
inline void products_of_rows(const rows_in_memory<S>& a, const rows_in_memory<S>& b, Index terms,
                             bool below, bool add, S* sums) noexcept {
  const strided_taps taps{a.pitch, 1, terms};
  const auto column_of_tiles = [&]<int Rows>(int_constant<Rows>, Index begin, Index end) {
    for_each_tile<Rows>(
        (a.count + lanes<S> - 1) / lanes<S>, [&]<int Vectors>(int_constant<Vectors>, Index first) {
          const Index i = first * lanes<S>, behind = i + Vectors * lanes<S>;
          for (Index j = begin; j < end && (!below || j + 1 < behind); j += Rows)
            sum_of_lines_tile<S, Rows, Vectors>(a.data + i, taps, b.data + j * b.pitch, b.pitch,
                                                channel_epilogue<S>{}, sums + j * a.pitch + i,
                                                a.pitch, add);
        });
  };
  Index j = b.count / most_tile_rows * most_tile_rows;
  column_of_tiles(int_constant<most_tile_rows>{}, Index{0}, j);
  while (j < b.count) {
    const int tile = next_tile_rows(b.count - j);
    with_tile_rows(tile, [&](auto height) { column_of_tiles(height, j, j + tile); });
    j += tile;
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
