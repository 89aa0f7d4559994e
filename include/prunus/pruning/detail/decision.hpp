// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/global.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/removal_threshold.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/detail/promises.hpp>
#include <prunus/pruning/detail/run_to_end.hpp>
#include <prunus/pruning/detail/scoring.hpp>
#include <prunus/pruning/detail/unit_blocks.hpp>
#include <prunus/pruning/exchanging_action.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/selection/chunks.hpp>
#include <prunus/selection/keep_above.hpp>
#include <prunus/selection/score_scan.hpp>

#include <algorithm>    // std::all_of
#include <atomic>       // std::atomic_ref
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <limits>       // std::numeric_limits
#include <optional>     // std::optional
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_same_v, std::is_void_v
#include <utility>      // std::declval, std::move
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

/// What an allocation said of an event.
struct outcome {
  std::vector<Index> asked;  ///< of each target: how many units were to go, or unknown_count
  achieved_share achieved{"units", 0};  ///< if not of units
};

/// The decision about single weights that is thresholds yet: masks and zeros are written in one
/// sweep over the weights.
template <weight_scalar S>
class sweep {
 public:
  sweep(const model<S>& net, pass_state& state, std::vector<removal_threshold<S>> thresholds)
      : thresholds_(std::move(thresholds)), kept_(state.targets.size(), 0) {
    for (pass_state::target& t : state.targets) {
      pass_state::target::member& m = t.members.front();
      entries_.push_back({parameter_of(net, m).weight, m.mask.bytes()});
    }
    chunks_ = chunks_to_write(entries_, thresholds_);
    done_.assign(chunks_.size(), 0);
  }

  /// Weights that would stay of every target.
  [[nodiscard]] std::vector<Index> count_kept() const {
    std::vector<Index> kept;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const removal_threshold<S>& cut = thresholds_[i];
      const entry& e = entries_[i];
      Index stays = 0, ties = cut.ties;
      for (Index w = 0; w < e.size(); ++w) {
        const S magnitude = score_at<true>(e.weight.data, w);
        const bool tied =
            magnitude == cut.threshold && !cut.all_ties && e.keep[static_cast<std::size_t>(w)] != 0;
        stays += magnitude > cut.threshold || (tied && ties-- <= 0) ? 1 : 0;
      }
      kept.push_back(stays);
    }
    return kept;
  }
  [[nodiscard]] Index asked(std::size_t i) const noexcept { return thresholds_[i].asked; }
  [[nodiscard]] Index removed(std::size_t i) const noexcept { return thresholds_[i].removed; }
  /// Some weights stay that are zero.
  [[nodiscard]] bool keeps_zeros(std::size_t i) const noexcept {
    return thresholds_[i].threshold == S(0) && !thresholds_[i].all_ties;
  }

  /// Writes. Fails never, also where the pool does.
  void run(bool zeroes, pool_ref pool) noexcept {
    run_to_end(pool, done_, [&](std::size_t task) {
      const auto [i, begin, size] = chunks_[task];
      S* const weight = entries_[i].weight.data + begin;
      const std::span<std::uint8_t> keep =
          entries_[i].keep.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
      if (zeroes)
        apply_threshold<true>(weight, thresholds_[i], keep);
      else
        apply_threshold<true>(const_cast<const S*>(weight), thresholds_[i], keep);
      std::atomic_ref<Index>(kept_[i]) += count_ones(keep);  // while it is in the cache
    });
  }
  /// Weights kept of every target. @pre run
  [[nodiscard]] const std::vector<Index>& kept() const noexcept { return kept_; }

 private:
  struct entry {
    weight_view<S> weight;
    std::span<std::uint8_t> keep;
    [[nodiscard]] Index size() const noexcept { return weight.size(); }
  };
  std::vector<entry> entries_;
  std::vector<removal_threshold<S>> thresholds_;
  std::vector<chunk> chunks_;
  std::vector<Index> kept_;
  std::vector<std::uint8_t> done_;
};

/// Instead of a sweep, where scores must be written.
struct no_sweep {
  void run(bool, pool_ref) noexcept {}
  [[nodiscard]] std::vector<Index> kept() const { return {}; }
};

/// Allocations whose thresholds need not be counted to know that limits hold.
template <class Allocation>
inline constexpr bool vouches_for_thresholds = false;
template <>
inline constexpr bool vouches_for_thresholds<uniform> = true;
template <>
inline constexpr bool vouches_for_thresholds<global> = true;

/// Lets an allocation say which units of a pass stay.
///
/// What ranks the units is decided here alone. Scores are written, unless the criterion ranks
/// single weights by what they are: then the weights are read as scores. Where the allocation
/// decides these by a threshold, it is asked for no more, and a sweep over the weights does the
/// rest.
template <class Criterion, class Allocation, class Action, weight_scalar S>
class decision {
  using score = score_of<S>;
  using source = element_source_of<Criterion, S>;
  static constexpr bool can_sweep = [] {
    if constexpr (std::is_void_v<source>)
      return false;
    else
      return threshold_allocation<Allocation, S, source> && !exchanging_action<Action, S>;
  }();

 public:
  using sweep_type = std::conditional_t<can_sweep, sweep<S>, no_sweep>;

