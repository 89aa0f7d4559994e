// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

#include <utility>  // std::move

namespace prunus {
inline namespace v0 {
namespace operation {

/// 2-D cross-correlation with zero padding; groups == channels is depth-wise. Parameters: weight
/// (out_channels x channels / groups x kernel) and bias when asked for.
struct convolution {
  static constexpr std::string_view kind = "convolution";

  Index out_channels = 0;
  extent2 kernel = 1;
  extent2 stride = 1;
  extent2 padding = 0;
  Index groups = 1;
  bool bias = true;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    if (out_channels < 1)
      detail::refuse_node("out_channels is ", out_channels, "; it must be at least 1");
    if (groups < 1 || in.channels % groups != 0 || out_channels % groups != 0)
      detail::refuse_node(groups, " groups do not divide ", in.channels, " input and ",
                          out_channels, " output channels");
    node_description node{
        .shape = {out_channels,
                  detail::windows(in.height, kernel.height, stride.height, padding.height),
                  detail::windows(in.width, kernel.width, stride.width, padding.width)}};
    parameter_declaration weight{"weight",
                                 {out_channels, in.channels / groups, kernel.height, kernel.width}};
    weight.axes = layout("OIHW");
    multiply_adds work{.each = detail::product_or_refuse(
                           "products of a pair of channels",
                           {node.shape.height, node.shape.width, kernel.height, kernel.width})};
    if (!is_depth_wise(in.channels)) {
      weight.reads = {.groups = groups,
                      .breaks_constants = padding.height > 0 || padding.width > 0};
      work.pairs_with = 0;
      work.groups = groups;
    }
    node.parameters.push_back(std::move(weight));
    if (bias)
      node.parameters.push_back(detail::one_a_channel("bias", out_channels, parameter_role::bias));
    node.work.push_back(work);
    return node;
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    const Index in = inputs.front().channels;
    if (is_depth_wise(in)) return channel_map::repeated(in, out_channels / in);
    channel_map map = channel_map::fresh(out_channels);
    map.tie_groups(0, in, groups);
    map.tie_groups(channel_map::channel::result, out_channels, groups);
    return map;
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    if (!is_depth_wise(inputs.shape(0).channels)) return inputs.weighted();
    const tensor_reader& weight = inputs[parameter_role::weight];
    const tensor_reader* const added = inputs.find(parameter_role::bias);
    const bool padded = padding.height > 0 || padding.width > 0;
    std::vector<channel_value> out(static_cast<std::size_t>(out_channels));
    for (Index o = 0; o < out_channels; ++o) {
      const channel_value& read = inputs[0][static_cast<std::size_t>(o / (out_channels / groups))];
      channel_value& value = out[static_cast<std::size_t>(o)];
      double constant = added == nullptr ? 0 : (*added)(o);
      if (read.is_zero() || weight.kernel_is_zero(o, 0)) {
        value = channel_value::of(constant);
      } else if (!read.is_constant()) {
        value = read;
      } else {
        constant += read.value * weight.kernel_sum(o, 0);
        value = padded && read.value != 0 ? inputs.broken(constant)
                                          : channel_value::of(constant, read.approximate);
      }
    }
    return out;
  }
  template <class = compiled_on_use>
  [[nodiscard]] convolution shrunk(const kept_channels& kept) const {
    convolution smaller = *this;
    smaller.out_channels = kept.results();
    if (is_depth_wise(static_cast<Index>(kept.inputs[0].size()))) smaller.groups = kept.of_input(0);
    smaller.bias = bias || kept.gains_bias;
    return smaller;
  }

  /// Each input channel has a group, and so outputs, of its own.
  [[nodiscard]] constexpr bool is_depth_wise(Index in_channels) const noexcept {
    return groups > 1 && groups == in_channels;
  }
  friend bool operator==(const convolution&, const convolution&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
