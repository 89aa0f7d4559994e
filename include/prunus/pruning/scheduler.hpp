// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/any_pass.hpp>
#include <prunus/pruning/detail/held_weights.hpp>
#include <prunus/pruning/detail/keep_model.hpp>
#include <prunus/pruning/detail/reach_last_event.hpp>
#include <prunus/pruning/finish_report.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/pruning/pruning_pass.hpp>
#include <prunus/schedule/any_schedule.hpp>
#include <prunus/schedule/progress.hpp>
#include <prunus/schedule/schedule.hpp>

#include <cmath>        // std::isnan
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t, std::uint8_t
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <tuple>        // std::tuple
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// A schedule with the pass that it sets off.
template <class Schedule, class Pass>
struct timed_pass {
  Schedule schedule;
  Pass pass;
};
template <class Schedule, class Pass>
timed_pass(Schedule, Pass) -> timed_pass<Schedule, Pass>;

namespace detail {

template <class S, class Schedule, class Pass>
consteval bool timed_fits() {
  static_assert(
      schedule<Schedule>,
      "prunus::scheduler: the first of a pair must be a schedule, the second the pass, as "
      "in add(prunus::one_shot{}, prunus::pass{prunus::l2_norm{}, prunus::filter})");
  static_assert(pruning_pass<Pass, S>,
                "prunus::scheduler: the second of a pair must be a pass, such as "
                "prunus::pass{prunus::l2_norm{}, prunus::filter}");
  return schedule_fits<Schedule>() && schedule<Schedule> && pruning_pass<Pass, S>;
}

}  // namespace detail

/// What a call of scheduler::step did.
struct step_report {
  std::vector<pass_report> events;  ///< empty when nothing was due
  [[nodiscard]] bool pruned() const noexcept { return !events.empty(); }
};

/// A timeline of (schedule, pass) pairs over one model: one-shot, iterative and during-training
/// pruning alike.
///
///     prunus::scheduler scheduler{net};
///     scheduler.add(prunus::cubic_ramp{.final_sparsity = 0.8, .begin = 0, .end = 1000, .every =
///     100},
///                   prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::global{},
///                   prunus::hard{}});
///     for (Index step = 0; step < steps; ++step) {
///       train_one_batch();
///       scheduler.step({.step = step + 1});
///     }
///     const prunus::finish_report report = scheduler.finish();
///     if (!report.complete()) std::fputs(report.message().c_str(), stderr);
///
/// With the pairs given at construction, everything is composed at compile time and nothing is
/// erased:
///
///     prunus::scheduler scheduler{net, prunus::timed_pass{schedule, pass}, ...};
///
/// Several passes may touch one parameter: what any of them removed for good stays zero. The model
/// must outlive the scheduler and must not get new parameters after the first pair was added.
template <weight_scalar S, class Timeline = std::vector<timed_pass<any_schedule, any_pass<S>>>>
class scheduler {
 public:
  explicit scheduler(const model<S>& net) requires
      std::is_same_v<Timeline, std::vector<timed_pass<any_schedule, any_pass<S>>>> : net_(&net) {
    if (net.empty())
      throw argument_error(errc::empty_model,
                           "scheduler: the model has no parameters; add them with model.add first");
  }
  template <class... Schedules, class... Passes>
  explicit scheduler(const model<S>& net,
                     timed_pass<Schedules, Passes>... entries) requires(sizeof...(entries) > 0)
      : net_(&net), timeline_(std::move(entries)...) {
    static_assert((detail::timed_fits<S, Schedules, Passes>() && ...));
    for_each_entry([&](const auto& entry, std::size_t) {
      entry.schedule.check();
      states_.push_back({entry.pass.prepare(*net_), 0});
    });
  }

  /// Puts a pass on the timeline.
  /// @throws argument_error (out_of_range: the schedule's numbers; empty_model: nothing in scope
  /// may be pruned)
  template <class Schedule, class Pass>
  void add(Schedule schedule, Pass pass) requires
      std::is_same_v<Timeline, std::vector<timed_pass<any_schedule, any_pass<S>>>> {
    if constexpr (detail::timed_fits<S, Schedule, Pass>()) {
      schedule.check();
      entry_state state{pass.prepare(*net_), 0};
      states_.reserve(states_.size() + 1);
      timeline_.push_back({any_schedule(std::move(schedule)), any_pass<S>(std::move(pass))});
      states_.push_back(std::move(state));  // cannot throw: both get the entry, or neither
    }
  }

  /// Prunes on the threads of `pool`, a thread_pool, from now on; the pool must outlive the
  /// scheduler. Masks and weights are the same for any number of threads.
  void use(pool_ref pool) { pool_ = pool; }

