// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/observe/movement_scores.hpp>
#include <prunus/observe/statistics_ref.hpp>

#include <cstddef>  // std::size_t
#include <span>     // std::span

namespace prunus {
inline namespace v0 {

/// Whether the weights of a tile have moved away from zero in training: the score that
/// movement_scores has learned for it. Scores may be negative.
///
///     prunus::movement_scores scores{net, prunus::element};
///     prunus::pass{prunus::movement{scores}, prunus::element, prunus::uniform{}, prunus::soft{}}
///
/// Of coupled filters a pass takes the mean of the members' scores.
///
/// @shape weight: any layout of up to four axes; scores: one a tile
/// Cost: linear in tiles; no weights are read, nothing is allocated. Ties go to the lower tile.
/// @throws argument_error (unknown_name), shape_error (shape_mismatch: scores of another tile)
/// @source V. Sanh, T. Wolf, A. M. Rush, "Movement Pruning: Adaptive Sparsity by Fine-Tuning",
/// NeurIPS 2020, arXiv:2005.07683 (single weights); one score a filter, trained by adam at 0.01, as
/// the library NNI does for Yu, Santiyuda, Lin, Pasaribu, Afrianti, IEEE Access 13:71673-71687,
/// 2025
/// @deviation the sources keep the weights of what is pruned and mask them in the forward pass, so
/// that its score goes on learning. Here `soft` sets them to zero in place: such a score moves
/// again when training has moved the weights, and under `hard` never. To have the sources' way, run
/// the network on a masked copy and step the scores with a model that views the whole weights.
template <class T>
struct movement {
  statistics_ref<movement_scores<T>> statistics;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    const std::span<const T> learned = statistics->scores(p.name, grid);
    for (std::size_t t = 0; t < learned.size(); ++t)
      scores[t] = static_cast<score_of<S>>(learned[t]);
  }
};

template <class T>
movement(const movement_scores<T>&) -> movement<T>;

static_assert(criterion<movement<float>, float> && criterion<movement<double>, double>);

}  // namespace v0
}  // namespace prunus
