// SPDX-License-Identifier: MIT
// expect: which returns an operation of the same type
#include <prunus/structure/graph.hpp>

struct doubling {
  static constexpr std::string_view kind = "doubling";
  [[nodiscard]] prunus::node_description describe(
      std::span<const prunus::tensor_shape> inputs) const {
    return {.shape = inputs.front()};
  }
  [[nodiscard]] prunus::channel_map channels(std::span<const prunus::tensor_shape> inputs) const {
    return prunus::channel_map::same(inputs);
  }
  [[nodiscard]] std::vector<prunus::channel_value> constants(
      const prunus::constant_inputs& inputs) const {
    return inputs.anything();
  }
  friend bool operator==(const doubling&, const doubling&) = default;
#ifdef PRUNUS_MISTAKE
  [[nodiscard]] prunus::any_operation shrunk(const prunus::kept_channels&) const { return *this; }
#else
  [[nodiscard]] doubling shrunk(const prunus::kept_channels&) const { return *this; }
#endif
};

void declare(prunus::graph& g) { g.node("twice", doubling{}, {"image"}); }