  /// Tells how far the training is, after every optimizer step: prunes what is due, and sets to
  /// zero again what is gone.
  ///
  /// Steps may be skipped; when several events of one schedule were passed over, the last of them
  /// is carried out. Allocates nothing when nothing is due. Cost: a pass over the weights that are
  /// pruned for good; where several passes are due at one step, a copy of the weights and the
  /// optimizer state for a while.
  ///
  /// A step that throws did not happen: weights, optimizer state, masks, events done and progress
  /// are as they were, and what was due still is. What a schedule, criterion, allocation, action or
  /// pool of your own has changed elsewhere is yours to undo. A pass of your own that throws when
  /// it alone is due must undo its own event, see pruning_pass.
  /// @throws state_error (step_backwards; wrong_order: nothing was added), argument_error
  /// (unknown_name: a parameter has gone), shape_error (shape_mismatch: one has another shape), and
  /// what schedules and passes throw
  step_report step(const progress& now) {
    if (states_.empty())
      throw state_error(errc::wrong_order,
                        "scheduler.step: nothing to do; add a schedule and a pass first");
    if (last_ && (now.step < last_->step || now.epoch < last_->epoch))
      throw state_error(errc::step_backwards,
                        detail::concat("scheduler.step: step ", now.step, " of epoch ", now.epoch,
                                       " comes after step ", last_->step, " of epoch ",
                                       last_->epoch, "; progress must not go backwards"));
    check_model();  // so that hold() cannot throw when weights are pruned already
    step_report report;
    const std::vector<due_event> due = events_due(now);
    if (!due.empty()) report.events = prune(due);
    hold();
    remember(now);
    return report;
  }

  /// Makes the last selections permanent: what soft or decaying passes have selected is zero from
  /// now on. Says which schedules ended before their last event; to tell why, it asks them what
  /// they would have done with other progress. One that throws leaves everything as it was.
  [[nodiscard]] finish_report finish() {
    check_model();
    finish_report report;
    for_each_entry([&](const auto& entry, std::size_t i) {
      const Index done = states_[i].events;
      const std::optional<Index> last = detail::last_event_of(entry.schedule);
      if (last && done < *last)
        report.ended_early.push_back(
            {static_cast<Index>(i), done, *last, last_,
             std::string(detail::reach_last_event(entry.schedule, done, *last, last_))});
    });
    for (entry_state& s : states_)
      if (s.events > 0) s.masks.permanent = true;
    hold();
    return report;
  }

  /// Sets to zero what is pruned for good; step() does so itself.
  void hold() const {
    for_each_permanent([](const parameter<S>& p, const mask& m) { m.apply(p.weight); });
  }
  /// Sets the gradients of what is pruned for good to zero; call it between the backward pass and
  /// the optimizer's step.
  void mask_gradients() const {
    for_each_permanent([](const parameter<S>& p, const mask& m) {
      if (!p.options.gradient.empty()) m.apply(p.options.gradient);
    });
  }
  /// Sets the optimizer's state (momentum, moments) of what is pruned for good to zero.
  void mask_optimizer_state() const {
    for_each_permanent([](const parameter<S>& p, const mask& m) {
      for (const weight_view<S>& state : p.options.state) m.apply(state);
    });
  }

  /// Share of the single weights of all pruned parameters that are removed by now; soft selections
  /// count as removed.
  [[nodiscard]] double sparsity() const {
    Index weights = 0, kept = 0;
    for (const parameter<S>& p : net_->parameters())
      if (const std::optional<mask> m = joined_mask(p)) {
        weights += m->size();
        kept += m->kept();
      }
    return weights == 0 ? 0.0 : 1.0 - static_cast<double>(kept) / static_cast<double>(weights);
  }

  /// All passes together as a mask over single weights, or nothing where no pass prunes this
  /// parameter.
  /// @throws argument_error (unknown_name)
  [[nodiscard]] std::optional<mask> mask_of(std::string_view name) const {
    return joined_mask((*net_)[name]);
  }
  /// The state of every entry of the timeline, in the order of their adding.
  [[nodiscard]] std::vector<const pass_state*> states() const {
    std::vector<const pass_state*> result;
    for (const entry_state& s : states_) result.push_back(&s.masks);
    return result;
  }

