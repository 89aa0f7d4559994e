// SPDX-License-Identifier: MIT
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/runtime/gated_crossover.hpp>
#include <prunus/runtime/gated_linear.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cstdint>  // std::uint8_t
#include <numeric>  // std::accumulate
#include <vector>   // std::vector

using prunus::errc;
using prunus::gated_timing;
using prunus::Index;

TEST_CASE("the crossover lies where the line between two timings passes 1",
          "[runtime][gated_crossover]") {
  const std::vector<gated_timing> rising{{0.2, 3, 10}, {0.6, 8, 10}, {1.0, 12, 10}};
  CHECK(prunus::crossover_of(rising) == Approx(0.8));
  const std::vector<gated_timing> never{{0.2, 3, 10}, {1.0, 10, 10}};
  CHECK(prunus::crossover_of(never) == 2.0);
  const std::vector<gated_timing> always{{0.2, 11, 10}, {1.0, 20, 10}};
  CHECK(prunus::crossover_of(always) == 0.0);
  // A slow start below faster shares does not count: what is above decides.
  const std::vector<gated_timing> bump{{0.1, 11, 10}, {0.5, 9, 10}, {1.0, 11, 10}};
  CHECK(prunus::crossover_of(bump) == Approx(0.75));
  CHECK(support::code_of<prunus::argument_error>(
            [] { static_cast<void>(prunus::crossover_of({})); }) == errc::out_of_range);
}

TEST_CASE("a measured crossover is what its timings say and fits into the options",
          "[runtime][gated_crossover]") {
  prunus::gated_convolution<float> convolution({.in_channels = 8,
                                                .out_channels = 8,
                                                .height = 6,
                                                .width = 6,
                                                .kernel_height = 3,
                                                .kernel_width = 3});
  const prunus::gated_crossover found = prunus::measure_gated_crossover(
      convolution, {.samples = 2, .rounds = 2, .open = {0.25, 0.5, 1}});
  REQUIRE(found.timings.size() == 3);
  CHECK(found.timings[0].share == 0.0625);
  CHECK(found.timings[1].share == 0.25);
  CHECK(found.timings[2].share == 1.0);
  for (const gated_timing& t : found.timings) CHECK((t.gathered > 0 && t.dense > 0));
  CHECK(found.dense_from == prunus::crossover_of(found.timings));
  convolution.set_options(found.options());
  CHECK(convolution.options().dense_from == found.dense_from);

  const prunus::gated_linear<float> dense({64, 8}, 16);
  const prunus::gated_crossover of_dense =
      prunus::measure_gated_crossover(dense, {.rounds = 1, .open = {0.5, 1}});
  REQUIRE(of_dense.timings.size() == 2);
  CHECK(of_dense.timings[0].share == 0.25);
}

TEST_CASE("measured channels are as many as asked for", "[runtime][gated_crossover]") {
  std::vector<std::uint8_t> flags(3 * 20);
  for (Index count = 0; count <= 20; ++count) {
    prunus::detail::open_some(flags, 3, 20, count, 5);
    for (auto at = flags.begin(); at != flags.end(); at += 20)
      REQUIRE(std::accumulate(at, at + 20, Index{0}) == count);
  }
}

TEST_CASE("impossible measurements are refused", "[runtime][gated_crossover]") {
  const prunus::gated_convolution<float> layer({.in_channels = 2, .out_channels = 2});
  for (const prunus::gated_crossover_options& wrong :
       {prunus::gated_crossover_options{.samples = 0}, prunus::gated_crossover_options{.rounds = 0},
        prunus::gated_crossover_options{.open = {}},
        prunus::gated_crossover_options{.open = {0.5, 0.4}},
        prunus::gated_crossover_options{.open = {1.5}}})
    CHECK(support::code_of<prunus::argument_error>([&] {
            static_cast<void>(prunus::measure_gated_crossover(layer, wrong));
          }) == errc::out_of_range);
}
