// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/model.hpp>
#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <cstddef>  // std::size_t
#include <limits>   // std::numeric_limits
#include <span>     // std::span
#include <utility>  // std::move
#include <vector>   // std::vector

/// The scores of what a pass ranks.
namespace prunus {
inline namespace v0 {
namespace detail {

/// A target as an allocation sees it; `keep` is written through.
template <class T, class Source>
[[nodiscard]] ranking_group<T, Source> group_of(pass_state::target& t, Source scores,
                                                Index pruned) {
  const tile_grid* grid = t.coupled() ? nullptr : &t.members.front().mask.grid();
  return {t.name, std::move(scores), t.keep(), t.limits, grid, t.coupling, pruned};
}

template <weight_scalar S>
[[nodiscard]] const parameter<S>& parameter_of(const model<S>& net,
                                               const pass_state::target::member& m) {
  return net.parameters()[static_cast<std::size_t>(m.parameter)];
}

/// One score a unit: of all members together, or the mean over the unit's tiles.
template <class Criterion, weight_scalar S>
void score_coupled(const Criterion& criterion, const model<S>& net, const pass_state::target& t,
                   std::span<score_of<S>> scores) {
  if constexpr (coupling_criterion<Criterion, S>) {
    const coupling& declared = net.couplings()[static_cast<std::size_t>(t.coupling)];
    criterion.score(weights_of(net, declared), scores);
  } else {
    std::vector<score_of<S>> tiles;
    std::vector<Index> count(scores.size(), 0);
    for (const pass_state::target::member& m : t.members) {
      if (!m.scored) continue;
      tiles.resize(static_cast<std::size_t>(m.mask.size()));
      criterion.score(parameter_of(net, m), m.mask.grid(), std::span<score_of<S>>(tiles));
      for (std::size_t i = 0; i < tiles.size(); ++i) {
        scores[static_cast<std::size_t>(m.unit_of[i])] += tiles[i];
        ++count[static_cast<std::size_t>(m.unit_of[i])];
      }
    }
    for (std::size_t u = 0; u < scores.size(); ++u)
      if (count[u] > 1) scores[u] /= static_cast<score_of<S>>(count[u]);
  }
}

/// Scores of all units of one target; what is pruned scores lowest.
template <class Criterion, weight_scalar S>
[[nodiscard]] std::vector<score_of<S>> score(const Criterion& criterion, const model<S>& net,
                                             pass_state::target& t) {
  const std::span<const std::uint8_t> keep = t.keep();
  std::vector<score_of<S>> scores(keep.size(), score_of<S>{0});
  const pass_state::target::member& first = t.members.front();
  if (t.coupled())
    score_coupled(criterion, net, t, std::span<score_of<S>>(scores));
  else
    criterion.score(parameter_of(net, first), first.mask.grid(), std::span<score_of<S>>(scores));
  for (std::size_t u = 0; u < scores.size(); ++u)
    if (keep[u] == 0) scores[u] = std::numeric_limits<score_of<S>>::lowest();
  return scores;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
