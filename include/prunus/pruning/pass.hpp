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
#include <vector>     // std::vector

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
/// Of what it prunes: everything in the scope that `parameter_options::prunable` allows. With tiles
/// of whole channels (`filter`, `head(n)`, `channel`) on a model whose couplings are known, coupled
/// weights are ranked as one: by what a coupling_criterion says of them together, else by the mean
/// score of their tiles (our reading of a group's importance). Layers that meet side by side,
/// behind a concatenation, are ranked apart. Biases and normalisations follow the filters they
/// belong to, unless `prunable = false` or the scope's `exclude` names them. Every layer keeps at
/// least one channel, and what its limits and those of what it is coupled with ask for.
///
/// What was zeroed before the first event, by an earlier pass, counts as pruned already. Nothing is
/// silent: what cannot be pruned, and a parameter that loses less than its share, has a remark in
/// the report.
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
  /// @throws argument_error (empty_model: nothing in the scope may be pruned; out_of_range: limits;
  /// unknown_name: a pattern of the scope that includes nothing; unknown_outputs: the tile takes
  /// whole outputs, and neither couplings nor `parameter_options::output` nor the scope tell which
  /// are those of the network)
  template <weight_scalar S>
  [[nodiscard]] pass_state prepare(const model<S>& net) const {
    if constexpr (detail::has_check<Action>) action.check();
    return detail::find_targets(net, tile, scope, limits);
  }

  /// Scores, allocates, and acts on the weights in place. On the threads of `pool` parameters are
  /// scored side by side, so the criterion must be safe to call concurrently, and single weights
  /// are ranked and masked in parts; masks and weights come out the same for any number of threads.
  ///
  /// An event that throws did not happen: masks, weights and state are as they were, whatever threw
  /// (memory that ran out, the criterion, the allocation, the action). Once the first weight is
  /// written nothing fails any more; work that a pool drops by throwing then is done in the
  /// caller's thread. What a user's part writes elsewhere is that part's to undo.
  /// @throws what the allocation throws; argument_error (unknown_name: the state of another model;
  /// broken_promise: the allocation or the action's exchange marks a unit with other than 0 or 1,
  /// revives one, keeps none of a layer or less than its limits ask for); value_error (not_finite)
  /// names the parameter
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
    // Decided on a copy, unless thresholds say all without a byte written.
    std::optional<pass_state> copy;
    const auto copied = [&]() -> pass_state& {
      if (!copy) copy.emplace(state);
      return *copy;
    };
    if (what.asks_what_was() || selects_anew) static_cast<void>(copied());
    if (selects_anew)
      for (pass_state::target& t : copy->targets)
        std::fill(t.keep().begin(), t.keep().end(), std::uint8_t{1});

    const detail::pass_event now{event, target, some_removed && !selects_anew ? unknown_count : 0,
                                 what.zeroes(), pool};
    const detail::decision decide(criterion, allocation, action, net, tile, now);
    detail::held_weights<S> trained_back;  // what is gone must score as gone
    if (state.permanent) trained_back.hold(net, state);
    if constexpr (exchanging_action<Action, S>)
      for (const parameter<S>& p : net.parameters())  // an exchange may write the buffers
        for (const weight_view<S>& buffer : p.options.state) trained_back.keep(buffer);
    auto swept = decide.by_thresholds(copy ? *copy : state);
    detail::outcome ranked;
    if (!swept) ranked = decide.by_ranking(state, copied());
    pass_state& next = copy ? *copy : state;
    detail::report_in_progress<> report(next, now);
    swept ? report.add(*swept, net, next) : report.add(ranked, next);
    std::vector<std::uint8_t> acted(next.targets.size(), 0);

    // From here on nothing fails.
    trained_back.release();
    if (swept) swept->run(what.zeroes(), pool);
    for (pass_state::target& t : next.targets) t.apply_to_members();
    if (!swept || !what.zeroes()) detail::act(what, net, state, next, pool, acted);
    if (swept)
      report.take(swept->kept());
    else
      report.count(next, pool);
    next.permanent = state.permanent || what.permanent;
    next.last_event = event;
    if (copy) state = std::move(*copy);
    return std::move(report.result());
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
