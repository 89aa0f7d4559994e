// SPDX-License-Identifier: MIT
#include <prunus/schedule/cubic_ramp.hpp>
#include <prunus/schedule/linear_ramp.hpp>

#include "support/catch.hpp"

#include <cmath>    // std::abs
#include <cstddef>  // std::size_t
#include <vector>   // std::vector

using Eigen::Index;

TEST_CASE("linear and cubic ramps in five events reach the published sparsities",
          "[schedule][ramps]") {
  // Events at the ends of epochs 10, 20, ..., 50; the one at 0 has the target 0.
  const prunus::linear_ramp straight{
      .final_sparsity = .9, .end = 50, .every = 10, .by = prunus::time_unit::epoch};
  const prunus::cubic_ramp high{
      .final_sparsity = .9, .end = 50, .every = 10, .by = prunus::time_unit::epoch};
  prunus::cubic_ramp half = high;
  half.final_sparsity = .5;
  const std::vector<double> lines{.18, .36, .54, .72, .90};
  const std::vector<double> cubes{.4392, .7056, .8424, .8928, .9};
  const std::vector<double> halves{.244, .392, .468, .496, .5};
  CHECK(straight.target(straight.events({.epoch = 9})) == 0);
  for (std::size_t n = 0; n < 5; ++n) {
    const prunus::progress now{.epoch = static_cast<Index>(10 * (n + 1))};
    CHECK(straight.target(straight.events(now)) == Approx(lines[n]));
    CHECK(high.target(high.events(now)) == Approx(cubes[n]));
    CHECK(half.target(half.events(now)) == Approx(halves[n]));
  }
}

TEST_CASE("a cubic ramp at every step is the ramp of movement pruning", "[schedule][ramps]") {
  // Warm-up of 20 epochs, a ramp until 50; `done` epochs are over at the end of epoch done - 1.
  constexpr Index steps = 100;
  const prunus::cubic_ramp ramp{.final_sparsity = .9, .begin = 20 * steps, .end = 50 * steps};
  const auto after = [&](Index epochs) {
    return ramp.target(ramp.events({.step = epochs * steps}));
  };
  CHECK(after(20) == 0);
  CHECK(std::abs(after(22) - .1683) < 5e-5);
  CHECK(std::abs(after(25) - .3792) < 5e-5);
  CHECK(std::abs(after(37) - .8268) < 5e-5);
  CHECK(std::abs(after(49) - .9) < 5e-5);
}
