// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/tile_reduction.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/tile_sums.hpp>
#include <prunus/selection/score_source.hpp>

#include <cmath>        // std::sqrt
#include <span>         // std::span
#include <type_traits>  // std::is_same_v

namespace prunus {
inline namespace v0 {

/// The criterion behind `l1_norm`, `l2_norm` and `linf_norm`, which say what it scores. `Fold` is a
/// tile_reducer; that is checked where it scores, for here every program would pay for it.
template <class Fold>
struct norm {
  /// Writes the norm of every tile. Cost: one pass over the weights, no allocation.
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    // Every norm of a single weight is its magnitude: no root of a square.
    if (grid.is_elementwise())
      return reduce_tiles<detail::magnitude_sum, S>(p.weight, grid, scores);
    reduce_tiles<Fold, S>(p.weight, grid, scores);
    // std::sqrt is exact; Eigen's packets are not, and would tell equal tiles apart by their place.
    if constexpr (std::is_same_v<Fold, detail::square_sum>)
      for (score_of<S>& score : scores) score = std::sqrt(score);
  }

  /// The weights themselves, by their magnitudes.
  template <weight_scalar S>
    requires std::is_same_v<S, score_of<S>>
  [[nodiscard]] static score_source<S> element_source(const parameter<S>& p) noexcept {
    return {p.weight.data, p.weight.size(), true, p.name};
  }
};

}  // namespace v0
}  // namespace prunus
