// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/similar_units.hpp>
#include <prunus/criteria/similarity.hpp>

#include <span>  // std::span

namespace prunus {
inline namespace v0 {

/// A filter near the geometric median of its layer can be replaced by the others: score = sum over
/// all other filters of the Euclidean distance to them, and the smallest goes.
///
/// @shape weight: any layout; tiles: whole filters, channels or heads; scores: one a tile,
/// proportional to the scale of the weights
/// Weights that live and die together: the mean over the weights that produce the filters. Filters
/// of zeros score 0, below all others, and do not count in the sums of the others. NaN and infinite
/// weights make the score of their own filter NaN, which selection refuses by name. Equal filters
/// score equal; ties go to the lower tile.
/// @throws argument_error (unsupported: other tiles)
/// Cost: n^2 * length / 2 multiply-adds for n filters; no allocation as large as the weight where a
/// filter is contiguous in memory.
/// @source Y. He, P. Liu, Z. Wang, Z. Hu, Y. Yang, "Filter Pruning via Geometric Median for Deep
/// Convolutional Neural Networks Acceleration", CVPR 2019, doi:10.1109/CVPR.2019.00447
/// @deviation filters of zeros are left out of the sums; coupled weights by their mean: our reading
struct geometric_median {
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    detail::similar_tiles("geometric_median", p, grid, similarity::euclidean).sum_distances(scores);
  }
  template <weight_scalar S>
  void score(const coupled_weights<S>& weights, std::span<score_of<S>> scores) const {
    detail::similar_coupled_units(weights, similarity::euclidean).sum_distances(scores);
  }
};

static_assert(coupling_criterion<geometric_median, float> &&
              coupling_criterion<geometric_median, double>);

}  // namespace v0
}  // namespace prunus
