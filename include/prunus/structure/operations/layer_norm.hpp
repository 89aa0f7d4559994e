// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Normalisation over the channels of each position. Parameters: weight (scale), bias (shift).
/// Every channel counts in the mean and the variance, so all stay.
struct layer_norm {
  static constexpr std::string_view kind = "layer_norm";

  double epsilon = 1e-5;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    return {.shape = in,
            .parameters = {detail::one_a_channel("weight", in.channels, parameter_role::scale),
                           detail::one_a_channel("bias", in.channels, parameter_role::shift)}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    channel_map map = channel_map::same(inputs);
    map.keeps = keep_reason::layer_norm;
    return map;
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    std::vector<channel_value> out = inputs.anything();
    for (std::size_t c = 0; c < out.size(); ++c)  // a scale of zero makes a constant of anything
      if (const Index at = static_cast<Index>(c); inputs[parameter_role::scale](at) == 0)
        out[c] = channel_value::of(inputs[parameter_role::shift](at));
    return out;
  }
  [[nodiscard]] layer_norm shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const layer_norm&, const layer_norm&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
