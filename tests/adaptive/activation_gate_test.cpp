// SPDX-License-Identifier: MIT
#include <prunus/adaptive/activation_gate.hpp>
#include <prunus/adaptive/dynamic_relu.hpp>
#include <prunus/adaptive/gate_selection.hpp>

#include "adaptive/gate_laws.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::count
#include <cmath>      // std::abs, std::log
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <vector>     // std::vector

using prunus::activation_gate;
using prunus::activation_gate_options;
using prunus::coefficient_scheme;
using prunus::errc;
using prunus::gate_rule;
using prunus::gate_score;
using prunus::Index;
using support::flags;

namespace {

/// One feature of 1, one hidden unit that passes it on, and thetas that are asked for: the network
/// is written by hand into the parameters (W1, b1, W2, b2).
template <class S>
void write_thetas(activation_gate<S>& gate, const std::vector<double>& thetas) {
  const std::span<S> values = gate.values();
  for (S& v : values) v = 0;
  values[0] = 1;  // W1; b1 stays 0, so the hidden unit is 1
  for (std::size_t i = 0; i < thetas.size(); ++i)
    values[2 + i] = static_cast<S>(std::log((1 + thetas[i]) / (1 - thetas[i])));  // W2
}

template <class S>
struct decision {
  flags open;
  std::vector<S> scratch;
};

template <class S>
decision<S> decide(const activation_gate<S>& gate, const std::vector<S>& x, Index plane = 1) {
  decision<S> d{flags(static_cast<std::size_t>(gate.channels())),
                std::vector<S>(static_cast<std::size_t>(gate.scratch_size()))};
  gate.decide({x.data(), gate.features(), plane, nullptr}, std::span<std::uint8_t>(d.open),
              std::span<S>(d.scratch));
  return d;
}

}  // namespace

TEMPLATE_TEST_CASE("activation gates worked out by hand", "[gates][activation_gate]", float,
                   double) {
  using S = TestType;
  activation_gate<S> gate(1, 2, {.reduction = 1});
  REQUIRE(gate.hidden() == 1);
  // Channel 0: slopes 1.2 and -0.4, offsets 0.05 and 0; channel 1: slopes 0.1, offsets 0 and 0.05.
  write_thetas<S>(gate, {0.2, -0.4, 0.1, 0, -0.9, 0.1, 0, 0.1});
  const decision<S> d = decide<S>(gate, {1});
  const auto close = [](S a, double b) { return std::abs(static_cast<double>(a) - b) < 1e-5; };
  const std::span<const S> scratch(d.scratch);
  const S* const v = gate.coefficients_of(scratch, 0);
  CHECK((close(v[0], 1.2) && close(v[1], -0.4) && close(v[2], 0.05) && close(v[3], 0)));
  CHECK(close(gate.scores(scratch)[0], 1.265899));
  CHECK(close(gate.scores(scratch)[1], 0.15));
  CHECK(close(gate.scores(scratch)[0] + gate.scores(scratch)[1], 1.415899));
  CHECK(d.open == flags{1, 0});

  std::vector<S> y{2, -1, 3, 3};
  gate.shape(std::span<const std::uint8_t>(d.open), scratch, y.data(), 2);
  CHECK(close(y[0], 2.45));
  CHECK(close(y[1], 0.4));
  CHECK((y[2] == 3 && y[3] == 3));  // closed: not touched
}

TEST_CASE("thetas and slopes worked out by hand", "[gates][activation_gate]") {
  CHECK(prunus::dynamic_relu::theta(0.0) == 0);
  CHECK(prunus::dynamic_relu::theta(1.0) == Approx(0.462117).epsilon(1e-5));
  CHECK(prunus::dynamic_relu::theta_slope(prunus::dynamic_relu::theta(1.0)) ==
        Approx(0.393224).epsilon(1e-5));
  CHECK(prunus::straight_through_slope(0.15, 0.5, 0.1) == Approx(0.284530).epsilon(1e-5));
  CHECK(prunus::straight_through_slope(0.5, 0.5, 0.1) == Approx(2.5));
  CHECK(prunus::straight_through_slope(1.265899, 0.5, 0.1) == Approx(0.0047133).epsilon(1e-4));
  CHECK(prunus::logistic_function((0.15 - 0.5) / 0.1) == Approx(0.029312).epsilon(1e-4));
  CHECK(prunus::logistic_function(-1000.0) == 0);
}

