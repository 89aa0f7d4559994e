// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/tile_walk.hpp>
#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::fill
#include <span>         // std::span
#include <type_traits>  // std::conditional_t

namespace prunus::inline v0 {

/// The scalar of scores: double for double weights, float for all others.
template <weight_scalar S>
using score_of = std::conditional_t<std::is_same_v<S, double>, double, float>;

/// How the weights of a tile become one number. `of` maps an Eigen array of weights to one of
/// terms; `reduce` and `combine` must be the same associative, commutative operation with identity
/// zero.
template <class F>
concept tile_fold = requires(Eigen::ArrayXf terms, float a) {
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

}  // namespace detail

/// Folds the weights of every tile into one number each: one pass over the weights, whatever the
/// layout and the tile.
/// @pre totals.size() == grid.size(), and the grid is one of `weight`. Allocates nothing.
template <tile_fold Fold, weight_scalar S>
void reduce_tiles(weight_view<const S> weight, const tile_grid& grid,
                  std::span<score_of<S>> totals) {
  using score = score_of<S>;
  std::fill(totals.begin(), totals.end(), score{0});
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

}  // namespace prunus::inline v0
