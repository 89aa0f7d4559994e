// SPDX-License-Identifier: MIT
#pragma once

// What every schedule must keep. A new schedule calls check_schedule_laws with a time by which it
// has ended.

#include <prunus/schedule/any_schedule.hpp>
#include <prunus/schedule/schedule.hpp>

#include "support/catch.hpp"

namespace support {

using Eigen::Index;

[[nodiscard]] inline prunus::progress at_step(Index step) { return {.step = step}; }

/// Laws of schedules of time: pure, events that only grow and end with the last, targets in [0, 1),
/// the same inside an any_schedule.
/// @param horizon a step, and epoch, by which all events have happened
template <class Schedule>
void check_schedule_laws(const Schedule& schedule, Index horizon, bool targets_grow = true) {
  STATIC_REQUIRE(prunus::schedule<Schedule>);
  schedule.check();
  const Schedule copy = schedule;
  const prunus::any_schedule erased(schedule);
  const prunus::any_schedule erased_copy = erased;  // NOLINT: copies are what is tested
  erased_copy.check();

  Index before = 0;
  for (Index time = 0; time <= horizon; ++time) {
    const prunus::progress now{.step = time, .epoch = time};
    const Index events = schedule.events(now);
    CAPTURE(time);
    REQUIRE(events >= before);
    REQUIRE(copy.events(now) == events);
    REQUIRE(erased_copy.events(now) == events);
    before = events;
  }
  REQUIRE(before >= 1);
  REQUIRE(schedule.events({.step = 100 * horizon + 100, .epoch = 100 * horizon + 100}) == before);
  REQUIRE(schedule.last() == before);
  REQUIRE(erased_copy.last() == before);

  double last = 0;
  for (Index event = 1; event <= before; ++event) {
    const double target = schedule.target(event);
    CAPTURE(event, target);
    REQUIRE(target >= 0);
    REQUIRE(target < 1);
    REQUIRE(copy.target(event) == target);
    REQUIRE(erased_copy.target(event) == target);
    if (targets_grow) REQUIRE(target >= last);
    last = target;
  }
}

}  // namespace support
