// SPDX-License-Identifier: MIT
#include <prunus/measure/latency.hpp>

#include "support/catch.hpp"

#include <algorithm>  // std::sort
#include <array>      // std::array
#include <chrono>     // std::chrono::nanoseconds, std::chrono::time_point
#include <cstddef>    // std::ptrdiff_t, std::size_t
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

// A clock that stands still unless a callable moves it on, so that every time is known beforehand.
struct hand_moved_clock {
  using rep = long long;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<hand_moved_clock>;
  static inline time_point present{};
  static time_point now() { return present; }
  static void pass_milliseconds(long long count) { present += std::chrono::milliseconds(count); }
  static void pass_nanoseconds(long long count) { present += std::chrono::nanoseconds(count); }
};

constexpr prunus::latency_options no_time_limit(std::ptrdiff_t warm_up,
                                                std::ptrdiff_t repetitions) {
  return {.warm_up = warm_up,
          .repetitions = repetitions,
          .minimum_seconds = 0,
          .maximum_seconds = std::numeric_limits<double>::infinity()};
}

int calls_of_function = 0;
void count_call() {
  ++calls_of_function;
  hand_moved_clock::pass_milliseconds(1);
}

}  // namespace

TEST_CASE("measure_latency reports the quartiles of the repetitions and not the warm-up",
          "[measure][latency]") {
  const std::array<long long, 7> milliseconds{90, 90, 4, 1, 2, 5, 3};
  std::size_t calls = 0;
  const auto result = prunus::measure_latency<hand_moved_clock>(
      [&] { hand_moved_clock::pass_milliseconds(milliseconds.at(calls++)); }, no_time_limit(2, 5));
  CHECK(calls == 7);
  CHECK(result.repetitions == 5);
  CHECK(result.calls_per_repetition == 1);
  CHECK(result.minimum == Approx(0.001));
  CHECK(result.lower_quartile == Approx(0.002));
  CHECK(result.median == Approx(0.003));
  CHECK(result.upper_quartile == Approx(0.004));
}

TEST_CASE("measure_latency takes the mean of the middle two of an even number of repetitions",
          "[measure][latency]") {
  const std::array<long long, 5> milliseconds{9, 4, 1, 2, 8};
  std::size_t calls = 0;
  const auto result = prunus::measure_latency<hand_moved_clock>(
      [&] { hand_moved_clock::pass_milliseconds(milliseconds.at(calls++)); }, no_time_limit(1, 4));
  CHECK(result.median == Approx(0.003));
  CHECK(result.lower_quartile == Approx(0.00175));
  CHECK(result.upper_quartile == Approx(0.005));
}

TEST_CASE("measure_latency groups calls that are too short for a clock", "[measure][latency]") {
  std::ptrdiff_t calls = 0;
  const auto result = prunus::measure_latency<hand_moved_clock>(
      [&] {
        ++calls;
        hand_moved_clock::pass_nanoseconds(1024);
      },
      no_time_limit(3, 10));
  CHECK(result.calls_per_repetition == 20);
  CHECK(result.repetitions == 10);
  CHECK(calls == 3 + 10 * 20);
  CHECK(result.median == Approx(1.024e-6));
}

TEST_CASE("measure_latency goes on until the minimum time has passed", "[measure][latency]") {
  const auto result = prunus::measure_latency<hand_moved_clock>(
      [] { hand_moved_clock::pass_milliseconds(10); },
      {.warm_up = 1, .repetitions = 2, .minimum_seconds = 0.1, .maximum_seconds = 1});
  CHECK(result.repetitions == 9);  // and the warm-up is the tenth
}

TEST_CASE("measure_latency stops at the maximum time, after one repetition at least",
          "[measure][latency]") {
  int calls = 0;
  const auto result = prunus::measure_latency<hand_moved_clock>(
      [&] {
        ++calls;
        hand_moved_clock::pass_milliseconds(700);
      },
      {.warm_up = 5, .repetitions = 100, .minimum_seconds = 0, .maximum_seconds = 0.5});
  CHECK(calls == 2);
  CHECK(result.repetitions == 1);
}

TEST_CASE("measure_latency calls functions, const and mutable callables alike",
          "[measure][latency]") {
  calls_of_function = 0;
  CHECK(prunus::measure_latency<hand_moved_clock>(count_call, no_time_limit(1, 3)).median ==
        Approx(0.001));
  CHECK(calls_of_function == 4);

  const auto constant = [] {
    hand_moved_clock::pass_milliseconds(2);
    return std::string("a result with a destructor");
  };
  CHECK(prunus::measure_latency<hand_moved_clock>(constant, no_time_limit(1, 3)).median ==
        Approx(0.002));

  long long own = 0;
  auto changing = [own]() mutable { hand_moved_clock::pass_milliseconds(++own); };
  CHECK(prunus::measure_latency<hand_moved_clock>(changing, no_time_limit(1, 3)).median ==
        Approx(0.003));
}

