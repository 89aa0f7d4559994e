// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Element-wise sum of two or more tensors of one shape.
struct add {
  static constexpr std::string_view kind = "add";

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    detail::expect_inputs(inputs, 2, detail::any_number);
    const tensor_shape& first = inputs.front();
    for (const tensor_shape& other : inputs)
      if (other != first)
        detail::refuse_node("adds ", first.channels, " x ", first.height, " x ", first.width,
                            " and ", other.channels, " x ", other.height, " x ", other.width,
                            "; the shapes must agree");
    return {.shape = first};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    std::vector<channel_value> out(inputs[0].size());
    for (std::size_t c = 0; c < out.size(); ++c)
      out[c] = inputs.combined(c, [](double a, double b) { return a + b; });
    return out;
  }
  [[nodiscard]] add shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const add&, const add&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
