// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/layer_adaptive/compensated_sum.hpp>
#include <prunus/criteria/detail/layer_adaptive/descending_scores.hpp>
#include <prunus/criteria/detail/layer_adaptive/layer_normalized_source.hpp>
#include <prunus/criteria/detail/layer_adaptive/threshold_finder.hpp>
#include <prunus/criteria/detail/tile_sums.hpp>

#include <cstddef>  // std::size_t
#include <span>     // std::span

namespace prunus {
inline namespace v0 {
namespace detail {

struct share_of_no_smaller {
  [[nodiscard]] static double element_score(double square, double no_smaller) noexcept {
    return square > 0 ? square / no_smaller : 0;
  }
};

}  // namespace detail

/// Squared magnitude of a tile over that of all tiles of the parameter that are no smaller:
///
///     score(t) = |w_t|^2 / sum over u with |w_u| >= |w_t| of |w_u|^2
///
/// which makes the tiles of different layers comparable: the largest of every layer scores 1, so a
/// `global` ranking can never empty a layer, and no rate for each layer need be chosen.
///
///     prunus::pass{prunus::layer_adaptive_magnitude{}, prunus::element, prunus::global{}}
///
/// @shape weight: any layout of up to four axes; scores: one a tile, in [0, 1]
/// Equal tiles score equal; ties go to the lower tile. Tiles with NaN or infinite weights have
/// scores that are not finite, which selection refuses by name; so do squares that overflow.
/// Sums are exact and rounded once, for weights within some 2^25 of the norm of the parameter.
/// Cost: one pass over the weights and one sort of the tiles (for float a radix sort); 8 to 16
/// bytes a tile for a while. A pass over single weights in float with an allocation that cuts
/// (`global`, `uniform`) writes no scores and sorts a few thousand weights only: one read of the
/// weights and the sweep that writes the masks.
/// @source J. Lee, S. Park, S. Mo, S. Ahn, J. Shin, "Layer-adaptive Sparsity for the
/// Magnitude-based Pruning", ICLR 2021, arXiv:2010.07611 (LAMP)
/// @deviation of equal weights the source counts those of lower index only; here all of them, so
/// that equal weights score equal. Any tile, by its Euclidean norm, not single weights only
struct layer_adaptive_magnitude {
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    reduce_tiles<detail::square_sum, S>(p.weight, grid, scores);
    // Scores that are not finite stay as they are.
    detail::with_descending_scores(std::span<const score_of<S>>(scores), [&](const auto& order) {
      detail::compensated_sum no_smaller;
      for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
        const double square = static_cast<double>(order[first].score);
        while (last < order.size() && order[last].score == order[first].score) ++last;
        no_smaller.add(square * static_cast<double>(last - first));
        const auto share = static_cast<score_of<S>>(
            detail::share_of_no_smaller::element_score(square, no_smaller.value()));
        for (std::size_t i = first; i < last; ++i)
          scores[static_cast<std::size_t>(order[i].place)] = share;
      }
    });
  }

  [[nodiscard]] static detail::layer_normalized_source<detail::share_of_no_smaller> element_source(
      const parameter<float>& p) noexcept {
    return {p.weight.data, p.weight.size(), p.name};
  }
};

static_assert(ranks_elements_unscored<layer_adaptive_magnitude, float>);
static_assert(criterion<layer_adaptive_magnitude, float> &&
              criterion<layer_adaptive_magnitude, double>);

}  // namespace v0
}  // namespace prunus
