// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Nearest-neighbour enlargement by a whole factor.
struct upsampling {
  static constexpr std::string_view kind = "upsampling";

  extent2 factor = 2;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    if (factor.height < 1 || factor.width < 1)
      detail::refuse_node("the factor is ", factor.height, " x ", factor.width,
                          "; it must be at least 1");
    return {.shape = {in.channels, detail::product_or_refuse("rows", {in.height, factor.height}),
                      detail::product_or_refuse("columns", {in.width, factor.width})}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return inputs[0];
  }
  [[nodiscard]] upsampling shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const upsampling&, const upsampling&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
