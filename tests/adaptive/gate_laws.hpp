// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/gate.hpp>

#include "support/catch.hpp"
#include "support/random_source.hpp"

#include <cmath>    // std::abs
#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <limits>   // std::numeric_limits
#include <span>     // std::span
#include <vector>   // std::vector

namespace support {

using flags = std::vector<std::uint8_t>;

template <class S>
std::vector<S> random_numbers(prunus::Index count, random_source& random) {
  std::vector<S> values(static_cast<std::size_t>(count));
  for (S& v : values) v = static_cast<S>(random.real(-1, 1));
  return values;
}

/// What the concept `gate` promises of any gate, on random features.
template <class S, prunus::gate<S> Gate>
void check_gate_laws(const Gate& gate) {
  random_source random(17);
  const prunus::Index plane = 6;
  const std::size_t channels = static_cast<std::size_t>(gate.channels());
  std::vector<S> x = random_numbers<S>(gate.features() * plane, random);
  flags features_open(static_cast<std::size_t>(gate.features()), 1);
  for (std::size_t c = 0; c < features_open.size(); c += 3) features_open[c] = 0;
  const auto decide = [&](flags& open, std::vector<S>& scratch) {
    open.assign(channels, 7);
    scratch.assign(static_cast<std::size_t>(gate.scratch_size()), S(99));
    gate.decide({x.data(), gate.features(), plane, features_open.data()},
                std::span<std::uint8_t>(open), std::span<S>(scratch));
  };
  flags open, again;
  std::vector<S> scratch, second;
  decide(open, scratch);
  for (const std::uint8_t flag : open) CHECK(flag <= 1);

  // Closed features are not read.
  for (std::size_t c = 0; c < features_open.size(); c += 3)
    for (std::size_t p = 0; p < 6; ++p) x[c * 6 + p] = std::numeric_limits<S>::quiet_NaN();
  decide(again, second);
  CHECK(again == open);
  CHECK(second == scratch);

  // Closed channels are not touched.
  flags some(channels);
  for (std::size_t c = 0; c < channels; c += 2) some[c] = 1;
  std::vector<S> values(channels * 6, std::numeric_limits<S>::infinity());
  gate.shape(std::span<const std::uint8_t>(some), std::span<const S>(scratch), values.data(),
             plane);
  for (std::size_t c = 1; c < channels; c += 2)
    for (std::size_t p = 0; p < 6; ++p)
      CHECK(values[c * 6 + p] == std::numeric_limits<S>::infinity());
}

/// Compares `backward` with differences of the loss sum(weight * y) + lasso(gate, scratch), the
/// decision held as it is. `lasso(scratch)` is what a lasso pressure of 1 penalises.
template <prunus::trainable_gate<double> Gate, class Lasso>
void check_gate_gradients(Gate& gate, const Lasso& lasso) {
  using S = double;
  random_source random(23);
  const prunus::Index plane = 5;
  const std::size_t size = static_cast<std::size_t>(gate.channels() * plane);
  std::vector<S> x = random_numbers<S>(gate.features() * plane, random);
  std::vector<S> u = random_numbers<S>(gate.channels() * plane, random);
  const std::vector<S> weight = random_numbers<S>(gate.channels() * plane, random);
  flags features_open(static_cast<std::size_t>(gate.features()), 1);
  features_open.at(1) = 0;
  const S strength = 0.3;
  const prunus::feature_maps<S> features{x.data(), gate.features(), plane, features_open.data()};
  std::vector<S> scratch(static_cast<std::size_t>(gate.scratch_size())), y(size);
  flags frozen(static_cast<std::size_t>(gate.channels())), open(frozen.size());
  gate.decide(features, std::span<std::uint8_t>(frozen), std::span<S>(scratch));
  const auto loss = [&] {
    gate.decide(features, std::span<std::uint8_t>(open), std::span<S>(scratch));
    for (std::size_t i = 0; i < size; ++i) y[i] = frozen[i / 5] != 0 ? u[i] : 0;
    gate.shape(std::span<const std::uint8_t>(frozen), std::span<const S>(scratch), y.data(), plane);
    S sum = strength * lasso(std::span<const S>(scratch));
    for (std::size_t i = 0; i < size; ++i) sum += weight[i] * y[i];
    return sum;
  };
  loss();
  for (S& g : gate.gradient()) g = 0;
  std::vector<S> by_u(size, 77), by_x(x.size(), 0);
  gate.backward(features, std::span<const std::uint8_t>(frozen), std::span<const S>(scratch),
                u.data(), weight.data(), plane, {.lasso = strength}, by_u.data(), by_x.data());
  const auto slope = [&](S& value) {
    constexpr S step = 1e-5;
    const S kept = value;
    value = kept + step;
    const S above = loss();
    value = kept - step;
    const S below = loss();
    value = kept;
    return (above - below) / (2 * step);
  };
  for (std::size_t i = 0; i < size; ++i) REQUIRE(std::abs(by_u[i] - slope(u[i])) < 1e-6);
  for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(std::abs(by_x[i] - slope(x[i])) < 1e-6);
  for (std::size_t i = 0; i < gate.values().size(); ++i) {
    CAPTURE(i);
    REQUIRE(std::abs(gate.gradient()[i] - slope(gate.values()[i])) < 1e-6);
  }
}

}  // namespace support
