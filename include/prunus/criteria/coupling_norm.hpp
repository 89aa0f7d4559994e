// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/tile_sums.hpp>

#include <cmath>    // std::isfinite
#include <cstddef>  // std::size_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// Squared norm of everything that goes with a unit: score = sum of w^2 over the weights that make
/// the channel, the weights that read it, and the scales of its normalisations.
///
///     prunus::couple(net, graph);
///     prunus::pass{prunus::coupling_norm{.relative = true}, prunus::filter, prunus::global{}}
///
/// A unit is unimportant when all of its members are. With `relative` the scores of a coupling (or
/// of a parameter of its own) are divided by their mean, so that couplings of different sizes can
/// be compared. Biases and shifts do not count. A parameter that no coupling has scores by the
/// squared norm of its tiles.
///
/// @shape weight: any; scores: one a unit, or one a tile
/// Ties go to the lower unit. NaN and infinite weights make scores that are not finite, which
/// selection refuses by name; so do squares that overflow. Cost: one pass over the members.
/// @source G. Fang, X. Ma, M. Song, M. B. Mi, X. Wang, "DepGraph: Towards Any Structural Pruning",
/// CVPR 2023, arXiv:2301.12900: norm of a group over all of its coupled parameters
/// @deviation the division by the mean over all units is our reading of a relative score; no sparse
/// training of the groups
struct coupling_norm {
  bool relative = false;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    reduce_tiles<detail::square_sum, S>(p.weight, grid, scores);
    if (relative) divide_by_mean(scores);
  }

  template <weight_scalar S>
  void score(const coupled_weights<S>& weights, std::span<score_of<S>> scores) const {
    std::vector<double> sums(scores.size(), 0.0);
    std::vector<score_of<S>> tiles;
    for (const typename coupled_weights<S>::member& m : weights.members) {
      if (!m.scored && !m.scale) continue;
      const weight_view<S> weight = m.parameter->weight;
      const tile_grid grid(weight, m.along == axis::out ? filter : prunus::channel);
      tiles.resize(static_cast<std::size_t>(grid.size()));
      reduce_tiles<detail::square_sum, S>(weight, grid, std::span<score_of<S>>(tiles));
      for (std::size_t i = 0; i < tiles.size(); ++i)
        sums[static_cast<std::size_t>(m.unit_of[i])] += static_cast<double>(tiles[i]);
    }
    for (std::size_t u = 0; u < sums.size(); ++u) scores[u] = static_cast<score_of<S>>(sums[u]);
    if (relative) divide_by_mean(scores);
  }

 private:
  /// Scores that are not finite stay so and do not touch the others.
  template <class T>
  static void divide_by_mean(std::span<T> scores) {
    double sum = 0, count = 0;
    for (const T s : scores)
      if (std::isfinite(s)) {
        sum += static_cast<double>(s);
        ++count;
      }
    if (!(sum > 0)) return;
    for (T& s : scores) s = static_cast<T>(static_cast<double>(s) * count / sum);
  }
};

static_assert(coupling_criterion<coupling_norm, float> &&
              coupling_criterion<coupling_norm, double>);

}  // namespace v0
}  // namespace prunus
