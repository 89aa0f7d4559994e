// SPDX-License-Identifier: MIT
// The loop of the documentation comes to the last event, and a schedule that does not is named.
#include <prunus/allocation/global.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/schedule/accuracy_steps.hpp>
#include <prunus/schedule/constant_sparsity.hpp>
#include <prunus/schedule/cubic_ramp.hpp>
#include <prunus/schedule/exponential_ramp.hpp>
#include <prunus/schedule/linear_ramp.hpp>
#include <prunus/schedule/one_shot.hpp>
#include <prunus/schedule/sparsity_steps.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"
#include "support/toy_network.hpp"

#include <cmath>     // std::isnan
#include <optional>  // std::optional
#include <string>    // std::string

namespace {

using Eigen::Index;
using prunus::cubic_ramp;
using prunus::finish_report;
using prunus::linear_ramp;
using prunus::pass;
using prunus::progress;
using prunus::time_unit;
using support::toy_network;

const auto by_weight = pass{prunus::l1_norm{}, prunus::element, prunus::global{}};

/// Where a run stood after its loop.
struct ending {
  double sparsity;
  finish_report report;
};

/// `count` times: trains, then says how far it is.
template <class Schedule, class Say>
ending run(const Schedule& schedule, Index count, Say say) {
  toy_network<float> t;
  prunus::scheduler s{t.net};
  s.add(schedule, by_weight);
  for (Index done = 0; done < count; ++done) {
    t.train(done);
    s.step(say(done));
  }
  finish_report report = s.finish();
  return {s.sparsity(), std::move(report)};
}

constexpr auto steps_done = [](Index step) { return progress{.step = step + 1}; };
constexpr auto one_too_few = [](Index step) { return progress{.step = step}; };
constexpr auto epochs_done = [](Index epoch) {
  return progress{.step = 10 * (epoch + 1), .epoch = epoch + 1};
};
constexpr auto epochs_one_too_few = [](Index epoch) {
  return progress{.step = 10 * epoch, .epoch = epoch};
};

/// The hint of the one schedule that ended early.
std::string hint_of(const finish_report& report) {
  REQUIRE(report.ended_early.size() == 1);
  return report.ended_early[0].hint;
}
bool says(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a loop as long as its schedule ends at the final sparsity", "[pruning][scheduler]") {
  const auto ends_at = [](double sparsity, const ending& e) {
    CHECK(e.sparsity == Approx(sparsity).margin(0.001));
    CHECK(e.report.complete());
    CHECK(e.report.message().empty());
  };
  ends_at(0.8, run(cubic_ramp{.final_sparsity = 0.8, .end = 100, .every = 10}, 100, steps_done));
  ends_at(0.8, run(linear_ramp{.final_sparsity = 0.8, .end = 100, .every = 10}, 100, steps_done));
  ends_at(0.8, run(linear_ramp{.final_sparsity = 0.8, .end = 100, .every = 7}, 100, steps_done));
  ends_at(0.9, run(linear_ramp{.final_sparsity = 0.9, .end = 10, .by = time_unit::epoch}, 10,
                   epochs_done));
  ends_at(0.8, run(prunus::exponential_ramp{.final_sparsity = 0.8, .end = 9}, 9, steps_done));
  ends_at(0.5, run(prunus::one_shot{.sparsity = 0.5, .at = 20}, 20, steps_done));
  ends_at(0.5, run(prunus::sparsity_steps{{{10, 0.25}, {20, 0.5}}}, 20, steps_done));
  ends_at(0.8, run(cubic_ramp{.final_sparsity = 0.8, .end = 100, .every = 10}, 101, one_too_few));
}

TEST_CASE("a schedule that ends before its last event is named", "[pruning][scheduler]") {
  const ending e =
      run(cubic_ramp{.final_sparsity = 0.8, .end = 100, .every = 10}, 100, one_too_few);
  CHECK(e.sparsity == Approx(0.8 * (1 - 0.001)).margin(0.001));
  CHECK_FALSE(e.report.complete());
  REQUIRE(e.report.ended_early.size() == 1);
  const finish_report::unfinished& u = e.report.ended_early[0];
  CHECK(u.entry == 0);
  CHECK(u.events == 10);
  CHECK(u.last == 11);
  REQUIRE(u.told.has_value());
  CHECK(u.told->step == 99);
  CHECK(says(u.hint, "pass step + 1"));
  CHECK(e.report.message() ==
        "schedule 0 of the scheduler ended after event 10 of 11; told last: step 99, epoch 0; " +
            u.hint + "\n");

  const ending epochs = run(linear_ramp{.final_sparsity = 0.9, .end = 10, .by = time_unit::epoch},
                            10, epochs_one_too_few);
  CHECK(says(hint_of(epochs.report), "pass epoch + 1"));

  const ending stopped = run(linear_ramp{.final_sparsity = 0.8, .end = 100}, 40, steps_done);
  CHECK(hint_of(stopped.report).empty());  // it takes more training, not another call
  CHECK(stopped.report.ended_early[0].events == 41);
  CHECK(stopped.report.ended_early[0].last == 101);
}

TEST_CASE("a schedule that counts what it is never told says so", "[pruning][scheduler]") {
  const linear_ramp by_epoch{.final_sparsity = 0.9, .end = 10, .by = time_unit::epoch};
  const ending steps_alone = run(by_epoch, 50, steps_done);
  CHECK(steps_alone.sparsity == 0);
  CHECK(says(hint_of(steps_alone.report), "counts epochs"));
  linear_ramp late = by_epoch;  // later than there were steps
  late.begin = 500;
  late.end = 600;
  CHECK(says(hint_of(run(late, 5, steps_done).report), "counts epochs"));

  const auto epochs_alone = [](Index epoch) { return progress{.epoch = epoch + 1}; };
  CHECK(says(hint_of(run(linear_ramp{.final_sparsity = 0.9, .end = 10}, 20, epochs_alone).report),
             "counts steps"));

  CHECK(says(hint_of(run(prunus::accuracy_steps{}, 20, steps_done).report), "an accuracy"));
  const auto with_accuracy = [](Index step) {
    return step == 3 ? progress{.step = step + 1, .accuracy = 0.9} : progress{.step = step + 1};
  };
  const finish_report told = run(prunus::accuracy_steps{}, 20, with_accuracy).report;
  CHECK(hint_of(told).empty());
  CHECK(told.ended_early[0].events == 3);
  CHECK(told.ended_early[0].told->step == 20);
  CHECK(told.ended_early[0].told->accuracy == 0.9);  // of the last call that knew it
  CHECK(std::isnan(told.ended_early[0].told->loss));
}

TEST_CASE("finishing lists the schedules that ended early, and those alone",
          "[pruning][scheduler]") {
  toy_network<float> t, u;
  const linear_ramp long_one{.final_sparsity = 0.8, .end = 8}, short_one{.end = 4};
  const prunus::one_shot never{.at = 9};
  const auto check = [](auto& s) {
    s.step({.step = 4});
    const finish_report report = s.finish();
    REQUIRE(report.ended_early.size() == 2);
    CHECK(report.ended_early[0].entry == 1);
    CHECK(report.ended_early[0].events == 5);
    CHECK(report.ended_early[0].last == 9);
    CHECK(report.ended_early[1].entry == 3);
    CHECK(report.ended_early[1].events == 0);
    CHECK(report.ended_early[1].last == 1);
    const std::string message = report.message();
    CHECK(says(message, "schedule 1 of the scheduler ended after event 5 of 9"));
    CHECK(says(message, "schedule 3 of the scheduler ended after event 0 of 1"));
  };
  prunus::scheduler erased{t.net};
  erased.add(short_one, by_weight);
  erased.add(long_one, by_weight);
  erased.add(support::archetype_schedule(0), by_weight);  // has no last event
  erased.add(never, by_weight);
  check(erased);
  prunus::scheduler composed{u.net, prunus::timed_pass{short_one, by_weight},
                             prunus::timed_pass{long_one, by_weight},
                             prunus::timed_pass{support::archetype_schedule(0), by_weight},
                             prunus::timed_pass{never, by_weight}};
  check(composed);
}

TEST_CASE("a scheduler that was never stepped says so when it finishes", "[pruning][scheduler]") {
  toy_network<float> t;
  prunus::scheduler s{t.net};
  CHECK(s.finish().complete());  // nothing was to be done
  s.add(prunus::one_shot{}, by_weight);
  const finish_report report = s.finish();
  CHECK(says(hint_of(report), "never called"));
  CHECK_FALSE(report.ended_early[0].told.has_value());
  CHECK(says(report.message(), "after event 0 of 1; scheduler.step was never called\n"));
}
