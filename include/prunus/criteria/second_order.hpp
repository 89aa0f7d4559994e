// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/tile_walk.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/observe/gradient_second_moment.hpp>
#include <prunus/observe/statistics_ref.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill
#include <span>       // std::span

namespace prunus {
inline namespace v0 {

/// What the loss gains when a tile is set to zero, by the diagonal of its second derivative: score
/// = sum 1/2 h w^2.
///
///     prunus::gradient_second_moment<float> curvature;  // gathered over some batches
///     prunus::prune(net, prunus::pass{prunus::second_order{curvature}, prunus::element}, 0.9);
///
/// Right to second order at a minimum of the loss when h is the Hessian's diagonal and the tiles do
/// not interact; exact for a quadratic loss of independent weights.
///
/// @shape weight: any layout of up to four axes; curvature: one number a weight; scores: one a tile
/// @throws argument_error (unknown_name: nothing was gathered for the parameter), shape_error
///         (shape_mismatch: gathered for another shape or layout)
/// Ties go to the lower tile. NaN and infinite weights make NaN or infinite scores, which selection
/// refuses by name. Cost: one pass over weights and curvature, no allocation.
/// @source Y. LeCun, J. S. Denker, S. A. Solla, "Optimal Brain Damage", NeurIPS 1990 (saliency h
/// w^2 / 2)
/// @deviation our reading: h is the mean squared gradient (the empirical Fisher information), not
/// the Hessian's diagonal by a second backward pass; any tile, not single weights only
template <weight_scalar S>
struct second_order {
  statistics_ref<gradient_second_moment<S>> curvature;

  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    const named_tensor<score_of<S>>& h = (*curvature)[p.name];
    if (!h.view().same_shape(p.weight))
      throw shape_error(errc::shape_mismatch,
                        detail::concat("second_order: ", p.name, " is ", describe(p.weight),
                                       ", the curvature is of ", describe(h.view())));
    const auto terms = [&](Index at, Index count) {
      const score_of<S> half = static_cast<score_of<S>>(0.5);
      return half * detail::scores_from(h.values.data() + at, count) *
             detail::scores_from(p.weight.data + at, count).square();
    };
    std::fill(scores.begin(), scores.end(), score_of<S>{0});
    detail::walk_tiles(
        grid,
        [&](Index at, Index count, Index tile) {
          scores[static_cast<std::size_t>(tile)] += terms(at, count).sum();
        },
        [&](Index at, Index count, Index tile) {
          Eigen::Map<Eigen::Array<score_of<S>, Eigen::Dynamic, 1>>(scores.data() + tile, count) +=
              terms(at, count);
        });
  }
};

template <weight_scalar S>
second_order(const gradient_second_moment<S>&) -> second_order<S>;

static_assert(criterion<second_order<float>, float> && criterion<second_order<double>, double>);

}  // namespace v0
}  // namespace prunus
