// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/tile_walk.hpp>
#include <prunus/criteria/criterion.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill
#include <cstddef>    // std::size_t
#include <span>       // std::span

namespace prunus {
inline namespace v0 {

/// Sensitivity of the loss to the presence of a connection: score = sum |w g| over the tile, from
/// the gradients as they are now.
///
///     net.forward(...); net.backward();   // one batch, usually before training
///     prunus::prune(net.parameters(), prunus::pass{prunus::snip{}, prunus::element,
///                                                  prunus::global{}}, 0.9);
///
/// @shape weight, gradient: any layout of up to four axes; scores: one a tile
/// Cost: one pass over weights and gradients, no allocation. Ties go to the lower tile. NaN and
/// infinite weights or gradients make scores that selection refuses by name.
/// @throws argument_error (null_storage: the parameter has no gradient)
/// @source N. Lee, T. Ajanthan, P. H. S. Torr, "SNIP: Single-shot Network Pruning based on
/// Connection Sensitivity", ICLR 2019, arXiv:1810.02340
/// @deviation scores are not divided by their sum over the network, which does not change their
/// order; any tile, by the sum over its weights
struct snip {
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    const S* gradient = p.options.gradient.data;
    if (gradient == nullptr)
      throw argument_error(errc::null_storage,
                           detail::concat("snip: ", p.name, " has no gradient; give model.add the ",
                                          "option .gradient"));
    const auto terms = [&](Index at, Index count) {
      return (detail::scores_from<S>(p.weight.data + at, count) *
              detail::scores_from<S>(gradient + at, count))
          .abs();
    };
    const bool once = grid.is_elementwise();  // every score is written by one weight
    if (!once) std::fill(scores.begin(), scores.end(), score_of<S>{0});
    detail::walk_tiles(
        grid,
        [&](Index at, Index count, Index tile) {
          score_of<S>& total = scores[static_cast<std::size_t>(tile)];
          total = (once ? score_of<S>{0} : total) + terms(at, count).sum();
        },
        [&](Index at, Index count, Index tile) {
          Eigen::Map<Eigen::Array<score_of<S>, Eigen::Dynamic, 1>> row(scores.data() + tile, count);
          if (once)
            row = terms(at, count);
          else
            row += terms(at, count);
        });
  }
};

static_assert(criterion<snip, float> && criterion<snip, double>);

}  // namespace v0
}  // namespace prunus
