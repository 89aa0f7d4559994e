// SPDX-License-Identifier: MIT
// expect: prunus: an operation must have `node_description describe(
#include <prunus/structure/graph.hpp>

struct doubling {
  static constexpr std::string_view kind = "doubling";
#ifndef PRUNUS_MISTAKE
  [[nodiscard]] prunus::node_description describe(
      std::span<const prunus::tensor_shape> inputs) const {
    return {.shape = inputs.front()};
  }
#endif
  [[nodiscard]] prunus::channel_map channels(std::span<const prunus::tensor_shape> inputs) const {
    return prunus::channel_map::same(inputs);
  }
  [[nodiscard]] std::vector<prunus::channel_value> constants(
      const prunus::constant_inputs& inputs) const {
    return inputs.anything();
  }
  [[nodiscard]] doubling shrunk(const prunus::kept_channels&) const { return *this; }
  friend bool operator==(const doubling&, const doubling&) = default;
};

void declare(prunus::graph& g) { g.node("twice", doubling{}, {"image"}); }
