// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/removal_threshold.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/action.hpp>
#include <prunus/pruning/detail/act.hpp>
#include <prunus/pruning/detail/decision.hpp>
#include <prunus/pruning/detail/held_weights.hpp>
#include <prunus/pruning/detail/report.hpp>
#include <prunus/pruning/detail/targets.hpp>
#include <prunus/pruning/exchanging_action.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/parameter_selection.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>  // std::fill
#include <concepts>   // std::same_as
#include <cstdint>    // std::uint8_t
#include <optional>   // std::optional
#include <utility>    // std::move

namespace prunus {
inline namespace v0 {

/// One way to prune: criterion x tile x allocation x action.
///
///     prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::global{}, prunus::soft{}}
///     prunus::pass{prunus::l2_norm{}, prunus::filter}
///         .within({.exclude = {"conv1.*"}})
///         .limited({.multiple_of = 8})
///
/// or with designated initialisers, `prunus::pass{.criterion = ..., .tile = ..., .scope = ...}`
/// (before clang 17 with its types: `prunus::pass<prunus::l2_norm>{.tile = ...}`).
///
/// A pass is a value without state. `prepare(model)` makes the state, `prune(model, state, event,
/// target)` carries out one event. A scheduler calls both; for a single event there is
/// `prunus::prune`.
///
/// Of what it prunes: everything in the scope that `parameter_options::prunable` allows. With the
/// tiles `filter` and `channel` on a model whose couplings are known, coupled weights are ranked as
/// one: by what a coupling_criterion says of them together, else by the mean score of their tiles
/// (our reading of a group's importance). Biases and normalisations follow the filters they belong
/// to. Where a coupling joins several layers, each of them keeps at least its best unit; the report
/// then falls short of the target.
///
/// `Tile` is always prunus::tile; it is a parameter so that a misplaced value is named as such.
template <class Criterion, class Allocation = uniform, class Action = hard,
          class Tile = prunus::tile>
struct pass {
  static_assert(std::same_as<Tile, prunus::tile>,
                "prunus::pass: the tile comes second: pass{criterion, tile, allocation, action}");
  static_assert(detail::action_fits<Action>() && detail::statements_fit<Criterion>());

  Criterion criterion;
  Tile tile = element;
  Allocation allocation{};
  Action action{};
  prunus::parameter_selection scope{};
  prunus::limits limits{};

  /// The same pass over some of the parameters.
  [[nodiscard]] pass within(parameter_selection parameters) const {
    pass result = *this;
    result.scope = std::move(parameters);
    return result;
  }
  /// The same pass with limits for every parameter that has none of its own.
  [[nodiscard]] pass limited(prunus::limits of_each) const {
    pass result = *this;
    result.limits = of_each;
    return result;
  }

  /// Everything is kept at first.
  /// @throws argument_error (empty_model: nothing in the scope may be pruned; out_of_range: limits)
  template <weight_scalar S>
  [[nodiscard]] pass_state prepare(const model<S>& net) const {
    if constexpr (detail::has_check<Action>) action.check();
    return detail::find_targets(net, tile, scope, limits);
  }

  /// Scores, allocates, and acts on the weights in place. Validates all before it writes the first
  /// weight. On the threads of `pool` parameters are scored side by side, so the criterion must be
  /// safe to call concurrently, and single weights are ranked and masked in parts; masks and
  /// weights come out the same for any number of threads.
  /// @throws what the allocation throws; argument_error (unknown_name: the state of another model);
  /// value_error (not_finite) names the parameter; masks and weights are then as they were
  template <weight_scalar S>
  pass_report prune(const model<S>& net, pass_state& state, Index event, double target,
                    pool_ref pool = {}) const {
    static_assert(
        prunus::criterion<Criterion, S>,
        "prunus::pass: the criterion must have `void score(const parameter<S>&, const tile_grid&, "
        "std::span<score_of<S>>) const`");
    static_assert(!detail::misses_coupling_criterion<Criterion, S>,
                  "prunus::pass: the criterion's second `score` must be `void score(const "
                  "coupled_weights<S>&, std::span<score_of<S>>) const`");
    static_assert(detail::allocation_fits<Allocation, score_of<S>>());
    static_assert(!detail::has_exchange<Action> || exchanging_action<Action, S>,
                  "prunus::pass: the action's `exchange` must be `void exchange(const model<S>&, "
                  "const pass_state& before, std::span<ranking_group<score_of<S>>>, Index) const`");
    state.for_each_mask(net, [](const parameter<S>&, const mask&) {});  // is of this model
    const detail::consequence what = detail::consequence_of(action, event, state.last_event);
    const bool some_removed = state.removed_anything();
    const bool selects_anew = !state.permanent && some_removed;
    // Decided in place, unless what was is asked for, or to be gone back to.
    std::optional<pass_state> decided;
    if (what.asks_what_was() || exchanging_action<Action, S> || selects_anew)
      decided.emplace(state);
    pass_state& next = decided ? *decided : state;
    if (selects_anew)
      for (pass_state::target& t : next.targets)
        std::fill(t.keep().begin(), t.keep().end(), std::uint8_t{1});

    const detail::pass_event now{event, target, some_removed && !selects_anew ? unknown_count : 0,
                                 what.zeroes(), pool};
    detail::held_weights<S> trained_back;  // what is gone must score as gone
    if (state.permanent) trained_back.hold(net, state);
    const detail::swept_weights swept =
        detail::decision(criterion, allocation, action, net, now).make(state, next);
    trained_back.release();

    for (pass_state::target& t : next.targets) t.apply_to_members();
    if (!swept || !what.zeroes()) detail::act(what, net, state, next, pool);
    next.permanent = state.permanent || what.permanent;
    next.last_event = event;
    if (decided) state = std::move(*decided);
    return detail::report_of(state, now, swept);
  }
};

#if __cpp_deduction_guides < 201907L  // no deduction for aggregates
template <class C, class T>
pass(C, T) -> pass<C, uniform, hard, T>;
template <class C, class T, class A>
pass(C, T, A) -> pass<C, A, hard, T>;
template <class C, class T, class A, class X>
pass(C, T, A, X) -> pass<C, A, X, T>;
template <class C, class T, class A, class X>
pass(C, T, A, X, parameter_selection) -> pass<C, A, X, T>;
template <class C, class T, class A, class X>
pass(C, T, A, X, parameter_selection, limits) -> pass<C, A, X, T>;
#endif

}  // namespace v0
}  // namespace prunus
