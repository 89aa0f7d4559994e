// SPDX-License-Identifier: MIT
#include <prunus/measure/verdict.hpp>

#include "support/catch.hpp"

#include <limits>  // std::numeric_limits
#include <string>  // std::string

namespace {

prunus::measurement timed(double seconds) { return {.latencies = {{1, seconds}}}; }

template <class Call>
prunus::errc code_of(Call&& call) {
  try {
    call();
  } catch (const prunus::argument_error& error) {
    return error.code();
  }
  return prunus::errc{};
}

}  // namespace

TEST_CASE("judge keeps the dense network when the gain is within the noise", "[measure][verdict]") {
  const auto verdict = prunus::judge(timed(0.100), timed(0.098), {.noise = 0.03});
  CHECK(verdict.decision == prunus::decision::keep_dense);
  CHECK(verdict.reason == "keep dense: 0.98 x the time with 1 thread, within the noise of 3 %");
}

TEST_CASE("judge lets noise outweigh any gain below it", "[measure][verdict]") {
  const auto verdict = prunus::judge(timed(1.0), timed(0.75), {.noise = 0.25});
  CHECK(verdict.decision == prunus::decision::keep_dense);
  CHECK(verdict.reason.find("within the noise of 25 %") != std::string::npos);
}

TEST_CASE("judge keeps the dense network when the ratio is above the threshold",
          "[measure][verdict]") {
  const auto verdict = prunus::judge(timed(0.100), timed(0.097));
  CHECK(verdict.decision == prunus::decision::keep_dense);
  CHECK(verdict.reason == "keep dense: 0.97 x the time with 1 thread, it pays from 0.95 x down");
  CHECK(prunus::judge(timed(1.0), timed(2.0)).decision == prunus::decision::keep_dense);
  CHECK(prunus::judge(timed(1.0), timed(0.75), {.pays_below = 0.5}).decision ==
        prunus::decision::keep_dense);
}

TEST_CASE("judge uses the pruned network from the threshold down", "[measure][verdict]") {
  CHECK(prunus::judge(timed(1.0), timed(0.75), {.pays_below = 0.75}).decision ==
        prunus::decision::use_pruned);
  const auto verdict = prunus::judge(timed(0.100), timed(0.052), {.noise = 0.03});
  CHECK(verdict.decision == prunus::decision::use_pruned);
  CHECK(verdict.reason == "use pruned: 0.52 x the time with 1 thread, accuracy not measured");
}

TEST_CASE("judge names what the gain costs in accuracy", "[measure][verdict]") {
  prunus::measurement dense = timed(0.1);
  prunus::measurement pruned = timed(0.05);
  dense.accuracy = 0.9871;
  pruned.accuracy = 0.9842;
  CHECK(prunus::judge(dense, pruned).reason ==
        "use pruned: 0.5 x the time with 1 thread, accuracy -0.29 points");
  CHECK(prunus::judge(pruned, timed(0.01)).reason ==
        "use pruned: 0.2 x the time with 1 thread, accuracy not measured");
  pruned.accuracy = 0.9971;
  CHECK(prunus::judge(dense, pruned).reason ==
        "use pruned: 0.5 x the time with 1 thread, accuracy +1.00 points");
}

TEST_CASE("judge keeps the dense network when too much accuracy is lost", "[measure][verdict]") {
  prunus::measurement dense = timed(0.1);
  prunus::measurement pruned = timed(0.05);
  dense.accuracy = 0.98;
  pruned.accuracy = 0.90;
  const auto verdict = prunus::judge(dense, pruned, {.accuracy_loss_allowed = 0.02});
  CHECK(verdict.decision == prunus::decision::keep_dense);
  CHECK(verdict.reason ==
        "keep dense: 0.5 x the time with 1 thread, but accuracy falls by 8.00 points; at most 2 "
        "may be lost");
  CHECK(prunus::judge(dense, pruned, {.accuracy_loss_allowed = 1}).decision ==
        prunus::decision::use_pruned);
}

TEST_CASE("judge recommends no ruin unless asked to", "[measure][verdict]") {
  prunus::measurement dense = timed(0.1);
  prunus::measurement pruned = timed(0.05);
  dense.accuracy = 0.98;
  pruned.accuracy = 0.36;
  CHECK(prunus::judge(dense, pruned).reason ==
        "keep dense: 0.5 x the time with 1 thread, but accuracy falls by 62.00 points; at most 1 "
        "may be lost");
  pruned.accuracy = 0.969;
  CHECK(prunus::judge(dense, pruned).decision == prunus::decision::keep_dense);
  pruned.accuracy = 0.97;  // one point to the dot
  CHECK(prunus::judge(dense, pruned).decision == prunus::decision::use_pruned);
}

TEST_CASE("judge wants pruning to pay with every number of threads", "[measure][verdict]") {
  const prunus::measurement dense{.latencies = {{1, 0.100}, {2, 0.060}}};
  const prunus::measurement pruned{.latencies = {{2, 0.059}, {1, 0.050}, {4, 0.040}}};
  const auto verdict = prunus::judge(dense, pruned, {.noise = 0.02});
  CHECK(verdict.decision == prunus::decision::keep_dense);
  CHECK(verdict.reason ==
        "keep dense: 0.983 x the time with 2 threads (the worst case), within the noise of 2 %");
}

TEST_CASE("judge leaves open what was not measured on both sides", "[measure][verdict]") {
  const prunus::measurement one_thread{.macs = 10, .latencies = {{1, 0.1}}};
  const prunus::measurement two_threads{.macs = 1, .latencies = {{2, 0.1}}};
  CHECK(prunus::judge(one_thread, two_threads).decision == prunus::decision::undecided);
  CHECK(prunus::judge({}, {}).decision == prunus::decision::undecided);
}

TEST_CASE("judge refuses numbers out of range", "[measure][verdict]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const prunus::measurement wrong = GENERATE_COPY(
      prunus::measurement{.accuracy = 98.7}, prunus::measurement{.accuracy = nan},
      prunus::measurement{.macs = -1}, prunus::measurement{.parameters = nan},
      prunus::measurement{.bytes = std::numeric_limits<double>::infinity()},
      prunus::measurement{.latencies = {{0, 1.0}}}, prunus::measurement{.latencies = {{1, 0.0}}},
      prunus::measurement{.latencies = {{1, nan}}});
  CHECK(code_of([&] { static_cast<void>(prunus::judge(wrong, timed(1))); }) ==
        prunus::errc::out_of_range);
  CHECK(code_of([&] { static_cast<void>(prunus::judge(timed(1), wrong)); }) ==
        prunus::errc::out_of_range);
}

TEST_CASE("judge refuses options out of range and latencies given twice", "[measure][verdict]") {
  const prunus::verdict_options wrong =
      GENERATE(prunus::verdict_options{.pays_below = 0}, prunus::verdict_options{.noise = -0.1},
               prunus::verdict_options{.accuracy_loss_allowed = 2});
  CHECK(code_of([&] { static_cast<void>(prunus::judge(timed(1), timed(1), wrong)); }) ==
        prunus::errc::out_of_range);
  const prunus::measurement twice{.latencies = {{1, 1.0}, {1, 2.0}}};
  CHECK(code_of([&] { static_cast<void>(prunus::judge(timed(1), twice)); }) ==
        prunus::errc::duplicate_name);
}
