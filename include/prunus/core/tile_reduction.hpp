// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/tile_walk.hpp>
#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::fill, std::min
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <type_traits>  // std::conditional_t

namespace prunus {
inline namespace v0 {

/// The scalar of scores: double for double weights, float for all others.
template <weight_scalar S>
using score_of = std::conditional_t<std::is_same_v<S, double>, double, float>;

/// How the weights of a tile become one number. `of` maps an Eigen array of weights to one of
/// terms; `reduce` and `combine` must be the same associative, commutative operation with identity
/// zero.
template <class F>
concept tile_reducer = requires(Eigen::ArrayXf terms, float a) {
  F::of(terms);
  { F::reduce(terms) } -> std::convertible_to<float>;
  F::combine(terms, terms);
};

namespace detail {

template <weight_scalar S>
[[nodiscard]] auto scores_from(const S* data, Index count) {
  const Eigen::Map<const Eigen::Array<S, Eigen::Dynamic, 1>> values(data, count);
  return values.template cast<score_of<S>>();
}

/// Rows that follow each other in memory, folded into one number each. Three distant rows take
/// turns, a piece of each: a processor fetches ahead in every stream that it sees, and so has more
/// of the memory on its way (a quarter faster on the machines seen).
template <class Fold, weight_scalar S>
void reduce_rows(const S* data, Index length, std::span<score_of<S>> totals) {
  constexpr Index piece = 512, streams = 3;
  const auto fold = [&](Index row, Index begin, Index count) {
    score_of<S>& total = totals[static_cast<std::size_t>(row)];
    total = Fold::combine(total, static_cast<score_of<S>>(Fold::reduce(
                                     Fold::of(scores_from(data + row * length + begin, count)))));
  };
  const Index rows = static_cast<Index>(totals.size()), each = rows / streams;
  for (Index row = 0; row < each; ++row)
    for (Index begin = 0; begin < length; begin += piece)
      for (Index s = 0; s < streams; ++s)
        fold(s * each + row, begin, std::min(piece, length - begin));
  for (Index row = streams * each; row < rows; ++row) fold(row, 0, length);
}

}  // namespace detail

/// Folds the weights of every tile into one number each: one pass over the weights, whatever the
/// layout and the tile.
/// @pre totals.size() == grid.size(), and the grid is one of `weight`. Allocates nothing.
template <tile_reducer Fold, weight_scalar S>
void reduce_tiles(weight_view<const S> weight, const tile_grid& grid,
                  std::span<score_of<S>> totals) {
  using score = score_of<S>;
  std::fill(totals.begin(), totals.end(), score{0});
  const bool rows = grid.is_regular() && grid.size() == grid.counts()[0] && grid.size() > 0;
  if (rows && !grid.is_elementwise())
    return detail::reduce_rows<Fold, S>(weight.data, grid.weights() / grid.size(), totals);
  detail::walk_tiles(
      grid,
      [&](Index at, Index count, Index tile) {
        score& total = totals[static_cast<std::size_t>(tile)];
        total = Fold::combine(total, static_cast<score>(Fold::reduce(
                                         Fold::of(detail::scores_from(weight.data + at, count)))));
      },
      [&](Index at, Index count, Index tile) {
        Eigen::Map<Eigen::Array<score, Eigen::Dynamic, 1>> row(totals.data() + tile, count);
        row = Fold::combine(row, Fold::of(detail::scores_from(weight.data + at, count)));
      });
}

}  // namespace v0
}  // namespace prunus
