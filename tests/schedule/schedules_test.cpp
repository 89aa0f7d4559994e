// SPDX-License-Identifier: MIT
#include <prunus/schedule/any_schedule.hpp>
#include <prunus/schedule/constant_sparsity.hpp>
#include <prunus/schedule/cubic_ramp.hpp>
#include <prunus/schedule/exponential_ramp.hpp>
#include <prunus/schedule/linear_ramp.hpp>
#include <prunus/schedule/one_shot.hpp>
#include <prunus/schedule/sparsity_steps.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/schedule_laws.hpp"

#include <cmath>     // std::abs
#include <limits>    // std::numeric_limits
#include <optional>  // std::nullopt
#include <utility>   // std::move
#include <vector>    // std::vector

namespace {

using Eigen::Index;
using prunus::constant_sparsity;
using prunus::cubic_ramp;
using prunus::errc;
using prunus::exponential_ramp;
using prunus::linear_ramp;
using prunus::one_shot;
using prunus::sparsity_steps;
using prunus::time_unit;
using support::at_step;
using support::check_schedule_laws;

/// The steps in 0, 1, ..., horizon at which an event happens.
template <class Schedule>
std::vector<Index> times_of(const Schedule& schedule, Index horizon) {
  std::vector<Index> times;
  Index before = 0;
  for (Index step = 0; step <= horizon; ++step) {
    const Index events = schedule.events(at_step(step));
    for (; before < events; ++before) times.push_back(step);
  }
  return times;
}

template <class Schedule>
std::vector<double> targets_of(const Schedule& schedule, Index events) {
  std::vector<double> targets;
  for (Index event = 1; event <= events; ++event) targets.push_back(schedule.target(event));
  return targets;
}

bool near(const std::vector<double>& a, const std::vector<double>& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i) same = std::abs(a[i] - b[i]) < 1e-12;
  return same;
}

template <class Schedule>
bool is_refused(const Schedule& schedule) {
  return support::code_of<prunus::argument_error>([&] { schedule.check(); }) ==
             errc::out_of_range &&
         support::code_of<prunus::argument_error>(
             [&] { prunus::any_schedule(schedule).check(); }) == errc::out_of_range;
}

using times = std::vector<Index>;

}  // namespace

TEST_CASE("all schedules keep the laws of schedules", "[schedule][laws]") {
  const Index begin = GENERATE(0, 7), length = GENERATE(1, 2, 10, 23),
              every = GENERATE(1, 4, 10, 50);
  const Index end = begin + length;
  check_schedule_laws(cubic_ramp{0, 0.8, begin, end, every}, end);
  check_schedule_laws(cubic_ramp{0.2, 0.9, begin, end, every, time_unit::epoch}, end);
  check_schedule_laws(linear_ramp{0.1, 0.5, begin, end, every}, end);
  check_schedule_laws(exponential_ramp{0, 0.99, begin, end, every}, end);
  check_schedule_laws(constant_sparsity{0.3, begin, end, every}, end);
  check_schedule_laws(one_shot{0.5, end}, end);
  check_schedule_laws(sparsity_steps{{{begin, 0.1}, {end + 1, 0.5}}}, end + 1);
  check_schedule_laws(linear_ramp{0.9, 0.1, begin, end, every}, end,
                      false);  // soft pruning may relax
}

TEST_CASE("a type that offers only what the concept promises is a schedule",
          "[schedule][concept]") {
  STATIC_REQUIRE(prunus::schedule<support::archetype_schedule>);
  STATIC_REQUIRE_FALSE(prunus::schedule<int>);
  const prunus::any_schedule erased{support::archetype_schedule(0)};
  CHECK(erased.events(at_step(12)) == 12);
  CHECK(erased.target(3) == 0.5);
}

TEST_CASE("events lie at begin, every so many steps, and at the end", "[schedule][interval]") {
  CHECK(times_of(linear_ramp{.begin = 10, .end = 40, .every = 10}, 60) == times{10, 20, 30, 40});
  CHECK(times_of(linear_ramp{.begin = 10, .end = 35, .every = 10}, 60) == times{10, 20, 30, 35});
  CHECK(times_of(linear_ramp{.begin = 0, .end = 3, .every = 1}, 9) == times{0, 1, 2, 3});
  CHECK(times_of(linear_ramp{.begin = 5, .end = 6, .every = 10}, 9) == times{5, 6});
  CHECK(times_of(linear_ramp{.begin = 5, .end = 7, .every = 10}, 9) == times{5, 7});
  CHECK(times_of(constant_sparsity{.begin = 2, .end = 8, .every = 3}, 20) == times{2, 5, 8});
  CHECK(times_of(one_shot{.at = 4}, 20) == times{4});
  CHECK(times_of(sparsity_steps{{{3, 0.1}, {9, 0.2}}}, 20) == times{3, 9});
}

