// SPDX-License-Identifier: MIT
#include <prunus/adaptive/gate_statistics.hpp>

#include "gate_laws.hpp"
#include "support/archetype_gate.hpp"
#include "support/catch.hpp"

#include <array>    // std::array
#include <cstdint>  // std::uint8_t
#include <span>     // std::span

TEST_CASE("gates of others keep the laws and are counted", "[gates][gate]") {
  const support::archetype_gate<float> gate(4, 5);
  support::check_gate_laws<float>(gate);
  support::check_gate_laws<double>(support::archetype_trainable_gate<double>(4, 5));

  prunus::gate_statistics statistics("somewhere.weight", gate.channels());
  std::array<std::uint8_t, 5> open{};
  std::array<float, 1> scratch{};
  const std::array<float, 8> up{1, 1, 0, 0, 0, 0, 0, 0}, down{-1, -1, 0, 0, 0, 0, 0, 0};
  for (const auto& x : {up, down}) {
    gate.decide({x.data(), 4, 2}, open, scratch);
    statistics.record(std::span<const std::uint8_t>(open));
    statistics.record({}, gate.macs());
  }
  for (prunus::Index c = 0; c < 5; ++c) CHECK(statistics.open_share(c) == 0.5);
}
