// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/detail/normalization_affine.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Batch normalisation over each channel. Parameters: weight (scale), bias (shift), running_mean,
/// running_var, which are used at inference.
struct batch_norm {
  static constexpr std::string_view kind = "batch_norm";

  double epsilon = 1e-5;
  double momentum = 0.1;  ///< weight of the new batch in the running statistics

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    return {
        .shape = in,
        .parameters = {
            detail::one_a_channel("weight", in.channels, parameter_role::scale),
            detail::one_a_channel("bias", in.channels, parameter_role::shift),
            detail::one_a_channel("running_mean", in.channels, parameter_role::running_mean),
            detail::one_a_channel("running_var", in.channels, parameter_role::running_variance)}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    const tensor_reader &scale = inputs[parameter_role::scale],
                        &shift = inputs[parameter_role::shift],
                        &mean = inputs[parameter_role::running_mean],
                        &variance = inputs[parameter_role::running_variance];
    std::vector<channel_value> out = inputs.mapped([&](Index c, double x) {
      const prunus::detail::normalization_affine<double> map(scale(c), shift(c), mean(c),
                                                             variance(c), epsilon);
      return x * map.factor + map.offset;
    });
    for (std::size_t c = 0; c < out.size(); ++c)  // a scale of zero makes a constant of anything
      if (const Index at = static_cast<Index>(c); scale(at) == 0)
        out[c] = channel_value::of(shift(at));
    return out;
  }
  [[nodiscard]] batch_norm shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const batch_norm&, const batch_norm&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