TEST_CASE("skipping steps counts the events that were passed over", "[schedule][interval]") {
  const cubic_ramp schedule{.begin = 0, .end = 1000, .every = 100};
  CHECK(schedule.events(at_step(0)) == 1);
  CHECK(schedule.events(at_step(99)) == 1);
  CHECK(schedule.events(at_step(100)) == 2);
  CHECK(schedule.events(at_step(999)) == 10);
  CHECK(schedule.events(at_step(1000)) == 11);
  CHECK(schedule.events(at_step(1000000000000)) == 11);
}

TEST_CASE("cubic follows the equation of Zhu and Gupta", "[schedule][cubic]") {
  // s = 0.8 + (0 - 0.8) (1 - u)^3 at u = 0, 1/4, 1/2, 3/4, 1
  CHECK(near(targets_of(cubic_ramp{.final_sparsity = 0.8, .begin = 0, .end = 400, .every = 100}, 5),
             {0, 0.4625, 0.7, 0.7875, 0.8}));
  // s = 0.8 + (0.2 - 0.8) (1 - u)^3 at u = 0, 1/2, 1
  CHECK(near(
      targets_of(cubic_ramp{.initial_sparsity = 0.2, .final_sparsity = 0.8, .end = 10, .every = 5},
                 3),
      {0.2, 0.725, 0.8}));
  // every does not divide: u = 0, 0.4, 0.8, 1
  CHECK(near(targets_of(cubic_ramp{.final_sparsity = 0.5, .begin = 10, .end = 35, .every = 10}, 4),
             {0, 0.5 * (1 - 0.216), 0.5 * (1 - 0.008), 0.5}));
}

TEST_CASE("linear is a straight line", "[schedule][linear]") {
  CHECK(near(targets_of(linear_ramp{0.1, 0.5, 100, 200, 25}, 5), {0.1, 0.2, 0.3, 0.4, 0.5}));
  CHECK(near(targets_of(linear_ramp{0, 0.5, 10, 35, 10}, 4), {0, 0.2, 0.4, 0.5}));
}

TEST_CASE("exponential removes the same share of what is left", "[schedule][exponential]") {
  // 64 % are left after two of two halves: 80 % after one
  CHECK(near(targets_of(exponential_ramp{.final_sparsity = 0.36, .end = 10, .every = 5}, 3),
             {0, 0.2, 0.36}));
  // from 50 % left to 6.25 %: halved three times
  CHECK(near(targets_of(exponential_ramp{0.5, 0.9375, 0, 3, 1}, 4), {0.5, 0.75, 0.875, 0.9375}));
  CHECK(exponential_ramp{.final_sparsity = 0.9, .end = 7}.target(8) == 0.9);  // exactly
}

TEST_CASE("the last target is the final sparsity to the bit", "[schedule]") {
  for (Index end : {1, 3, 7, 1000})
    for (double sparsity : {0.1, 0.3, 0.7, 0.9}) {
      const Index last = end + 1;
      CHECK(linear_ramp{0.05, sparsity, 0, end}.target(last) == sparsity);
      CHECK(cubic_ramp{0.05, sparsity, 0, end}.target(last) == sparsity);
      CHECK(exponential_ramp{0.05, sparsity, 0, end}.target(last) == sparsity);
    }
}

TEST_CASE("constant, one_shot and steps say what they were given", "[schedule]") {
  CHECK(targets_of(constant_sparsity{.sparsity = 0.3, .end = 2}, 3) ==
        std::vector<double>{0.3, 0.3, 0.3});
  CHECK(one_shot{.sparsity = 0.7}.target(1) == 0.7);
  const sparsity_steps list{{{1000, 0.3}, {2000, 0.5}, {4000, 0.8}}};
  CHECK(targets_of(list, 3) == std::vector<double>{0.3, 0.5, 0.8});
  CHECK(list.events(at_step(999)) == 0);
  CHECK(list.events(at_step(3999)) == 2);
  CHECK(list.target(0) == 0);
  CHECK(list.target(4) == 0);
}

TEST_CASE("a schedule by epochs does not look at steps, and the other way round",
          "[schedule][epoch]") {
  const linear_ramp by_epoch{.begin = 1, .end = 3, .by = time_unit::epoch},
      by_step{.begin = 1, .end = 3};
  const prunus::progress late_step{.step = 500, .epoch = 0}, late_epoch{.step = 0, .epoch = 500};
  CHECK(by_epoch.events(late_step) == 0);
  CHECK(by_epoch.events(late_epoch) == 3);
  CHECK(by_step.events(late_step) == 3);
  CHECK(by_step.events(late_epoch) == 0);
  CHECK(one_shot{.at = 2, .by = time_unit::epoch}.events(late_step) == 0);
  CHECK(one_shot{.at = 2, .by = time_unit::epoch}.events(late_epoch) == 1);
  CHECK(sparsity_steps{{{2, 0.5}}, time_unit::epoch}.events(late_step) == 0);
  CHECK(constant_sparsity{.begin = 1, .end = 2, .by = time_unit::epoch}.events(late_epoch) == 2);
}