TEST_CASE("exactly the largest scores are open, of equal ones the first",
          "[gates][gate_selection]") {
  const std::vector<double> scores{1, 3, 2, 3, std::numeric_limits<double>::quiet_NaN(), 2};
  std::vector<double> scratch(6);
  flags open(6);
  const auto largest = [&](Index count) {
    return prunus::open_largest<double>(scores, count, open, scratch);
  };
  CHECK(largest(1) == 3);
  CHECK(open == flags{0, 1, 0, 0, 0, 0});
  CHECK(largest(3) == 2);
  CHECK(open == flags{0, 1, 1, 1, 0, 0});
  CHECK(largest(5) == 1);
  CHECK(open == flags{1, 1, 1, 1, 0, 1});
  largest(6);
  CHECK(open == flags{1, 1, 1, 1, 1, 1});
  prunus::open_above<double>(scores, 2, open);
  CHECK(open == flags{0, 1, 0, 1, 0, 0});
  CHECK(prunus::channels_of_share(2.0 / 3, 3) == 2);
  CHECK(prunus::channels_of_share(0.01, 3) == 1);
  CHECK(prunus::channels_of_share(0.7, 10) == 7);
  CHECK(prunus::channels_of_share(0.71, 10) == 8);
}

TEMPLATE_TEST_CASE("a new activation gate is a plain ReLU with everything open",
                   "[gates][activation_gate]", float, double) {
  using S = TestType;
  support::random_source random(4);
  for (const coefficient_scheme scheme :
       {coefficient_scheme::per_channel, coefficient_scheme::shared})
    for (const Index pieces : {1, 2, 3}) {
      const gate_score score =
          scheme == coefficient_scheme::shared ? gate_score::head : gate_score::energy;
      const activation_gate<S> gate(
          5, 3, {.function = {.pieces = pieces}, .scheme = scheme, .score = score});
      const decision<S> d = decide<S>(gate, support::random_numbers<S>(5 * 4, random), 4);
      CHECK(d.open == flags{1, 1, 1});
      std::vector<S> y{-1, 2, -3, 4, 5, -6};
      gate.shape(std::span<const std::uint8_t>(d.open), std::span<const S>(d.scratch), y.data(), 2);
      if (pieces == 1)
        CHECK(y == std::vector<S>{-1, 2, -3, 4, 5, -6});  // a line
      else
        CHECK(y == std::vector<S>{0, 2, 0, 4, 5, 0});
    }
}

TEST_CASE("two samples may have different gates, a share opens as many in each",
          "[gates][activation_gate]") {
  activation_gate<float> gate(4, 8, {.score = gate_score::head, .reduction = 1});
  support::random_source random(9);
  for (float& v : gate.values()) v = static_cast<float>(random.real(-1, 1));
  std::vector<flags> seen;
  for (int n = 0; n < 12; ++n)
    seen.push_back(decide<float>(gate, support::random_numbers<float>(4, random)).open);
  CHECK(std::count(seen.begin(), seen.end(), seen.front()) < 12);

  activation_gate<float> three(4, 8,
                               {.rule = gate_rule::largest, .reduction = 1, .open_share = 0.3});
  for (float& v : three.values()) v = static_cast<float>(random.real(-1, 1));
  for (int n = 0; n < 12; ++n) {
    const flags open = decide<float>(three, support::random_numbers<float>(4, random)).open;
    CHECK(std::count(open.begin(), open.end(), 1) == 3);
  }
  three.set_open_share(0.5);
  CHECK(three.options().open_share == 0.5);
  const flags open = decide<float>(three, support::random_numbers<float>(4, random)).open;
  CHECK(std::count(open.begin(), open.end(), 1) == 4);
}

