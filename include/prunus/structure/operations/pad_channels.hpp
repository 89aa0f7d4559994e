// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Channels of zeros in front of those of the input and behind them.
struct pad_channels {
  static constexpr std::string_view kind = "pad_channels";

  Index before = 0;
  Index after = 0;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    if (before < 0 || after < 0)
      detail::refuse_node("pads with ", before, " and ", after,
                          " channels; neither number may be negative");
    const Index all = detail::sum_or_refuse(
        "channels", detail::sum_or_refuse("channels", before, in.channels), after);
    return {.shape = {all, in.height, in.width}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    const Index in = inputs.front().channels;
    channel_map map = channel_map::fresh(before + in + after);
    for (Index channel = 0; channel < in; ++channel)
      map.from[static_cast<std::size_t>(before + channel)] = {0, channel};
    return map;
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    std::vector<channel_value> out(static_cast<std::size_t>(inputs.result().channels));  // zeros
    for (std::size_t c = 0; c < inputs[0].size(); ++c)
      out[static_cast<std::size_t>(before) + c] = inputs[0][c];
    return out;
  }
  template <class = compiled_on_use>
  [[nodiscard]] pad_channels shrunk(const kept_channels& kept) const {
    const Index all = static_cast<Index>(kept.result.size());
    return {.before = kept_channels::among(kept.result, 0, before),
            .after = kept_channels::among(kept.result, all - after, after)};
  }

  friend bool operator==(const pad_channels&, const pad_channels&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
