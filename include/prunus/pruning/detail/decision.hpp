// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/removal_threshold.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/detail/scoring.hpp>
#include <prunus/pruning/exchanging_action.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/selection/keep_above.hpp>

#include <algorithm>    // std::all_of
#include <atomic>       // std::atomic_ref
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <type_traits>  // std::is_same_v, std::is_void_v
#include <utility>      // std::declval
#include <vector>       // std::vector

/// Which units stay.
namespace prunus {
inline namespace v0 {
namespace detail {

/// One event of a pass, as the decision about it needs to know it.
struct pass_event {
  Index number;
  double target;
  Index pruned;  ///< units of each target that are pruned already: 0 or unknown_count
  bool zeroes;   ///< what goes is zeroed, whether it goes anew or not
  pool_ref pool;
};

/// Kept weights of every target, where one sweep has written masks and zeroed what goes.
using swept_weights = std::optional<std::vector<Index>>;

[[nodiscard]] inline bool is_single_weights(const pass_state::target& t) {
  return !t.coupled() && t.members.front().mask.grid().is_elementwise();
}

template <class Criterion, class S>
struct element_source_type {
  using type = void;  // scores must be written
};
template <class Criterion, class S>
  requires ranks_elements_unscored<Criterion, S>
struct element_source_type<Criterion, S> {
  using type = decltype(std::declval<const Criterion&>().element_source(
      std::declval<const parameter<S>&>()));
};
template <class Criterion, class S>
using element_source_of = typename element_source_type<Criterion, S>::type;

/// Lets an allocation say which units of a pass stay, and writes their `keep`.
///
/// What ranks the units is decided here alone. Scores are written, unless the criterion ranks
/// single weights by what they are: then the weights are read as scores. Where the allocation
/// decides these by a threshold, it is asked for no more, and a sweep over the weights does the
/// rest.
template <class Criterion, class Allocation, class Action, weight_scalar S>
class decision {
 public:
  decision(const Criterion& criterion, const Allocation& allocation, const Action& action,
           const model<S>& net, const pass_event& event)
      : criterion_(criterion), allocation_(allocation), action_(action), net_(net), event_(event) {}

  /// Writes into `next`; `before` is as the event before left it, and may be the same object unless
  /// the action exchanges tiles.
  [[nodiscard]] swept_weights make(const pass_state& before, pass_state& next) const {
    if constexpr (can_sweep)
      if (std::all_of(next.targets.begin(), next.targets.end(), is_single_weights))
        if (swept_weights kept = sweep(next)) return kept;
    rank(before, next);
    return std::nullopt;
  }

 private:
  using score = score_of<S>;
  using source = element_source_of<Criterion, S>;
  static constexpr bool can_sweep = [] {
    if constexpr (std::is_void_v<source>)
      return false;
    else
      return threshold_allocation<Allocation, S, source> && !exchanging_action<Action, S>;
  }();

  [[nodiscard]] weight_view<S> weight_of(const pass_state::target& t) const {
    return parameter_of(net_, t.members.front()).weight;
  }

  /// No score is written: one sweep writes the masks and, if the event zeroes, the weights that go.
  /// Nothing is done where the allocation has no thresholds.
  [[nodiscard]] swept_weights sweep(pass_state& next) const {
    std::vector<ranking_group<S, source>> groups;
    groups.reserve(next.targets.size());
    for (pass_state::target& t : next.targets)
      groups.push_back(group_of<S>(
          t, criterion_.element_source(parameter_of(net_, t.members.front())), event_.pruned));
    const std::optional<std::vector<removal_threshold<S>>> thresholds = allocation_.thresholds(
        std::span<const ranking_group<S, source>>(groups), event_.target, event_.pool);
    if (!thresholds) return std::nullopt;
    std::vector<Index> kept(groups.size());
    apply_in_chunks(groups, *thresholds, event_.pool, [&](std::size_t i, Index begin, Index size) {
      S* const weight = weight_of(next.targets[i]).data + begin;
      const std::span<std::uint8_t> keep =
          groups[i].keep.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
      if (event_.zeroes)
        apply_threshold<true>(weight, (*thresholds)[i], keep);
      else
        apply_threshold<true>(const_cast<const S*>(weight), (*thresholds)[i], keep);
      std::atomic_ref<Index>(kept[i]) += count_ones(keep);  // while it is in the cache
    });
    return kept;
  }

  /// The allocation ranks scores: written ones, or the weights by their magnitudes.
  void rank(const pass_state& before, pass_state& next) const {
    std::vector<std::vector<score>> written(next.targets.size());
    std::vector<ranking_group<score>> groups(next.targets.size());
    const pool_ref pool = scores_one_at_a_time<Criterion> ? pool_ref{} : event_.pool;
    pool.run(static_cast<Index>(groups.size()), [&](Index task) {
      const auto i = static_cast<std::size_t>(task);
      pass_state::target& t = next.targets[i];
      if constexpr (std::is_same_v<source, score_source<S>>)
        if (is_single_weights(t)) {
          groups[i] = group_of<score>(
              t, criterion_.element_source(parameter_of(net_, t.members.front())), event_.pruned);
          return;
        }
      written[i] = detail::score(criterion_, net_, t);
      const Index size = static_cast<Index>(written[i].size());
      groups[i] = group_of<score>(t, score_source<score>{written[i].data(), size, false, t.name},
                                  event_.pruned);
    });
    const std::span<ranking_group<score>> ranked(groups);
    if constexpr (pooled_allocation<Allocation, score>)
      allocation_.allocate(ranked, event_.target, event_.pool);
    else
      allocation_.allocate(ranked, event_.target);
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (next.targets[i].coupled()) keep_every_layer(next.targets[i], groups[i]);
    if constexpr (exchanging_action<Action, S>)
      action_.exchange(net_, before, ranked, event_.number);
  }

  /// Behind a concatenation several layers share one coupling: the allocation sees their units
  /// together and may take all of one. Its best unit then stays.
  static void keep_every_layer(const pass_state::target& t, const ranking_group<score>& units) {
    for (const pass_state::target::member& m : t.members) {
      if (!m.scored) continue;
      Index best = -1;
      bool lives = false;
      for (const Index u : m.unit_of) {
        lives = lives || units.keep[static_cast<std::size_t>(u)] != 0;
        if (best < 0 || units.scores[u] > units.scores[best] ||
            (units.scores[u] == units.scores[best] && u > best))
          best = u;
      }
      if (!lives) units.keep[static_cast<std::size_t>(best)] = 1;
    }
  }

  const Criterion& criterion_;
  const Allocation& allocation_;
  const Action& action_;
  const model<S>& net_;
  const pass_event& event_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
