// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/observe/statistics_ref.hpp>
#include <prunus/observe/taylor_statistics.hpp>

#include <cstddef>  // std::size_t
#include <span>     // std::span

namespace prunus {
inline namespace v0 {

/// How much the loss would move, to first order, if a tile were zero: the mean over the batches of
/// a window of sum (w g)^2, |sum w g| or (sum w g)^2, as the statistics were told.
///
///     prunus::taylor_statistics products{net, prunus::filter};
///     prunus::pass{prunus::taylor{products}, prunus::filter}
///
/// The statistics must have been gathered with the tile of the pass. Of coupled filters a pass
/// takes the mean of the members' scores.
///
/// @shape weight: any layout of up to four axes; scores: one a tile
/// Cost: linear in tiles; no weights are read, nothing is allocated. Ties go to the lower tile.
/// @throws state_error (wrong_order: no batch in the window), argument_error (unknown_name),
/// shape_error (shape_mismatch: statistics over another tile)
/// @source P. Molchanov, A. Mallya, S. Tyree, I. Frosio, J. Kautz, "Importance Estimation for
/// Neural Network Pruning", CVPR 2019, doi:10.1109/CVPR.2019.01152: (sum w g)^2 of a filter, and
/// the sum of (w g)^2 of its weights. The latter, averaged over a window of batches that an event
/// clears, is how Yu, Santiyuda, Lin, Pasaribu, Afrianti, IEEE Access 13:71673-71687, 2025, score
/// filters with the library NNI
/// @deviation any tile; the window is as long as the caller does not reset it
struct taylor {
  statistics_ref<taylor_statistics> statistics;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    const std::span<const double> totals = statistics->totals(p.name, grid);
    if (statistics->batches() < 1)
      throw state_error(errc::wrong_order,
                        detail::concat("taylor: no batch was added since the last reset, so that ",
                                       p.name, " has no score; add one after a backward pass"));
    const double batches = static_cast<double>(statistics->batches());
    for (std::size_t t = 0; t < totals.size(); ++t)
      scores[t] = static_cast<score_of<S>>(totals[t] / batches);
  }
};

static_assert(criterion<taylor, float> && criterion<taylor, double>);

}  // namespace v0
}  // namespace prunus
