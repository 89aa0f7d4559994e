// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/operations/pooling.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Largest or mean value of each plane: C x H x W to C x 1 x 1.
struct global_pooling {
  static constexpr std::string_view kind = "global_pooling";

  pooling_function function = pooling_function::average;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    return {.shape = {detail::only_input(inputs).channels, 1, 1}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return inputs[0];
  }
  [[nodiscard]] global_pooling shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const global_pooling&, const global_pooling&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
