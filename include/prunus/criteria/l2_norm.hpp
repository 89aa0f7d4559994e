// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/l1_norm.hpp>

#include <cmath>  // std::sqrt
#include <span>   // std::span

namespace prunus {
inline namespace v0 {

/// Euclidean norm of a tile: score = sqrt(sum w^2).
///
/// @shape weight: any layout of up to four axes; scores: one a tile
/// Ties go to the lower tile. NaN and infinite weights make NaN or infinite scores, which selection
/// refuses by name; so do float weights above 1e19 in tiles of several, whose squares overflow.
/// @source Y. He, G. Kang, X. Dong, Y. Fu, Y. Yang, "Soft Filter Pruning for Accelerating Deep
/// Convolutional Neural
///         Networks", IJCAI 2018, doi:10.24963/ijcai.2018/309, equation 2 with p = 2
/// @deviation any tile, not filters only
struct l2_norm {
  static constexpr bool scores_elements_by_magnitude = true;

  /// Writes the Euclidean norm of every tile. Cost: one pass over the weights, no allocation.
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    if (grid.is_elementwise()) return l1_norm{}.score(p, grid, scores);  // no root of a square
    reduce_tiles<fold, S>(p.weight, grid, scores);
    // std::sqrt is exact; Eigen's packets are not, and would tell equal tiles apart by their place.
    for (score_of<S>& score : scores) score = std::sqrt(score);
  }

 private:
  struct fold {
    static auto of(const auto& weights) { return weights.square(); }
    static auto reduce(const auto& terms) { return terms.sum(); }
    static auto combine(const auto& a, const auto& b) { return a + b; }
  };
};

static_assert(criterion<l2_norm, float> && criterion<l2_norm, double>);

}  // namespace v0
}  // namespace prunus
