// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// C x H x W to a vector of C*H*W: channel after channel, or position after position where
/// channels_last.
struct flatten {
  static constexpr std::string_view kind = "flatten";

  bool channels_last = false;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    return {.shape = {detail::only_input(inputs).size(), 1, 1}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = inputs.front();
    if (!channels_last) return channel_map::repeated(in.channels, in.plane());
    channel_map map;
    for (Index p = 0; p < in.plane(); ++p)
      for (Index channel = 0; channel < in.channels; ++channel) map.from.push_back({0, channel});
    return map;
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    const Index plane = inputs.shape(0).plane();
    std::vector<channel_value> out;
    if (channels_last)
      for (Index p = 0; p < plane; ++p)
        for (const channel_value& value : inputs[0]) out.push_back(value);
    else
      for (const channel_value& value : inputs[0])
        for (Index p = 0; p < plane; ++p) out.push_back(value);
    return out;
  }
  [[nodiscard]] flatten shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const flatten&, const flatten&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
