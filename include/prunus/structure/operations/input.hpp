// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// What the network is given.
struct input {
  static constexpr std::string_view kind = "input";

  tensor_shape shape{};

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    detail::expect_inputs(inputs, 0, 0);
    if (shape.channels < 1 || shape.height < 1 || shape.width < 1)
      detail::refuse_node("the input is ", shape.channels, " x ", shape.height, " x ", shape.width,
                          "; every extent must be at least 1");
    return {.shape = shape, .is_network_input = true};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> /*inputs*/) const {
    return channel_map::fresh(shape.channels);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return inputs.anything();
  }
  [[nodiscard]] input shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const input&, const input&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
