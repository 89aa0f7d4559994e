// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// The inverse of split_heads: heads x (D*H) x W to (heads * D) x H x W.
struct merge_heads {
  static constexpr std::string_view kind = "merge_heads";

  Index features = 1;  ///< D, the features of one head

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    if (features < 1 || in.height % features != 0)
      detail::refuse_node(features, " features a head do not divide ", in.height, " rows");
    return {.shape = {in.channels * features, in.height / features, in.width}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::repeated(inputs.front().channels, features);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    std::vector<channel_value> out;
    for (const channel_value& value : inputs[0])
      for (Index f = 0; f < features; ++f) out.push_back(value);
    return out;
  }
  [[nodiscard]] merge_heads shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const merge_heads&, const merge_heads&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
