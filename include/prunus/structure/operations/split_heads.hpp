// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// C x H x W to heads x (C/heads * H) x W: each head's features become one channel's rows.
struct split_heads {
  static constexpr std::string_view kind = "split_heads";

  Index heads = 1;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    if (heads < 1 || in.channels % heads != 0)
      detail::refuse_node(heads, " heads do not divide ", in.channels, " channels");
    return {.shape = {heads, in.channels / heads * in.height, in.width}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    const Index in = inputs.front().channels, features = in / heads;
    channel_map map;
    for (Index head = 0; head < heads; ++head) map.from.push_back({0, head * features});
    for (Index channel = 0; channel < in; ++channel)
      if (channel % features != 0)
        map.ties.push_back({{0, channel / features * features}, {0, channel}});
    return map;
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    const std::size_t features = inputs[0].size() / static_cast<std::size_t>(heads);
    std::vector<channel_value> out;
    for (std::size_t c = 0; c < inputs[0].size(); ++c) {
      const channel_value& value = inputs[0][c];
      if (c % features == 0) out.push_back(value);
      // The features of a head are rows of one channel: a constant only when they are the same one.
      channel_value& head = out.back();
      if (!value.is_constant() || value.value != head.value) head = channel_value::anything();
      head.approximate = head.approximate || value.approximate;
    }
    return out;
  }
  template <class = compiled_on_use>
  [[nodiscard]] split_heads shrunk(const kept_channels& kept) const {
    return {.heads = kept.results()};
  }
  friend bool operator==(const split_heads&, const split_heads&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