TEMPLATE_TEST_CASE("activation gates keep the laws of gates", "[gates][activation_gate]", float,
                   double) {
  support::check_gate_laws<TestType>(activation_gate<TestType>(7, 10));
  support::check_gate_laws<TestType>(activation_gate<TestType>(
      7, 10, {.scheme = coefficient_scheme::shared, .score = gate_score::head}));
  support::check_gate_laws<TestType>(
      activation_gate<TestType>(7, 10, {.rule = gate_rule::largest, .open_share = 0.4}));
}

TEST_CASE("gradients of activation gates agree with differences while the gates are held",
          "[gates][activation_gate]") {
  support::random_source random(31);
  constexpr double flat = 1e12;  // no slope of the decision: what differences cannot see
  for (const coefficient_scheme scheme :
       {coefficient_scheme::per_channel, coefficient_scheme::shared})
    for (const gate_score score : {gate_score::energy, gate_score::head})
      for (const Index pieces : {2, 3}) {
        if (scheme == coefficient_scheme::shared && score == gate_score::energy) continue;
        activation_gate<double> gate(3, 6,
                                     {.function = {.pieces = pieces},
                                      .scheme = scheme,
                                      .score = score,
                                      .rule = gate_rule::largest,
                                      .reduction = 1,
                                      .open_share = 0.5,
                                      .energy_temperature = flat,
                                      .head_temperature = flat});
        for (double& v : gate.values()) v = random.real(-1, 1);
        support::check_gate_gradients(gate, [&](std::span<const double> scratch) {
          double sum = 0;
          for (Index c = 0; c < 6; ++c)
            sum += gate.options().function.energy(gate.coefficients_of(scratch, c));
          return sum;
        });
      }
}

TEST_CASE("the decision learns through the straight-through slope", "[gates][activation_gate]") {
  // One closed channel, one value: by_open = dy f(u), then the slope, then a_k / e into each theta.
  activation_gate<double> gate(1, 1, {.reduction = 1});
  write_thetas<double>(gate, {-0.9, 0.1, 0, 0.1});  // slopes 0.1, offsets 0 and 0.05: e = 0.15
  const decision<double> d = decide<double>(gate, {1});
  REQUIRE(d.open == flags{0});
  for (double& g : gate.gradient()) g = 0;
  const double x = 1, u = 2, dy = 3;
  double du = 9;
  gate.backward({&x, 1, 1, nullptr}, std::span<const std::uint8_t>(d.open),
                std::span<const double>(d.scratch), &u, &dy, 1, {.open = 0.5}, &du, nullptr);
  CHECK(du == 0);
  // f(2) = max(0.2, 0.25); by_open = 3 * 0.25 + 0.5; by_energy = that * 0.284530.
  const double by_energy = 1.25 * prunus::straight_through_slope(0.15, 0.5, 0.1);
  const double by_first_theta = by_energy * 0.1 / 0.15;                  // slope 1
  const double by_last_theta = by_energy * 0.05 / 0.15 * 0.5;            // offset 2
  CHECK(gate.gradient()[2] == Approx(by_first_theta * (1 - 0.81) / 2));  // W2, of hidden 1
  CHECK(gate.gradient()[5] == Approx(by_last_theta * (1 - 0.01) / 2));
  CHECK(gate.gradient()[4] == Approx(0).margin(1e-12));

  // A head learns by its own output.
  activation_gate<double> head(1, 1, {.score = gate_score::head, .reduction = 1});
  write_thetas<double>(head, {0, 0, 0, 0});
  head.values()[6] = -1;  // W2 of the head
  const decision<double> e = decide<double>(head, {1});
  REQUIRE(e.open == flags{0});
  for (double& g : head.gradient()) g = 0;
  head.backward({&x, 1, 1, nullptr}, std::span<const std::uint8_t>(e.open),
                std::span<const double>(e.scratch), &u, &dy, 1, {}, &du, nullptr);
  CHECK(head.gradient()[6] == Approx(6 * prunus::straight_through_slope(-1.0, 0.0, 1.0)));
  CHECK(head.gradient()[2] == Approx(0).margin(1e-12));
}

