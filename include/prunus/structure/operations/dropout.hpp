// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Zeroes values with probability `rate` while training and scales the others by 1/(1-rate);
/// nothing at inference.
struct dropout {
  static constexpr std::string_view kind = "dropout";

  double rate = 0.5;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    if (!(rate >= 0 && rate < 1))
      detail::refuse_node("the dropout rate is ", rate, "; it must lie in [0, 1)");
    return {.shape = detail::only_input(inputs)};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return inputs[0];
  }
  [[nodiscard]] dropout shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const dropout&, const dropout&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
