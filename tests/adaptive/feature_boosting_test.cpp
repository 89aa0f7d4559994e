// SPDX-License-Identifier: MIT
#include <prunus/adaptive/feature_boosting.hpp>

#include "adaptive/gate_laws.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <cstdint>  // std::uint8_t
#include <span>     // std::span
#include <vector>   // std::vector

using prunus::errc;
using prunus::feature_boosting;
using support::flags;

TEMPLATE_TEST_CASE("feature boosting worked out by hand", "[gates][feature_boosting]", float,
                   double) {
  using S = TestType;
  feature_boosting<S> gate(2, 3, {.open_share = 2.0 / 3});
  // s = (1, 2), the means of absolute values; W s + b = (2, 0.5, 1).
  const std::vector<S> values{0, 1, 0.5, 0, -1, 1, 0, 0, 0};
  for (std::size_t i = 0; i < 9; ++i) gate.values()[i] = values[i];
  const std::vector<S> x{1, -1, -3, 1};
  flags open(3);
  std::vector<S> scratch(static_cast<std::size_t>(gate.scratch_size()));
  gate.decide({x.data(), 2, 2, nullptr}, std::span<std::uint8_t>(open), std::span<S>(scratch));
  const std::span<const S> gains = gate.gains(std::span<const S>(scratch));
  CHECK((gains[0] == 2 && gains[1] == S(0.5) && gains[2] == 1));
  CHECK(open == flags{1, 0, 1});
  std::vector<S> y{3, -3, 7, 7, -1, 5};
  gate.shape(std::span<const std::uint8_t>(open), std::span<const S>(scratch), y.data(), 2);
  CHECK(y == std::vector<S>{6, 0, 7, 7, 0, 5});
}

TEMPLATE_TEST_CASE("feature boosting keeps the laws of gates", "[gates][feature_boosting]", float,
                   double) {
  support::check_gate_laws<TestType>(feature_boosting<TestType>(7, 10, {.open_share = 0.4}));
}

TEST_CASE("gradients of feature boosting agree with differences while the winners are held",
          "[gates][feature_boosting]") {
  for (const double share : {0.5, 1.0}) {
    feature_boosting<double> gate(3, 6, {.open_share = share, .seed = 3});
    support::check_gate_gradients(gate, [&](std::span<const double> scratch) {
      double sum = 0;
      for (const double gain : gate.gains(scratch)) sum += gain;
      return sum;
    });
  }
}

TEST_CASE("without weights feature boosting is a plain ReLU", "[gates][feature_boosting]") {
  const feature_boosting<float> gate(4, 2, {.weight_scale = 0});
  const std::vector<float> x{1, 2, 3, 4};
  flags open(2);
  std::vector<float> scratch(static_cast<std::size_t>(gate.scratch_size())), y{-1, 2};
  gate.decide({x.data(), 4, 1, nullptr}, std::span<std::uint8_t>(open), std::span<float>(scratch));
  gate.shape(std::span<const std::uint8_t>(open), std::span<const float>(scratch), y.data(), 1);
  CHECK(open == flags{1, 1});
  CHECK(y == std::vector<float>{0, 2});
}

TEST_CASE("feature boosting refuses sizes and shares that make no gate",
          "[gates][feature_boosting]") {
  CHECK(support::code_of<prunus::argument_error>([] { feature_boosting<float>(0, 2); }) ==
        errc::out_of_range);
  CHECK(support::code_of<prunus::argument_error>(
            [] { feature_boosting<float>(2, 2, {.open_share = 0}); }) == errc::out_of_range);
}

TEST_CASE("a cut feature boosting keeps its winners and their gains", "[gates][feature_boosting]") {
  const feature_boosting<double> gate(3, 4, {.open_share = 0.5, .seed = 8});
  const std::vector<prunus::Index> features{0, 2}, channels{0, 1, 3};
  const feature_boosting<double> small = gate.compacted(features, channels);
  CHECK(small.open_share() == 2.0 / 3);
  const std::vector<double> x{0.5, 0, -2}, rest{0.5, -2};
  flags open(4), part(3);
  std::vector<double> whole(static_cast<std::size_t>(gate.scratch_size())), left(whole);
  gate.decide({x.data(), 3, 1, nullptr}, std::span<std::uint8_t>(open), std::span<double>(whole));
  small.decide({rest.data(), 2, 1, nullptr}, std::span<std::uint8_t>(part),
               std::span<double>(left));
  for (std::size_t k = 0; k < 3; ++k)
    CHECK(small.gains(std::span<const double>(left))[k] ==
          gate.gains(std::span<const double>(whole))[static_cast<std::size_t>(channels[k])]);
}
