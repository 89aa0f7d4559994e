// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/tile_sums.hpp>

#include <span>  // std::span

namespace prunus {
inline namespace v0 {

/// Sum of the magnitudes of the gradients of a tile: score = sum |dL/dw|. What the loss would gain
/// most by moving; the rule by which drop_and_grow grows.
///
/// Reads the gradient that stands in `parameter_options::gradient`: that of the last backward pass,
/// of pruned weights, too, so it must not have been masked.
///
/// @shape weight and gradient: any layout of up to four axes; scores: one a tile
/// @throws argument_error (null_storage) for a parameter without a gradient
/// Ties go to the lower tile. NaN and infinite gradients make NaN or infinite scores, which
/// selection refuses by name. Cost: one pass over the gradients, no allocation.
/// @source U. Evci, T. Gale, J. Menick, P. S. Castro, E. Elsen, "Rigging the Lottery: Making All
/// Tickets Winners", ICML 2020, doi:10.48550/arXiv.1911.11134, section 3 (growth of single weights)
/// @deviation any tile, not single weights only
struct gradient_norm {
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    if (p.options.gradient.empty())
      throw argument_error(errc::null_storage,
                           detail::concat("gradient_norm: ", p.name, " has no gradient; register ",
                                          "it with model.add(name, weight, {.gradient = ...})"));
    reduce_tiles<detail::magnitude_sum, S>(p.options.gradient, grid, scores);
  }
};

static_assert(criterion<gradient_norm, float> && criterion<gradient_norm, double>);

}  // namespace v0
}  // namespace prunus
