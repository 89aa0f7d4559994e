// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>

#include <Eigen/Core>

#include <span>  // std::span

namespace prunus {
inline namespace v0 {

/// Largest magnitude in a tile: score = max |w|.
///
/// @shape weight: any layout of up to four axes; scores: one a tile
/// Ties go to the lower tile. NaN and infinite weights make NaN or infinite scores, which selection
/// refuses by name.
/// @source the maximum norm, the limit p -> infinity of the norms of He et al. 2018,
/// doi:10.24963/ijcai.2018/309, eq. 2
/// @deviation none
struct linf_norm {
  static constexpr bool scores_elements_by_magnitude = true;

  /// Writes max |w| of every tile. Cost: one pass over the weights, no allocation.
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    reduce_tiles<fold, S>(p.weight, grid, scores);
  }

 private:
  struct fold {
    static float larger(float a, float b) {
      return a >= b || a != a ? a : b;
    }  // NaN wins, as below
    static double larger(double a, double b) { return a >= b || a != a ? a : b; }
    static auto larger(const auto& a, const auto& b) { return (a >= b || a.isNaN()).select(a, b); }
    static auto of(const auto& weights) { return weights.abs(); }
    static auto reduce(const auto& terms) { return terms.template maxCoeff<Eigen::PropagateNaN>(); }
    static auto combine(const auto& a, const auto& b) { return larger(a, b); }
  };
};

static_assert(criterion<linf_norm, float> && criterion<linf_norm, double>);

}  // namespace v0
}  // namespace prunus
