// SPDX-License-Identifier: MIT
// expect: prunus: an operation must have `channel_map channels(
#include <prunus/structure/graph.hpp>

struct doubling {
  static constexpr std::string_view kind = "doubling";
  [[nodiscard]] prunus::node_description describe(
      std::span<const prunus::tensor_shape> inputs) const {
    return {.shape = inputs.front()};
  }
#ifndef PRUNUS_MISTAKE
  [[nodiscard]] prunus::channel_map channels(std::span<const prunus::tensor_shape> inputs) const {
    return prunus::channel_map::same(inputs);
  }
#endif
  [[nodiscard]] std::vector<prunus::channel_value> constants(
      const prunus::constant_inputs& inputs) const {
    return inputs.anything();
  }
  [[nodiscard]] doubling shrunk(const prunus::kept_channels&) const { return *this; }
  friend bool operator==(const doubling&, const doubling&) = default;
};

void declare(prunus::graph& g) { g.node("twice", doubling{}, {"image"}); }