TEST_CASE("measure_latency with the real clock makes the calls it says", "[measure][latency]") {
  std::ptrdiff_t calls = 0;
  const auto result = prunus::measure_latency([&] { return ++calls; }, no_time_limit(2, 5));
  CHECK(result.repetitions == 5);
  CHECK(calls == 2 + 5 * result.calls_per_repetition);
  CHECK(result.minimum <= result.lower_quartile);
  CHECK(result.lower_quartile <= result.median);
  CHECK(result.median <= result.upper_quartile);
}

TEST_CASE("measure_latency flushes denormals meanwhile and not afterwards", "[measure][latency]") {
  volatile float smallest = std::numeric_limits<float>::min();
  volatile float half = 0.5F;
  bool flushed = false;
  static_cast<void>(prunus::measure_latency<hand_moved_clock>(
      [&] {
        volatile float product = smallest * half;
        flushed = product == 0.0F;
        hand_moved_clock::pass_milliseconds(1);
      },
      no_time_limit(1, 1)));
  CHECK(flushed == prunus::denormal_guard::supported);
  volatile float after = smallest * half;
  CHECK(after > 0.0F);
}

TEST_CASE("compare_latency gives the ratio of the medians", "[measure][latency]") {
  const auto result = prunus::compare_latency<hand_moved_clock>(
      [] { hand_moved_clock::pass_milliseconds(8); },
      [] { hand_moved_clock::pass_milliseconds(2); }, no_time_limit(1, 12));
  CHECK(result.baseline.median == Approx(0.008));
  CHECK(result.candidate.median == Approx(0.002));
  CHECK(result.ratio == Approx(0.25));
  CHECK(result.noise() == Approx(0.0).margin(1e-12));
}

TEST_CASE("compare_latency is not misled by a machine that slows down", "[measure][latency]") {
  long long slowness = 0;
  const auto result = prunus::compare_latency<hand_moved_clock>(
      [&] { hand_moved_clock::pass_milliseconds(20 * (1 + slowness++ / 4)); },
      [&] { hand_moved_clock::pass_milliseconds(10 * (1 + slowness++ / 4)); },
      no_time_limit(2, 20));
  CHECK(result.baseline.upper_quartile > 2 * result.baseline.lower_quartile);
  CHECK(result.ratio == Approx(0.5));
  CHECK(result.noise() == Approx(0.0).margin(1e-12));
}

TEST_CASE("compare_latency brackets the ratio by the middle of the ratios of the rounds",
          "[measure][latency]") {
  // Twenty rounds with ratios 0.01 .. 0.20: ranks 6 and 15 enclose the median at 95 %.
  long long round = -1;  // the warm-up comes first
  const auto result = prunus::compare_latency<hand_moved_clock>(
      [] { hand_moved_clock::pass_milliseconds(100); },
      [&] { hand_moved_clock::pass_milliseconds(++round == 0 ? 1 : round); }, no_time_limit(1, 20));
  CHECK(result.candidate.repetitions == 20);
  CHECK(result.ratio == Approx(0.105));
  CHECK(result.lower == Approx(0.06));
  CHECK(result.upper == Approx(0.15));
  CHECK(result.noise() == Approx(0.045));
}

TEST_CASE("compare_latencies times each candidate once a round, in changing order",
          "[measure][latency]") {
  std::string order;
  const auto candidate = [&](char name, long long milliseconds) {
    return [&order, name, milliseconds] {
      order += name;
      hand_moved_clock::pass_milliseconds(milliseconds);
    };
  };
  const auto results = prunus::compare_latencies<hand_moved_clock>(
      no_time_limit(1, 60), candidate('a', 4), candidate('b', 2), candidate('c', 1));
  REQUIRE(order.size() == 3 * 61);
  for (std::size_t round = 0; round < order.size(); round += 3) {
    std::string sorted = order.substr(round, 3);
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == "abc");
  }
  for (const char* const pair : {"ab", "ba", "ac", "ca", "bc", "cb"}) {
    std::ptrdiff_t times = 0;
    for (std::size_t i = 0; i + 2 <= order.size(); ++i) times += order.compare(i, 2, pair) == 0;
    CHECK(times >= 15);  // of 182 places, about 26 each
  }
  CHECK(results.size() == 2);
  CHECK(results[0].ratio == Approx(0.5));
  CHECK(results[1].ratio == Approx(0.25));
  CHECK(results[1].baseline.median == Approx(0.004));
}

TEST_CASE("measure_latency refuses options out of range before it calls anything",
          "[measure][latency]") {
  const prunus::latency_options wrong = GENERATE(
      prunus::latency_options{.warm_up = 0}, prunus::latency_options{.repetitions = 0},
      prunus::latency_options{.minimum_seconds = -1},
      prunus::latency_options{.minimum_seconds = 5, .maximum_seconds = 4},
      prunus::latency_options{.minimum_seconds = 0, .maximum_seconds = 0},
      prunus::latency_options{.minimum_seconds = std::numeric_limits<double>::quiet_NaN()});
  int calls = 0;
  try {
    static_cast<void>(prunus::measure_latency([&] { ++calls; }, wrong));
    FAIL("no exception");
  } catch (const prunus::argument_error& error) {
    CHECK(error.code() == prunus::errc::out_of_range);
  }
  CHECK(calls == 0);
}