TEST_CASE("numbers that make no schedule are refused", "[schedule][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double wrong : {-0.1, 1.0, 1.1, nan}) {
    CHECK(is_refused(cubic_ramp{.final_sparsity = wrong, .end = 9}));
    CHECK(is_refused(cubic_ramp{.initial_sparsity = wrong, .end = 9}));
    CHECK(is_refused(linear_ramp{.final_sparsity = wrong, .end = 9}));
    CHECK(is_refused(linear_ramp{.initial_sparsity = wrong, .end = 9}));
    CHECK(is_refused(exponential_ramp{.final_sparsity = wrong, .end = 9}));
    CHECK(is_refused(exponential_ramp{.initial_sparsity = wrong, .end = 9}));
    CHECK(is_refused(constant_sparsity{.sparsity = wrong, .end = 9}));
    CHECK(is_refused(one_shot{.sparsity = wrong}));
    CHECK(is_refused(sparsity_steps{{{0, wrong}}}));
  }
  CHECK(is_refused(cubic_ramp{.begin = -1, .end = 4}));
  CHECK(is_refused(cubic_ramp{.begin = 5, .end = 4}));
  CHECK(is_refused(cubic_ramp{.end = 4, .every = 0}));
  CHECK(is_refused(linear_ramp{.begin = 5, .end = 4}));
  CHECK(is_refused(exponential_ramp{.end = 4, .every = -2}));
  CHECK(is_refused(constant_sparsity{.begin = -3, .end = 4}));
  CHECK(is_refused(one_shot{.at = -1}));
  CHECK(is_refused(sparsity_steps{}));
  CHECK(is_refused(sparsity_steps{{{5, 0.1}, {5, 0.2}}}));
  CHECK(is_refused(sparsity_steps{{{-1, 0.1}}}));
}

TEST_CASE("a ramp and a constant sparsity must end after they begin", "[schedule][errors]") {
  CHECK(is_refused(cubic_ramp{.final_sparsity = 0.8, .begin = 7, .end = 7}));
  CHECK(is_refused(cubic_ramp{.final_sparsity = 0.8}));  // `end` was forgotten
  CHECK(is_refused(linear_ramp{.final_sparsity = 0.8, .every = 100}));
  CHECK(is_refused(exponential_ramp{.final_sparsity = 0.8}));
  CHECK(is_refused(constant_sparsity{.sparsity = 0.3}));
  const support::thrown error = support::error_of<prunus::argument_error>(
      [] { cubic_ramp{.final_sparsity = 0.8, .begin = 7, .end = 7}.check(); });
  CHECK(error.says("cubic_ramp"));
  CHECK(error.says("begin 7, end 7"));
  CHECK(error.says("one_shot"));
}

TEST_CASE("a schedule says which event is its last, if it has one", "[schedule][last]") {
  CHECK(one_shot{}.last() == 1);
  CHECK(linear_ramp{.end = 1000, .every = 100}.last() == 11);
  CHECK(linear_ramp{.begin = 10, .end = 35, .every = 10}.last() == 4);
  CHECK(constant_sparsity{.end = 3}.last() == 4);
  CHECK(sparsity_steps{{{3, 0.1}, {9, 0.2}}}.last() == 2);
  constexpr Index most = std::numeric_limits<Index>::max();
  CHECK(linear_ramp{.begin = 1, .end = most, .every = most}.last() == 2);
  const prunus::any_schedule endless{support::archetype_schedule(0)};
  CHECK(endless.last() == std::nullopt);
  CHECK(prunus::any_schedule(prunus::any_schedule(one_shot{})).last() == 1);
  CHECK(prunus::detail::last_event_of(prunus::any_schedule(one_shot{})) == 1);
  CHECK(prunus::detail::last_event_of(endless) == std::nullopt);
}

TEST_CASE("an any_schedule can be copied, moved and assigned", "[schedule][any_schedule]") {
  prunus::any_schedule a{one_shot{0.3, 5}};
  prunus::any_schedule b = a;
  prunus::any_schedule c{linear_ramp{0, 0.5, 0, 10, 5}};
  b = c;
  CHECK(a.events(at_step(5)) == 1);
  CHECK(a.target(1) == 0.3);
  CHECK(b.events(at_step(5)) == 2);
  CHECK(b.target(2) == 0.25);
  c = std::move(a);
  CHECK(c.target(1) == 0.3);
}
