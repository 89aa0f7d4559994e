// SPDX-License-Identifier: MIT
#pragma once

// Parts of a pass, a schedule and a pool that work until a countdown reaches zero, and then throw.

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/core/model.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/schedule/schedule.hpp>

#include <atomic>     // std::atomic
#include <exception>  // std::exception
#include <optional>   // std::optional
#include <span>       // std::span

namespace support {

using Eigen::Index;

struct planned_failure : std::exception {};

/// Throws at the call of its number, and at no other.
class countdown {
 public:
  void start(int calls_before) { left_ = calls_before; }
  void stop() { left_ = -1; }
  void tick() {
    if (left_ >= 0 && left_-- == 0) throw planned_failure();
  }

 private:
  std::atomic<int> left_{-1};
};

template <prunus::schedule Schedule>
struct throwing_schedule {
  countdown* clock;
  Schedule inner;

  [[nodiscard]] Index events(const prunus::progress& now) const {
    clock->tick();
    return inner.events(now);
  }
  [[nodiscard]] double target(Index event) const {
    clock->tick();
    return inner.target(event);
  }
  [[nodiscard]] std::optional<Index> last() const {
    clock->tick();
    return prunus::detail::last_event_of(inner);
  }
  void check() const { inner.check(); }
};
template <class Schedule>
throwing_schedule(countdown*, Schedule) -> throwing_schedule<Schedule>;

/// l1_norm that throws before or after it has written scores.
struct throwing_criterion {
  countdown* clock;

  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>& p, const prunus::tile_grid& grid,
             std::span<prunus::score_of<S>> scores) const {
    clock->tick();
    prunus::l1_norm{}.score(p, grid, scores);
    clock->tick();
  }
};

/// uniform that throws before, in the midst of, or after its work.
struct throwing_allocation {
  countdown* clock;

  template <class T>
  void allocate(std::span<prunus::ranking_group<T>> units, double target) const {
    clock->tick();
    for (std::size_t i = 0; i < units.size(); ++i) {
      prunus::uniform{}.allocate(units.subspan(i, 1), target);
      clock->tick();
    }
  }
};

template <class Action = prunus::hard>
struct throwing_action {
  countdown* clock;
  Action inner{};

  [[nodiscard]] double factor(Index event, Index lost_at) const {
    clock->tick();
    return static_cast<double>(inner.factor(event, lost_at));
  }
  [[nodiscard]] bool permanent(Index event) const {
    clock->tick();
    return inner.permanent(event);
  }
};

/// The action of another with an exchange: throws before and after it.
template <class Action>
struct throwing_exchange : throwing_action<Action> {
  template <prunus::weight_scalar S>
  void exchange(const prunus::model<S>& net, const prunus::pass_state& before,
                std::span<prunus::ranking_group<prunus::score_of<S>>> units, Index event) const {
    this->clock->tick();
    this->inner.exchange(net, before, units, event);
    this->clock->tick();
  }
};

/// A pass that undoes nothing: throws before or after its event.
template <class Pass>
struct throwing_pass {
  countdown* clock;
  Pass inner;

  template <prunus::weight_scalar S>
  [[nodiscard]] prunus::pass_state prepare(const prunus::model<S>& net) const {
    return inner.prepare(net);
  }
  template <prunus::weight_scalar S>
  prunus::pass_report prune(const prunus::model<S>& net, prunus::pass_state& state, Index event,
                            double target, prunus::pool_ref pool = {}) const {
    clock->tick();
    prunus::pass_report report = inner.prune(net, state, event, target, pool);
    clock->tick();
    return report;
  }
};
template <class Pass>
throwing_pass(countdown*, Pass) -> throwing_pass<Pass>;

/// A pool that throws before or after its tasks have run.
template <class Pool>
class throwing_pool {
 public:
  throwing_pool(countdown& clock, Pool& inner) : clock_(&clock), inner_(&inner) {}
  [[nodiscard]] Index threads() const { return static_cast<Index>(inner_->threads()); }

  template <class F>
  void run(Index tasks, F&& f) {
    clock_->tick();
    inner_->run(tasks, f);
    clock_->tick();
  }

 private:
  countdown* clock_;
  Pool* inner_;
};

}  // namespace support
