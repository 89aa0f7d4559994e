// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

#include <memory>       // std::unique_ptr
#include <optional>     // std::optional
#include <type_traits>  // std::remove_cvref_t
#include <utility>      // std::forward

namespace prunus {
inline namespace v0 {

/// A schedule chosen at run time: holds any schedule and can be copied.
class any_schedule {
 public:
  template <class Schedule>
    requires(!std::is_same_v<std::remove_cvref_t<Schedule>, any_schedule> &&
             schedule<std::remove_cvref_t<Schedule>>)
  any_schedule(
      Schedule&& held)  // NOLINT(google-explicit-constructor): a schedule is an any_schedule
      : held_(
            std::make_unique<holder<std::remove_cvref_t<Schedule>>>(std::forward<Schedule>(held))) {
    static_assert(detail::schedule_fits<std::remove_cvref_t<Schedule>>());
  }
  any_schedule(const any_schedule& other) : held_(other.held_->clone()) {}
  any_schedule(any_schedule&&) noexcept = default;
  any_schedule& operator=(any_schedule other) noexcept {
    held_ = std::move(other.held_);
    return *this;
  }
  ~any_schedule() = default;

  [[nodiscard]] Index events(const progress& now) const { return held_->events(now); }
  [[nodiscard]] double target(Index event) const { return held_->target(event); }
  /// Number of the last event; nothing where the schedule held says none.
  [[nodiscard]] std::optional<Index> last() const { return held_->last(); }
  void check() const { held_->check(); }

 private:
  struct interface {
    interface() = default;
    interface(const interface&) = default;
    interface& operator=(const interface&) = delete;
    virtual ~interface() = default;
    [[nodiscard]] virtual std::unique_ptr<interface> clone() const = 0;
    [[nodiscard]] virtual Index events(const progress& now) const = 0;
    [[nodiscard]] virtual double target(Index event) const = 0;
    [[nodiscard]] virtual std::optional<Index> last() const = 0;
    virtual void check() const = 0;
  };
  template <class Schedule>
  struct holder final : interface {
    explicit holder(Schedule held) : schedule(std::move(held)) {}
    [[nodiscard]] std::unique_ptr<interface> clone() const override {
      return std::make_unique<holder>(*this);
    }
    [[nodiscard]] Index events(const progress& now) const override { return schedule.events(now); }
    [[nodiscard]] double target(Index event) const override { return schedule.target(event); }
    [[nodiscard]] std::optional<Index> last() const override {
      return detail::last_event_of(schedule);
    }
    void check() const override { schedule.check(); }
    Schedule schedule;
  };

  std::unique_ptr<interface> held_;
};

static_assert(schedule<any_schedule>);

}  // namespace v0
}  // namespace prunus
