// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/channel_factors.hpp>
#include <prunus/observe/activation_statistics.hpp>
#include <prunus/observe/statistics_ref.hpp>

#include <span>  // std::span

namespace prunus {
inline namespace v0 {

/// Mean magnitude of the activations of a unit: score = mean |x|.
///
/// Made for filters and single units. The score of another tile is the mean over its weights. With
/// `along = axis::in` and statistics of inputs it ranks what a weight reads.
///
/// @shape statistics: one a channel of the axis, under the name of the weight; scores: one a tile
/// Cost: linear in tiles; the weights are not read, NaN among them is not noticed. Ties go to the
/// lower tile.
/// @throws argument_error (unknown_name, unsupported: another axis), shape_error (shape_mismatch)
/// @source P. Molchanov, S. Tyree, T. Karras, T. Aila, J. Kautz, "Pruning Convolutional Neural
/// Networks for Resource Efficient Inference", ICLR 2017, arXiv:1611.06440, section 2.2
/// (activation)
/// @deviation the mean of magnitudes, so that signs do not cancel where no rectifier follows; the
/// same behind a rectifier
struct activation_mean {
  statistics_ref<activation_statistics> statistics;
  axis along = axis::out;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    detail::factors_of<S>(p, (*statistics)[p.name], along, "activation_mean",
                          [](const activation_record& r, Index c) { return r.mean_magnitude(c); })
        .mean_over_tiles(grid, scores);
  }
};

static_assert(criterion<activation_mean, float> && criterion<activation_mean, double>);

}  // namespace v0
}  // namespace prunus
