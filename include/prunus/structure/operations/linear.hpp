// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Matrix product over the channels, at every position alike. Parameters: weight (out_features x
/// channels), and bias when asked for.
struct linear {
  static constexpr std::string_view kind = "linear";

  Index out_features = 0;
  bool bias = true;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    if (out_features < 1)
      detail::refuse_node("out_features is ", out_features, "; it must be at least 1");
    node_description node{.shape = {out_features, in.height, in.width}};
    node.parameters.push_back({.name = "weight",
                               .shape = {out_features, in.channels},
                               .axes = layout("OI"),
                               .reads = channel_reading{}});
    if (bias)
      node.parameters.push_back(detail::one_a_channel("bias", out_features, parameter_role::bias));
    node.work.push_back({.each = in.plane(), .pairs_with = 0});
    return node;
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> /*inputs*/) const {
    return channel_map::fresh(out_features);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return inputs.weighted();
  }
  template <class = compiled_on_use>
  [[nodiscard]] linear shrunk(const kept_channels& kept) const {
    return {.out_features = kept.results(), .bias = bias || kept.gains_bias};
  }

  friend bool operator==(const linear&, const linear&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
