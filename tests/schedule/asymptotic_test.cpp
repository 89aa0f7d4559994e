// SPDX-License-Identifier: MIT
#include <prunus/schedule/asymptotic_ramp.hpp>
#include <prunus/schedule/logistic_ramp.hpp>
#include <prunus/schedule/ramp.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/schedule_laws.hpp"

#include <cmath>        // std::abs
#include <limits>       // std::numeric_limits
#include <string_view>  // std::string_view

namespace {

using Eigen::Index;
using prunus::asymptotic_ramp;
using prunus::errc;
using prunus::logistic_ramp;

template <class Schedule>
bool is_refused(const Schedule& schedule) {
  return support::code_of<prunus::argument_error>([&] { schedule.check(); }) == errc::out_of_range;
}

struct parabola {
  static constexpr std::string_view name = "parabola";

  [[nodiscard]] double sparsity(double initial, double final, double u) const noexcept {
    return initial + (final - initial) * u * u;
  }
};

}  // namespace

TEST_CASE("the asymptotic schedule keeps the laws", "[schedule][asymptotic]") {
  support::check_schedule_laws(asymptotic_ramp{.final_sparsity = 0.4, .end = 100}, 100);
  support::check_schedule_laws(
      asymptotic_ramp{.final_sparsity = 0.9, .begin = 3, .end = 17, .every = 5}, 20);
  support::check_schedule_laws(
      asymptotic_ramp{.begin = 2, .end = 9, .every = 2, .by = prunus::time_unit::epoch}, 12);
}

TEST_CASE("the asymptotic schedule has the values worked out by hand", "[schedule][asymptotic]") {
  // Three quarters after an eighth, 15/16 after a quarter, 255/256 after a half.
  const asymptotic_ramp s{.final_sparsity = 0.4, .end = 200};  // event e at half of e - 1 per cent
  CHECK(s.target(1) == 0);
  CHECK(s.target(26) == Approx(0.3).epsilon(1e-12));
  CHECK(s.target(51) == Approx(0.375).epsilon(1e-12));
  CHECK(s.target(101) == Approx(0.3984375).epsilon(1e-12));
  CHECK(s.target(201) == 0.4);
  CHECK(std::abs(s.target(200) - 0.4) < 1e-5);
}

TEST_CASE("the logistic schedule keeps the laws", "[schedule][logistic]") {
  support::check_schedule_laws(logistic_ramp{.final_sparsity = 0.4, .end = 10}, 10);
  support::check_schedule_laws(
      logistic_ramp{.begin = 1, .end = 8, .every = 3, .curve = {.epsilon = 0.1, .midpoint = 0.3}},
      10);
}

TEST_CASE("the logistic schedule is one minus the curve of the decay", "[schedule][logistic]") {
  const logistic_ramp s{.final_sparsity = 0.5, .end = 10};
  const double expected[] = {.01, .0247, .05969, .13728, .28516, .5, .71484, .86272, .94031, .9753};
  for (Index event = 1; event <= 10; ++event)
    CHECK(std::abs(s.target(event) - 0.5 * expected[event - 1]) < 3e-6);
  CHECK(s.target(11) == 0.5);
}

TEST_CASE("every ramp goes from its initial to its final sparsity", "[schedule][ramp]") {
  const asymptotic_ramp most_at_once{.initial_sparsity = 0.2, .final_sparsity = 0.6, .end = 8};
  CHECK(most_at_once.target(1) == 0.2);
  CHECK(most_at_once.target(2) == Approx(0.2 + 0.4 * 0.75).epsilon(1e-12));
  CHECK(most_at_once.target(9) == 0.6);
  const logistic_ramp slow_at_the_ends{.initial_sparsity = 0.2, .final_sparsity = 0.6, .end = 8};
  CHECK(slow_at_the_ends.target(1) == Approx(0.2 + 0.4 * 0.01).epsilon(1e-12));
  CHECK(slow_at_the_ends.target(5) == Approx(0.4).epsilon(1e-12));
  CHECK(slow_at_the_ends.target(9) == 0.6);
}

TEST_CASE("a ramp takes a curve of the user's", "[schedule][ramp]") {
  STATIC_REQUIRE(prunus::ramp_curve<parabola>);
  STATIC_REQUIRE_FALSE(prunus::ramp_curve<asymptotic_ramp>);
  const prunus::ramp<parabola> s{.final_sparsity = 0.8, .begin = 2, .end = 10, .every = 4};
  support::check_schedule_laws(s, 10);
  CHECK(s.target(2) == Approx(0.2).epsilon(1e-12));
  CHECK(s.target(3) == 0.8);
}

TEST_CASE("numbers that make no asymptotic or logistic schedule are refused", "[schedule]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double wrong : {-0.1, 1.0, nan}) {
    CHECK(is_refused(asymptotic_ramp{.final_sparsity = wrong, .end = 9}));
    CHECK(is_refused(asymptotic_ramp{.initial_sparsity = wrong, .end = 9}));
    CHECK(is_refused(logistic_ramp{.final_sparsity = wrong, .end = 9}));
    CHECK(is_refused(logistic_ramp{.end = 9, .curve = {.midpoint = wrong}}));
    CHECK(is_refused(logistic_ramp{.end = 9, .curve = {.epsilon = wrong}}));
  }
  CHECK(is_refused(asymptotic_ramp{.begin = 2, .end = 1}));
  CHECK(is_refused(asymptotic_ramp{.begin = 2, .end = 2}));
  CHECK(is_refused(logistic_ramp{.end = 9, .every = 0}));
}
