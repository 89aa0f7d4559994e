// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Channels of the inputs one after the other.
struct concat {
  static constexpr std::string_view kind = "concat";

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    detail::expect_inputs(inputs, 1, detail::any_number);
    tensor_shape sum = inputs.front();
    for (const tensor_shape& other : inputs.subspan(1)) {
      if (other.height != sum.height || other.width != sum.width)
        detail::refuse_node("joins planes of ", sum.height, " x ", sum.width, " and ", other.height,
                            " x ", other.width, "; they must be equal");
      sum.channels = detail::sum_or_refuse("channels", sum.channels, other.channels);
    }
    return {.shape = sum};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    channel_map map;
    for (std::size_t k = 0; k < inputs.size(); ++k)
      for (Index channel = 0; channel < inputs[k].channels; ++channel)
        map.from.push_back({static_cast<Index>(k), channel});
    return map;
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    std::vector<channel_value> out;
    for (std::size_t k = 0; k < inputs.size(); ++k)
      for (const channel_value& value : inputs[k]) out.push_back(value);
    return out;
  }
  [[nodiscard]] concat shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const concat&, const concat&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
