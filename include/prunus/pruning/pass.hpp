// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/removal_threshold.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/action.hpp>
#include <prunus/pruning/detail/weight_source.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/parameter_selection.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/pruning/targets.hpp>

#include <algorithm>    // std::fill, std::none_of
#include <atomic>       // std::atomic_ref
#include <cstdint>      // std::uint8_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <type_traits>  // std::is_same_v, std::is_void_v
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// One way to prune: criterion x tile x allocation x action.
///
///     prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::global{}, prunus::hard{},
///                  prunus::parameter_selection{.exclude = {"conv1.*"}},
///                  prunus::limits{.multiple_of = 8}}
///
/// A pass is a value without state. `prepare(model)` makes the state, `prune(model, state, event,
/// target)` carries out one event. A scheduler calls both; for a single event there is
/// `prunus::prune`.
///
/// Of what it prunes: everything in the scope that `parameter_options::prunable` allows. With the
/// tiles `filter` and `channel` on a model whose couplings are known, coupled weights are ranked as
/// one: by what a group criterion says of them together, else by the mean score of their tiles (our
/// reading of a group's importance). Biases and normalisations follow the filters they belong to.
/// Where a coupling joins several layers, each of them keeps at least its best unit; the report
/// then falls short of the target.
template <class Criterion, class Allocation = uniform, class Action = hard>
struct pass {
  Criterion criterion;
  prunus::tile tile = element;
  Allocation allocation{};
  Action action{};
  prunus::parameter_selection scope{};
  prunus::limits limits{};

  /// Everything is kept at first.
  /// @throws argument_error (empty_model: nothing in the scope may be pruned; out_of_range: limits)
  template <weight_scalar S>
  [[nodiscard]] pass_state prepare(const model<S>& net) const {
    if constexpr (requires { action.check(); }) action.check();
    return detail::find_targets(net, tile, scope, limits);
  }

  /// Scores, allocates, and acts on the weights in place. Validates all before it writes the first
  /// weight. On the threads of `pool` parameters are scored side by side, so that the criterion
  /// must bear calls from several threads, and single weights are ranked and masked in parts; masks
  /// and weights come out the same for any number of threads.
  /// @throws what the allocation throws; value_error (not_finite) names the parameter; masks and
  /// weights are then as they were
  template <weight_scalar S>
  pass_report prune(const model<S>& net, pass_state& state, Index event, double target,
                    pool_ref pool = {}) const {
    static_assert(
        prunus::criterion<Criterion, S>,
        "prunus::pass: the criterion must have `void score(const parameter<S>&, const tile_grid&, "
        "std::span<score_of<S>>) const`");
    static_assert(prunus::allocation<Allocation, score_of<S>>,
                  "prunus::pass: the allocation must have `void "
                  "allocate(std::span<ranking_group<T>>, double) const`");
    static_assert(
        pruning_action<Action>,
        "prunus::pass: the action must have `factor(event, lost_at)` and `permanent(event)`");
    const bool history = factor(event, state.last_event) != factor(event, 0);
    const bool some_removed = state.removed_anything();
    const bool selects_anew = !state.permanent && some_removed;
    // What stood before: for actions that ask for it, and to go back to when an error comes.
    std::vector<pass_state::target> before;
    if (history || exchanges<S> || selects_anew) before = state.targets;
    if (selects_anew)
      for (pass_state::target& t : state.targets)
        std::fill(t.keep().begin(), t.keep().end(), std::uint8_t{1});
    hold(net, state);  // what is gone must score as gone even if the caller has trained it back
    const bool zeroes = !history && factor(event, 0) == 0;
    const Index gone = some_removed && !selects_anew ? unknown_count : 0;
    std::vector<Index> kept;  // of every target, where one sweep did all
    try {
      kept = prune_by_threshold(net, state, target, gone, zeroes, pool);
      if (kept.empty()) decide(net, state, before, event, target, gone, pool);
    } catch (...) {
      if (!before.empty()) state.targets = std::move(before);
      throw;
    }

    for (pass_state::target& t : state.targets) t.apply_to_members();
    state.permanent = state.permanent || action.permanent(event);
    if (!history) before.clear();
    if (kept.empty() || !zeroes) act(net, state, before, event, pool);
    state.last_event = event;
    return report(net, state, event, target, kept, pool);
  }

  /// Sets what is pruned for good to zero again; nothing else is touched and nothing is allocated.
  template <weight_scalar S>
  static void hold(const model<S>& net, const pass_state& state) {
    if (!state.permanent) return;
    state.for_each_mask([&](Index p, const mask& m) {
      m.apply(net.parameters()[static_cast<std::size_t>(p)].weight);
    });
  }

