// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/core/tile_walk.hpp>
#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/detail/unit_blocks.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>  // std::find, std::max, std::min
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

/// The scores of what a pass ranks.
namespace prunus {
inline namespace v0 {
namespace detail {

/// A target as an allocation sees it; `keep` is written through.
template <class T, class Source>
[[nodiscard]] ranking_group<T, Source> group_of(pass_state::target& t, Source scores,
                                                Index pruned) {
  const tile_grid* grid = t.coupled() ? nullptr : &t.members.front().mask.grid();
  return {t.name,
          std::move(scores),
          t.keep(),
          t.limits,
          grid,
          t.coupling,
          pruned,
          unknown_count,
          {t.unit_of.begin(), t.unit_of.size()}};
}

template <weight_scalar S>
[[nodiscard]] const parameter<S>& parameter_of(const model<S>& net,
                                               const pass_state::target::member& m) {
  return net.parameters()[static_cast<std::size_t>(m.parameter)];
}

/// What is scored at once: a parameter of its own, or all targets of one coupling.
using scored_together = std::vector<std::size_t>;

[[nodiscard]] inline std::vector<scored_together> targets_scored_together(const pass_state& state) {
  std::vector<scored_together> result;
  std::vector<Index> coupling_of;  // of the results
  for (std::size_t i = 0; i < state.targets.size(); ++i) {
    const Index c = state.targets[i].coupling;
    const auto there =
        c < 0 ? coupling_of.end() : std::find(coupling_of.begin(), coupling_of.end(), c);
    if (there != coupling_of.end()) {
      result[static_cast<std::size_t>(there - coupling_of.begin())].push_back(i);
      continue;
    }
    result.push_back({i});
    coupling_of.push_back(c);
  }
  return result;
}

/// One score a block of units of a coupling: of all members together, or the mean over its tiles.
template <class Criterion, weight_scalar S>
[[nodiscard]] std::vector<score_of<S>> score_blocks(const Criterion& criterion, const model<S>& net,
                                                    const pass_state& state,
                                                    const scored_together& targets,
                                                    const unit_blocks& blocks,
                                                    const channel_tile& shape) {
  const auto number = static_cast<std::size_t>(state.targets[targets.front()].coupling);
  const coupling& declared = net.couplings()[number];
  std::vector<score_of<S>> scores(static_cast<std::size_t>(blocks.count), score_of<S>{0});
  if constexpr (coupling_criterion<Criterion, S>) {
    const coupling coarse = blocks.coarse(declared);
    criterion.score(weights_of(net, coarse), std::span<score_of<S>>(scores));
  } else {
    std::vector<score_of<S>> tiles;
    std::vector<Index> count(scores.size(), 0), done;
    for (const std::size_t i : targets)
      for (const pass_state::target::member& m : state.targets[i].members) {
        if (!m.scored || std::find(done.begin(), done.end(), m.parameter) != done.end()) continue;
        done.push_back(m.parameter);
        tiles.resize(static_cast<std::size_t>(m.mask.size()));
        criterion.score(parameter_of(net, m), m.mask.grid(), std::span<score_of<S>>(tiles));
        for (const coupling::member& d : declared.members) {
          if (d.axis != shape.along || d.parameter != m.name) continue;
          const auto extent = static_cast<std::size_t>(
              std::min<Index>(shape.extent, static_cast<Index>(d.unit_of.size())));
          for (std::size_t t = 0; t < tiles.size(); ++t) {
            const auto b = static_cast<std::size_t>(
                blocks.block_of[static_cast<std::size_t>(d.unit_of[t * extent])]);
            scores[b] += tiles[t];
            ++count[b];
          }
        }
      }
    for (std::size_t b = 0; b < scores.size(); ++b)
      if (count[b] > 1) scores[b] /= static_cast<score_of<S>>(count[b]);
  }
  return scores;
}

/// Writes the scores of all units of targets that are scored together.
template <class Criterion, weight_scalar S>
void score(const Criterion& criterion, const model<S>& net, const pass_state& state,
           const scored_together& targets, const tile& shape,
           std::vector<std::vector<score_of<S>>>& scores) {
  const pass_state::target& first = state.targets[targets.front()];
  for (const std::size_t i : targets) scores[i].resize(state.targets[i].keep().size());
  if (!first.coupled()) {
    criterion.score(parameter_of(net, first.members.front()), first.members.front().mask.grid(),
                    std::span<score_of<S>>(scores[targets.front()]));
    return;
  }
  const channel_tile channels = *channel_tile_of(shape);
  const unit_blocks blocks(net.couplings()[static_cast<std::size_t>(first.coupling)], channels);
  const std::vector<score_of<S>> all =
      score_blocks(criterion, net, state, targets, blocks, channels);
  for (const std::size_t i : targets)
    for (std::size_t u = 0; u < blocks.block_of.size(); ++u)
      if (const Index unit = state.targets[i].unit_of[u]; unit >= 0)
        scores[i][static_cast<std::size_t>(unit)] =
            all[static_cast<std::size_t>(blocks.block_of[u])];
}

/// Marks the tiles of a weight that hold anything but zeros.
template <weight_scalar S>
[[nodiscard]] std::vector<std::uint8_t> find_living_tiles(const tile_grid& grid,
                                                          weight_view<S> weight) {
  std::vector<std::uint8_t> lives(static_cast<std::size_t>(grid.size()), 0);
  walk_tiles(
      grid,
      [&](Index at, Index count, Index tile) {
        for (Index i = 0; i < count && lives[static_cast<std::size_t>(tile)] == 0; ++i)
          lives[static_cast<std::size_t>(tile)] = weight.data[at + i] != S(0) ? 1 : 0;
      },
      [&](Index at, Index count, Index tile) {
        for (Index i = 0; i < count; ++i)
          if (weight.data[at + i] != S(0)) lives[static_cast<std::size_t>(tile + i)] = 1;
      });
  return lives;
}

/// Units that an earlier pruning has zeroed are pruned already, where the scores would not rank
/// them lowest anyway; never more than the limits let go, and none where all are zero.
template <weight_scalar S>
void mark_zero_units(const model<S>& net, pass_state::target& t,
                     std::span<const score_of<S>> scores) {
  const std::span<std::uint8_t> keep = t.keep();
  std::vector<std::uint8_t> lives(keep.size(), 0);
  for (const pass_state::target::member& m : t.members) {
    if (!m.scored) continue;
    const std::vector<std::uint8_t> tiles =
        find_living_tiles(m.mask.grid(), parameter_of(net, m).weight);
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      const Index unit = t.coupled() ? m.unit_of[i] : static_cast<Index>(i);
      if (unit >= 0 && tiles[i] != 0) lives[static_cast<std::size_t>(unit)] = 1;
    }
  }
  constexpr score_of<S> infinity = std::numeric_limits<score_of<S>>::infinity();
  score_of<S> lowest_living = infinity, highest_zero = -infinity;
  for (std::size_t u = 0; u < keep.size(); ++u)
    if (lives[u] != 0)
      lowest_living = std::min(lowest_living, scores[u]);
    else
      highest_zero = std::max(highest_zero, scores[u]);
  if (highest_zero <= lowest_living || lowest_living == infinity) return;
  Index most = static_cast<Index>(keep.size()) - std::max<Index>(t.limits.min_kept, 1);
  for (std::size_t u = 0; u < keep.size() && most > 0; ++u)
    if (lives[u] == 0) {
      keep[u] = 0;
      --most;
    }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