TEST_CASE("activation gates refuse sizes, shares and temperatures that make no gate",
          "[gates][activation_gate]") {
  const auto code = [](Index features, const activation_gate_options& options) {
    return support::code_of<prunus::argument_error>(
        [&] { activation_gate<float>(features, 4, options); });
  };
  CHECK(code(0, {}) == errc::out_of_range);
  CHECK(code(4, {.function = {.pieces = 0}}) == errc::out_of_range);
  CHECK(code(4, {.reduction = 0}) == errc::out_of_range);
  CHECK(code(4, {.open_share = 0}) == errc::out_of_range);
  CHECK(code(4, {.energy_temperature = 0}) == errc::out_of_range);
  CHECK(code(4, {.scheme = coefficient_scheme::shared}) == errc::unsupported);
  activation_gate<float> gate(4, 4);
  CHECK(support::code_of<prunus::argument_error>([&] { gate.set_open_share(1.1); }) ==
        errc::out_of_range);
}

TEST_CASE("a cut gate decides for what is left as the whole one did", "[gates][activation_gate]") {
  support::random_source random(12);
  const std::vector<Index> features{0, 2, 3}, channels{1, 2, 5};
  for (const coefficient_scheme scheme :
       {coefficient_scheme::per_channel, coefficient_scheme::shared}) {
    const gate_score score =
        scheme == coefficient_scheme::shared ? gate_score::head : gate_score::energy;
    activation_gate<double> gate(5, 6, {.scheme = scheme, .score = score, .reduction = 1});
    // Eighths: their sums are exact in every order, fused or not, so that results must be equal.
    for (double& v : gate.values()) v = static_cast<double>(random.between(-8, 8)) / 8;
    const activation_gate<double> small = gate.compacted(features, channels);
    REQUIRE(small.features() == 3);
    REQUIRE(small.hidden() == gate.hidden());
    // The features that are gone were closed, which is to say zero.
    const std::vector<double> x{0.25, 0, -0.5, 0.75, 0}, rest{0.25, -0.5, 0.75};
    const decision<double> whole = decide<double>(gate, x), part = decide<double>(small, rest);
    for (std::size_t k = 0; k < channels.size(); ++k) {
      const Index c = channels[k];
      CHECK(part.open[k] == whole.open[static_cast<std::size_t>(c)]);
      CHECK(small.scores(std::span<const double>(part.scratch))[k] ==
            gate.scores(std::span<const double>(whole.scratch))[static_cast<std::size_t>(c)]);
      for (Index i = 0; i < 4; ++i)
        CHECK(small.coefficients_of(std::span<const double>(part.scratch),
                                    static_cast<Index>(k))[i] ==
              gate.coefficients_of(std::span<const double>(whole.scratch), c)[i]);
    }
  }
  const activation_gate<float> half(2, 8, {.rule = gate_rule::largest, .open_share = 0.5});
  const std::vector<Index> both{0, 1}, five{0, 1, 2, 3, 4}, none, wrong{1, 0};
  CHECK(half.compacted(both, five).options().open_share == 0.8);
  CHECK(half.compacted(both, both).options().open_share == 1.0);
  CHECK(support::code_of<prunus::argument_error>(
            [&] { static_cast<void>(half.compacted(none, five)); }) == errc::out_of_range);
  CHECK(support::code_of<prunus::argument_error>(
            [&] { static_cast<void>(half.compacted(wrong, five)); }) == errc::out_of_range);
}
