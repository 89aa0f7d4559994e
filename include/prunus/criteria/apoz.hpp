// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/channel_factors.hpp>
#include <prunus/observe/activation_statistics.hpp>
#include <prunus/observe/statistics_ref.hpp>

#include <span>  // std::span

namespace prunus {
inline namespace v0 {

/// Average percentage of zeros: units that are 0 for most inputs go first. Score = 1 - the share of
/// the unit's activations that are 0, in [0, 1].
///
///     prunus::pass{prunus::apoz{outputs}, prunus::filter}
///
/// Made for filters and single units. The score of another tile is the mean over its weights. With
/// `along = axis::in` and statistics of inputs it ranks what a weight reads.
///
/// @shape statistics: one a channel of the axis, under the name of the weight; scores: one a tile
/// Cost: linear in tiles; the weights are not read, NaN among them is not noticed. Ties go to the
/// lower tile.
/// @throws argument_error (unknown_name, unsupported: another axis), shape_error (shape_mismatch)
/// @source H. Hu, R. Peng, Y.-W. Tai, C.-K. Tang, "Network Trimming: A Data-Driven Neuron Pruning
/// Approach towards Efficient Deep Architectures", 2016, arXiv:1607.03250, equation 1
/// @deviation a target sparsity instead of a threshold on the share of zeros
struct apoz {
  statistics_ref<activation_statistics> statistics;
  axis along = axis::out;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    detail::factors_of<S>(p, (*statistics)[p.name], along, "apoz",
                          [](const activation_record& r, Index c) { return r.active_share(c); })
        .mean_over_tiles(grid, scores);
  }
};

static_assert(criterion<apoz, float> && criterion<apoz, double>);

}  // namespace v0
}  // namespace prunus