  /// The whole state as bytes: masks, events done and progress. Weights are the caller's to save.
  void save(archive_writer& out) const {
    out.tag("prunus scheduler 1");
    out.number(static_cast<std::uint8_t>(last_.has_value()));
    out.number(last_.value_or(progress{}));
    out.number(static_cast<std::int64_t>(states_.size()));
    for (const entry_state& s : states_) {
      out.number(static_cast<std::int64_t>(s.events));
      s.masks.save(out);
    }
  }
  /// Takes over a saved state; the scheduler must have the same timeline over a model of the same
  /// shapes. A resumed run continues bit for bit.
  /// @throws file_error (truncated, malformed), shape_error (shape_mismatch); this scheduler is
  /// then unchanged
  void load(archive_reader& in) {
    in.tag("prunus scheduler 1");
    const bool started = in.flag("a schedule that has begun");
    const progress saved = in.number<progress>();
    if (saved.step < 0 || saved.epoch < 0)
      throw file_error(errc::malformed, detail::concat(in.origin(), ": saved at step ", saved.step,
                                                       " of epoch ", saved.epoch));
    const Index count = in.count("passes");
    if (count != static_cast<Index>(states_.size()))
      throw shape_error(
          errc::shape_mismatch,
          detail::concat(in.origin(), ": saved with ", count, " passes, this scheduler ", "has ",
                         states_.size(), "; add the same passes first"));
    std::vector<entry_state> loaded = states_;
    for (entry_state& s : loaded) {
      s.events = in.count("events");
      s.masks.load(in);
    }
    states_ = std::move(loaded);
    last_ = started ? std::optional<progress>(saved) : std::nullopt;
  }

 private:
  struct entry_state {
    pass_state masks;
    Index events = 0;  ///< done so far
  };

  struct due_event {
    std::size_t entry;
    Index event;
    double target;
  };

  /// What is to be done, asked of all schedules before anything is.
  [[nodiscard]] std::vector<due_event> events_due(const progress& now) const {
    std::vector<due_event> due;
    for_each_entry([&](const auto& entry, std::size_t i) {
      const Index event = entry.schedule.events(now);
      if (event > states_[i].events) due.push_back({i, event, entry.schedule.target(event)});
    });
    return due;
  }

  /// Carries out all events or, when one throws, none.
  [[nodiscard]] std::vector<pass_report> prune(const std::vector<due_event>& due) {
    std::vector<pass_report> reports;
    reports.reserve(due.size());
    const bool several = due.size() > 1;
    std::vector<entry_state> changed = several ? states_ : std::vector<entry_state>();
    std::vector<entry_state>& states = several ? changed : states_;  // one pass undoes its own
    detail::held_weights<S> as_they_were;
    if (several) detail::keep_model(*net_, as_they_were);
    for (const entry_state& s : states_)  // no pass may score what another has removed for good
      if (s.masks.permanent) as_they_were.hold(*net_, s.masks);
    auto next = due.begin();
    for_each_entry([&](const auto& entry, std::size_t i) {
      if (next == due.end() || next->entry != i) return;
      reports.push_back(entry.pass.prune(*net_, states[i].masks, next->event, next->target, pool_));
      states[i].events = next->event;
      ++next;
    });
    as_they_were.release();
    if (several) states_ = std::move(changed);
    return reports;
  }

  /// Not every call knows the loss and the accuracy: those of the last one that did are kept.
  void remember(progress now) noexcept {
    if (last_ && std::isnan(now.loss)) now.loss = last_->loss;
    if (last_ && std::isnan(now.accuracy)) now.accuracy = last_->accuracy;
    last_ = now;
  }

  /// Throws if the model is not the one that the masks were made for.
  void check_model() const {
    for (const entry_state& s : states_)
      s.masks.for_each_mask(*net_, [](const parameter<S>&, const mask&) {});
  }

  template <class Use>
  void for_each_entry(Use use) const {
    std::size_t i = 0;
    if constexpr (requires { timeline_.size(); })
      for (const auto& entry : timeline_) use(entry, i++);
    else
      std::apply([&](const auto&... entry) { (use(entry, i++), ...); }, timeline_);
  }
  template <class Use>
  void for_each_permanent(Use use) const {
    check_model();
    for (const entry_state& s : states_)
      if (s.masks.permanent) s.masks.for_each_mask(*net_, use);
  }
  [[nodiscard]] std::optional<mask> joined_mask(const parameter<S>& p) const {
    std::optional<mask> combined;
    for (const entry_state& s : states_) {
      const std::optional<mask> found = s.masks.find(p.name);
      if (!found) continue;
      if (!combined) combined.emplace(tile_grid(p.weight, element));
      combined->remove_where_removed(*found);
    }
    return combined;
  }

  const model<S>* net_;
  pool_ref pool_;
  Timeline timeline_{};
  std::vector<entry_state> states_;
  std::optional<progress> last_;
};

template <weight_scalar S>
scheduler(const model<S>&) -> scheduler<S>;
template <weight_scalar S, class... Schedules, class... Passes>
scheduler(const model<S>&, timed_pass<Schedules, Passes>...)
    -> scheduler<S, std::tuple<timed_pass<Schedules, Passes>...>>;

}  // namespace v0
}  // namespace prunus
