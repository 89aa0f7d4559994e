// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

#include <cstdint>  // std::uint8_t

namespace prunus {
inline namespace v0 {
namespace operation {

/// What becomes of the values of a window or a plane.
enum class pooling_function : std::uint8_t { max, average };

/// Largest or mean value of each window. Zero padding counts in the mean (as PyTorch's default),
/// never in the maximum.
struct pooling {
  static constexpr std::string_view kind = "pooling";

  pooling_function function = pooling_function::max;
  extent2 kernel = 2;
  extent2 stride = 2;
  extent2 padding = 0;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    if (padding.height > kernel.height / 2 || padding.width > kernel.width / 2)
      detail::refuse_node("padding ", padding.height, " x ", padding.width,
                          " is more than half the kernel");
    return {.shape = {in.channels,
                      detail::windows(in.height, kernel.height, stride.height, padding.height),
                      detail::windows(in.width, kernel.width, stride.width, padding.width)}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    const bool zeros_count =
        function == pooling_function::average && (padding.height > 0 || padding.width > 0);
    std::vector<channel_value> out = inputs[0];
    for (channel_value& value : out)
      if (zeros_count && value.is_constant() && value.value != 0)
        value = inputs.broken(value.value);
    return out;
  }
  [[nodiscard]] pooling shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const pooling&, const pooling&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
