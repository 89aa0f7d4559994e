// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/channel_factors.hpp>
#include <prunus/observe/activation_statistics.hpp>
#include <prunus/observe/statistics_ref.hpp>

#include <span>  // std::span

namespace prunus {
inline namespace v0 {

/// Magnitude of a weight times the norm of what it multiplies (Wanda): score = sum |w_ij| ||x_j||_2
/// over the tile, where ||x_j||_2 is the Euclidean norm of input channel j over all that was seen.
///
///     prunus::activation_statistics inputs;  // of what each weight reads
///     prunus::prune(net, prunus::pass{prunus::activation_norm{inputs}, prunus::element}, 0.5);
///
/// With `along = axis::out` and statistics of outputs it weighs by the norm of what a weight
/// writes. The statistics of a grouped convolution are of all its input channels.
///
/// @shape weight: any layout of up to four axes; statistics: one a channel of the axis, under the
/// name of the weight; scores: one a tile
/// Cost: one pass over the weights; one number a channel is allocated. Ties go to the lower tile.
/// NaN weights make NaN scores, which selection refuses by name.
/// @throws argument_error (unknown_name, unsupported: another axis), shape_error (shape_mismatch)
/// @source M. Sun, Z. Liu, A. Bair, J. Z. Kolter, "A Simple and Effective Pruning Approach for
/// Large Language Models", ICLR 2024, arXiv:2306.11695, equation 1
/// @deviation any tile, by the sum over its weights; a convolution takes the norm over all
/// positions of an input channel, borders alike; which weights are compared with each other is the
/// allocation's choice, where the paper compares those of one output
struct activation_norm {
  statistics_ref<activation_statistics> statistics;
  axis along = axis::in;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    detail::factors_of<S>(p, (*statistics)[p.name], along, "activation_norm",
                          [](const activation_record& r, Index c) { return r.norm(c); })
        .weigh_magnitudes(grid, scores);
  }
};

static_assert(criterion<activation_norm, float> && criterion<activation_norm, double>);

}  // namespace v0
}  // namespace prunus