  decision(const Criterion& criterion, const Allocation& allocation, const Action& action,
           const model<S>& net, const tile& shape, const pass_event& event)
      : criterion_(criterion),
        allocation_(allocation),
        action_(action),
        net_(net),
        shape_(shape),
        event_(event) {}

  /// A sweep over `next`, if that can be; nothing is written yet.
  [[nodiscard]] std::optional<sweep_type> by_thresholds(pass_state& next) const {
    if constexpr (can_sweep) {
      if (!std::all_of(next.targets.begin(), next.targets.end(), is_single_weights))
        return std::nullopt;
      std::vector<ranking_group<S, source>> groups;
      groups.reserve(next.targets.size());
      for (pass_state::target& t : next.targets)
        groups.push_back(group_of<S>(
            t, criterion_.element_source(parameter_of(net_, t.members.front())), event_.pruned));
      std::optional<std::vector<removal_threshold<S>>> thresholds = allocation_.thresholds(
          std::span<const ranking_group<S, source>>(groups), event_.target, event_.pool);
      if (!thresholds) return std::nullopt;
      if (thresholds->size() != groups.size())
        throw argument_error(errc::broken_promise,
                             concat("pass: the allocation gives ", thresholds->size(),
                                    " thresholds for ", groups.size(), " parameters"));
      sweep<S> found(net_, next, *std::move(thresholds));
      if constexpr (!vouches_for_thresholds<Allocation>) expect_limits_of(found, next);
      return found;
    }
    return std::nullopt;
  }

  /// Writes masks into `next`, a copy of `before` in which some may be selected anew.
  [[nodiscard]] outcome by_ranking(const pass_state& before, pass_state& next) const {
    std::vector<std::vector<score>> written(next.targets.size());
    write_scores(next, written);
    if (before.last_event == 0)
      for (std::size_t i = 0; i < written.size(); ++i)
        if (!written[i].empty())
          mark_zero_units<S>(net_, next.targets[i], std::span<const score>(written[i]));
    std::vector<ranking_group<score>> groups;
    groups.reserve(next.targets.size());
    for (std::size_t i = 0; i < next.targets.size(); ++i)
      groups.push_back(group_for(next.targets[i], written[i]));
    for (const ranking_group<score>& group : groups) check_finite(group);

    const pass_state given = next;
    const std::span<ranking_group<score>> ranked(groups);
    if constexpr (pooled_allocation<Allocation, score>)
      allocation_.allocate(ranked, event_.target, event_.pool);
    else
      allocation_.allocate(ranked, event_.target);
    expect_promises("the allocation", given, next, false);
    if constexpr (exchanging_action<Action, S>) {
      action_.exchange(net_, before, ranked, event_.number);
      expect_promises("the action's exchange", given, next, true);
    }
    outcome result;
    for (const ranking_group<score>& group : groups) result.asked.push_back(group.asked);
    if constexpr (measuring_allocation<Allocation, score>)
      result.achieved = allocation_.achieved(std::span<const ranking_group<score>>(groups));
    return result;
  }

 private:
  [[nodiscard]] static bool reads_weights(const pass_state::target& t) {
    return std::is_same_v<source, score_source<S>> && is_single_weights(t);
  }

  void write_scores(const pass_state& next, std::vector<std::vector<score>>& written) const {
    const std::vector<scored_together> jobs = targets_scored_together(next);
    const pool_ref pool = scores_one_at_a_time<Criterion> ? pool_ref{} : event_.pool;
    pool.run(static_cast<Index>(jobs.size()), [&](Index task) {
      const scored_together& job = jobs[static_cast<std::size_t>(task)];
      if (!reads_weights(next.targets[job.front()]))
        detail::score(criterion_, net_, next, job, shape_, written);
    });
  }
  /// Over written scores, of which those of what is pruned become the lowest, or over the weights.
  [[nodiscard]] ranking_group<score> group_for(pass_state::target& t,
                                               std::vector<score>& written) const {
    if constexpr (std::is_same_v<source, score_source<S>>)
      if (reads_weights(t))
        return group_of<score>(t, criterion_.element_source(parameter_of(net_, t.members.front())),
                               event_.pruned);
    const std::span<const std::uint8_t> keep = t.keep();
    for (std::size_t u = 0; u < written.size(); ++u)
      if (keep[u] == 0) written[u] = std::numeric_limits<score>::lowest();
    return group_of<score>(
        t, score_source<score>{written.data(), static_cast<Index>(written.size()), false, t.name},
        unknown_count);
  }

  void expect_promises(std::string_view who, const pass_state& given, const pass_state& next,
                       bool may_revive) const {
    for (std::size_t i = 0; i < next.targets.size(); ++i)
      expect_marks(who, next.targets[i].name, given.targets[i].keep(), next.targets[i].keep(),
                   may_revive);
    expect_limits(who, given, next, channel_tile_of(shape_));
  }
  void expect_limits_of(const sweep<S>& found, const pass_state& next) const {
    const std::vector<Index> kept = found.count_kept();
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const pass_state::target::member& m = next.targets[i].members.front();
      expect_limits("the allocation", {&m, m.mask.size(), m.mask.kept(), kept[i]}, false);
    }
  }

  const Criterion& criterion_;
  const Allocation& allocation_;
  const Action& action_;
  const model<S>& net_;
  const tile& shape_;
  const pass_event& event_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
