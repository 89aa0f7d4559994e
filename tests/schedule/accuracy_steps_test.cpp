// SPDX-License-Identifier: MIT
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/schedule/accuracy_steps.hpp>
#include <prunus/schedule/any_schedule.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::count
#include <cmath>      // std::abs, std::floor, std::nan
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::accuracy_steps;

Index events_at(const accuracy_steps& schedule, double accuracy) {
  return schedule.events({.accuracy = accuracy});
}

}  // namespace

TEST_CASE("accuracy_steps with the authors' numbers", "[schedule][accuracy_steps]") {
  const accuracy_steps schedule;  // n = 5, P = 80 %, .80 to .98, b = .2
  const std::vector<double> shares{23.798, 19.039, 15.231, 12.185, 9.748};
  const std::vector<double> thresholds{.800, .836, .872, .908, .944};
  const std::vector<double> weights{76320, 61056, 48845, 39076, 31260};
  double before = 0, all = 0;
  for (Index event = 1; event <= 5; ++event) {
    const std::size_t k = static_cast<std::size_t>(event - 1);
    const double share = 100 * (schedule.target(event) - before);
    before = schedule.target(event);
    CHECK(std::abs(share - shares[k]) < 1e-3);
    CHECK(schedule.threshold(event) == Approx(thresholds[k]));
    CHECK(events_at(schedule, schedule.threshold(event)) == event);
    CHECK(events_at(schedule, thresholds[k] - 1e-6) == event - 1);
    // Of 784-300-200-100-50-10: 320,700 kernel weights.
    CHECK(std::floor(320700 * share / 100) == weights[k]);
    all += weights[k];
  }
  CHECK(all == 256557);
  CHECK(schedule.target(5) == 0.8);
  CHECK(schedule.target(6) == 0.8);
}

TEST_CASE("accuracy_steps keeps the laws of schedules", "[schedule][accuracy_steps]") {
  STATIC_REQUIRE(prunus::schedule<accuracy_steps>);
  support::random_source random(12);
  for (int round = 0; round < 50; ++round) {
    const double begin = random.real(0, 0.9);
    const accuracy_steps schedule{.begin = begin,
                                  .end = random.real(begin + 0.01, 1),
                                  .count = random.between(1, 12),
                                  .final_sparsity = random.real(0, 0.99),
                                  .decay = random.chance(0.3) ? 0 : random.real(0, 0.9)};
    schedule.check();
    const prunus::any_schedule erased(schedule);
    Index before = 0;
    for (int k = 0; k <= 100; ++k) {
      const prunus::progress now{.accuracy = 0.01 * k};
      const Index events = schedule.events(now);
      REQUIRE(events >= before);
      REQUIRE(erased.events(now) == events);
      before = events;
    }
    REQUIRE(before == schedule.count);
    REQUIRE(schedule.last() == before);
    REQUIRE(erased.last() == before);
    double last = 0;
    for (Index event = 1; event <= schedule.count; ++event) {
      REQUIRE(schedule.target(event) >= last);
      REQUIRE(erased.target(event) == schedule.target(event));
      last = schedule.target(event);
    }
    REQUIRE(last == schedule.final_sparsity);
  }
}

TEST_CASE("accuracy_steps without decay shares evenly", "[schedule][accuracy_steps]") {
  const accuracy_steps schedule{.count = 4, .decay = 0};
  for (Index event = 1; event <= 4; ++event)
    CHECK(schedule.target(event) == Approx(0.2 * static_cast<double>(event)));
}

TEST_CASE("a scheduler prunes by accuracy and never goes back", "[schedule][accuracy_steps]") {
  std::vector<float> weights;
  for (int i = 1; i <= 100; ++i) weights.push_back(static_cast<float>(i));
  prunus::model<float> net;
  net.add("w", prunus::view(weights, {10, 10}), {.prunable = true});
  prunus::scheduler scheduler{net};
  scheduler.add(accuracy_steps{.count = 2, .final_sparsity = 0.5, .decay = 0.5},
                prunus::pass{prunus::l1_norm{}, prunus::element});
  const auto zeros_after = [&](Index step, double accuracy) {
    scheduler.step({.step = step, .accuracy = accuracy});
    return std::count(weights.begin(), weights.end(), 0.0F);
  };
  CHECK(zeros_after(1, 0.79) == 0);
  CHECK(zeros_after(2, 0.81) == 33);  // two thirds of the half
  CHECK(zeros_after(3, 0.60) == 33);
  CHECK(zeros_after(4, std::nan("")) == 33);
  CHECK_FALSE(scheduler.step({.step = 5}).pruned());
  CHECK(zeros_after(6, 0.85) == 33);  // the first threshold again
  CHECK(zeros_after(7, 0.90) == 50);
  CHECK(zeros_after(8, 0.99) == 50);
}

TEST_CASE("accuracy_steps refuses numbers that make no schedule", "[schedule][accuracy_steps]") {
  for (const accuracy_steps& wrong :
       {accuracy_steps{.begin = -0.1}, accuracy_steps{.begin = 0.98}, accuracy_steps{.end = 1.1},
        accuracy_steps{.count = 0}, accuracy_steps{.final_sparsity = 1}, accuracy_steps{.decay = 1},
        accuracy_steps{.begin = std::nan("")}})
    CHECK(support::code_of<prunus::argument_error>([&] { wrong.check(); }) ==
          prunus::errc::out_of_range);
}