 private:
  /// Single weights whose scores rise with their magnitudes, by a threshold: no score is written,
  /// and one sweep writes the masks and, if it `zeroes`, the weights that go. Returns how many
  /// weights of each target stay; nothing, with nothing done, where that is not the case.
  template <weight_scalar S>
  std::vector<Index> prune_by_threshold(const model<S>& net, pass_state& state, double target,
                                        Index gone, bool zeroes, pool_ref pool) const {
    std::vector<Index> kept;
    if constexpr (!std::is_void_v<detail::weight_source<Criterion, S>>) {
      using run = detail::weight_source<Criterion, S>;
      if constexpr (threshold_allocation<Allocation, S, run> && !exchanges<S>) {
        std::vector<ranking_group<S, run>> units;
        for (pass_state::target& t : state.targets) {
          if (!is_single_weights(t)) return kept;
          units.push_back(unscored<run>(net, t));
          units.back().pruned = gone;
        }
        const auto thresholds =
            allocation.thresholds(std::span<const ranking_group<S, run>>(units), target, pool);
        if (!thresholds) return kept;
        kept.resize(units.size());
        const auto write = [&](std::size_t i, Index begin, Index size) {
          S* const weight = weight_of(net, state.targets[i].members.front()).data + begin;
          const std::span<std::uint8_t> keep = units[i].keep.subspan(
              static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
          if (zeroes)
            detail::apply_threshold<true>(weight, (*thresholds)[i], keep);
          else
            detail::apply_threshold<true>(const_cast<const S*>(weight), (*thresholds)[i], keep);
          std::atomic_ref<Index>(kept[i]) += detail::count_ones(keep);  // while it is in the cache
        };
        detail::apply_in_chunks(units, *thresholds, pool, write);
      }
    }
    return kept;
  }

  [[nodiscard]] static bool is_single_weights(const pass_state::target& t) {
    return !t.coupled() && t.members.front().mask.grid().is_elementwise();
  }
  template <weight_scalar S>
  [[nodiscard]] static weight_view<S> weight_of(const model<S>& net,
                                                const pass_state::target::member& m) {
    return net.parameters()[static_cast<std::size_t>(m.parameter)].weight;
  }
  /// The weights themselves rank the units.
  template <class Run, weight_scalar S>
  [[nodiscard]] static ranking_group<S, Run> unscored(const model<S>& net, pass_state::target& t) {
    return {t.name, detail::source_of<Run>(weight_of(net, t.members.front()), t.name), t.keep(),
            t.limits, &t.members.front().mask.grid()};
  }

  /// Scores every target and lets the allocation write which of its units stay.
  template <weight_scalar S>
  void decide(const model<S>& net, pass_state& state, const std::vector<pass_state::target>& before,
              Index event, double target, Index gone, pool_ref pool) const {
    std::vector<std::vector<score_of<S>>> storage(state.targets.size());
    std::vector<ranking_group<score_of<S>>> units(state.targets.size());
    const pool_ref scoring = detail::scores_one_at_a_time<Criterion> ? pool_ref{} : pool;
    scoring.run(static_cast<Index>(units.size()), [&](Index task) {
      const auto i = static_cast<std::size_t>(task);
      units[i] = score(net, state.targets[i], storage[i]);
      units[i].pruned = gone;
    });
    const std::span<ranking_group<score_of<S>>> ranked(units);
    if constexpr (requires { allocation.allocate(ranked, target, pool); })
      allocation.allocate(ranked, target, pool);
    else
      allocation.allocate(ranked, target);
    for (std::size_t i = 0; i < units.size(); ++i)
      if (state.targets[i].coupled()) keep_every_layer(state.targets[i], units[i]);
    if constexpr (exchanges<S>)
      action.exchange(net, state, before, std::span<ranking_group<score_of<S>>>(units), event);
  }

  /// Behind a concatenation several layers share one coupling: the allocation sees their units
  /// together and may take all of one. Its best unit then stays.
  template <class T>
  static void keep_every_layer(const pass_state::target& t, const ranking_group<T>& units) {
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

  /// The action swaps tiles after the allocation has decided.
  template <weight_scalar S>
  static constexpr bool exchanges = requires(const Action& a, const model<S>& net,
                                             const pass_state& state,
                                             std::span<ranking_group<score_of<S>>> units,
                                             Index event) {
    a.exchange(net, state, state.targets, units, event);
  };
  /// The action leaves biases and normalisations alone while their filters may come back.
  [[nodiscard]] bool spares_dependents(Index event) const {
    if constexpr (requires { action.dependents ? 1 : 0; })
      return !action.dependents && !action.permanent(event);
    else
      return false;
  }
  [[nodiscard]] double factor(Index event, Index lost_at) const {
    return static_cast<double>(action.factor(event, lost_at));
  }
  template <weight_scalar S>
  static void shrink(const model<S>& net, Index p, const mask& m, double factor) {
    const weight_view<S> weight = net.parameters()[static_cast<std::size_t>(p)].weight;
    if (factor == 0)
      m.apply(weight);
    else
      m.scale_removed(weight, factor);
  }

  /// Scores of one target: the weights themselves where magnitude decides about single weights,
  /// else written ones.
  template <weight_scalar S>
  [[nodiscard]] ranking_group<score_of<S>> score(const model<S>& net, pass_state::target& t,
                                                 std::vector<score_of<S>>& storage) const {
    const std::span<std::uint8_t> keep = t.keep();
    const Index size = static_cast<Index>(keep.size());
    const auto parameter_of = [&](const pass_state::target::member& m) -> const parameter<S>& {
      return net.parameters()[static_cast<std::size_t>(m.parameter)];
    };
    const pass_state::target::member& first = t.members.front();
    if constexpr (std::is_same_v<detail::weight_source<Criterion, S>, score_source<S>>)
      if (is_single_weights(t)) return unscored<score_source<S>>(net, t);

    storage.assign(static_cast<std::size_t>(size), score_of<S>{0});
    if (!t.coupled())
      criterion.score(parameter_of(first), first.mask.grid(), std::span<score_of<S>>(storage));
    else
      score_coupled(net, t, std::span<score_of<S>>(storage));
    for (std::size_t u = 0; u < storage.size(); ++u)
      if (keep[u] == 0) storage[u] = std::numeric_limits<score_of<S>>::lowest();
    const tile_grid* grid = t.coupled() ? nullptr : &first.mask.grid();
    return {t.name, {storage.data(), size, false, t.name}, keep, t.limits, grid};
  }

  /// One score a unit: of all members together, or the mean over the unit's tiles.
  template <weight_scalar S>
  void score_coupled(const model<S>& net, const pass_state::target& t,
                     std::span<score_of<S>> scores) const {
    if constexpr (coupling_criterion<Criterion, S>) {
      for (const coupling& declared : net.couplings())
        if (declared.name == t.name) criterion.score(detail::weights_of(net, declared), scores);
    } else {
      std::vector<score_of<S>> tiles;
      std::vector<Index> count(scores.size(), 0);
      for (const pass_state::target::member& m : t.members) {
        if (!m.scored) continue;
        tiles.resize(static_cast<std::size_t>(m.mask.size()));
        criterion.score(net.parameters()[static_cast<std::size_t>(m.parameter)], m.mask.grid(),
                        std::span<score_of<S>>(tiles));
        for (std::size_t i = 0; i < tiles.size(); ++i) {
          scores[static_cast<std::size_t>(m.unit_of[i])] += tiles[i];
          ++count[static_cast<std::size_t>(m.unit_of[i])];
        }
      }
      for (std::size_t u = 0; u < scores.size(); ++u)
        if (count[u] > 1) scores[u] /= static_cast<score_of<S>>(count[u]);
    }
  }

  /// Multiplies what lost by its factor. Where it matters what lost at the event before, too,
  /// `before` holds the masks of then; else it is empty.
  template <weight_scalar S>
  void act(const model<S>& net, const pass_state& state,
           const std::vector<pass_state::target>& before, Index event, pool_ref pool) const {
    // Couplings may share a parameter.
    const bool apart = std::none_of(state.targets.begin(), state.targets.end(),
                                    [](const pass_state::target& t) { return t.coupled(); });
    (apart ? pool : pool_ref{}).run(static_cast<Index>(state.targets.size()), [&](Index task) {
      const auto i = static_cast<std::size_t>(task);
      for (std::size_t k = 0; k < state.targets[i].members.size(); ++k) {
        const auto& now = state.targets[i].members[k];
        if (!now.scored && spares_dependents(event)) continue;
        if (before.empty()) {
          shrink(net, now.parameter, now.mask, factor(event, 0));
          continue;
        }
        mask fresh = now.mask, again = now.mask;  // lost for the first time, lost again
        for (Index t = 0; t < now.mask.size(); ++t) {
          const bool lost_before = !before[i].members[k].mask[t];
          fresh.set(t, now.mask[t] || lost_before);
          again.set(t, now.mask[t] || !lost_before);
        }
        shrink(net, now.parameter, fresh, factor(event, 0));
        shrink(net, now.parameter, again, factor(event, state.last_event));
      }
    });
  }

  template <weight_scalar S>
  [[nodiscard]] static pass_report report(const model<S>& net, const pass_state& state, Index event,
                                          double target, std::span<const Index> kept_weights,
                                          pool_ref pool) {
    std::vector<const pass_state::target::member*> scored;
    for (const pass_state::target& t : state.targets)
      for (const auto& m : t.members)
        if (m.scored) scored.push_back(&m);
    pass_report result{event, target, std::vector<pass_report::parameter>(scored.size())};
    pool.run(static_cast<Index>(scored.size()), [&](Index task) {
      const auto i = static_cast<std::size_t>(task);
      const mask& m = scored[i]->mask;
      const Index kept = kept_weights.empty() ? detail::count_ones(m.bytes()) : kept_weights[i];
      result.parameters[i] = {net.parameters()[static_cast<std::size_t>(scored[i]->parameter)].name,
                              m.size(), kept, m.grid().weights(),
                              m.grid().is_elementwise() ? kept : m.weights_kept()};
    });
    return result;
  }
};

template <class C>
pass(C, tile) -> pass<C>;
template <class C, class A>
pass(C, tile, A) -> pass<C, A>;
template <class C, class A, class X>
pass(C, tile, A, X) -> pass<C, A, X>;
template <class C, class A, class X>
pass(C, tile, A, X, parameter_selection) -> pass<C, A, X>;
template <class C, class A, class X>
pass(C, tile, A, X, parameter_selection, limits) -> pass<C, A, X>;

}  // namespace v0
}  // namespace prunus
