// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Element-wise product of two or more tensors; a channels x 1 x 1 factor is spread over the plane.
struct multiply {
  static constexpr std::string_view kind = "multiply";

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    detail::expect_inputs(inputs, 2, detail::any_number);
    tensor_shape full = inputs.front();
    for (const tensor_shape& other : inputs)
      if (other.plane() > full.plane()) full = other;
    for (const tensor_shape& other : inputs)
      if (other.channels != full.channels || (other != full && other.plane() != 1))
        detail::refuse_node("multiplies ", full.channels, " x ", full.height, " x ", full.width,
                            " with ", other.channels, " x ", other.height, " x ", other.width,
                            "; a factor has the same shape, or as many channels and one position");
    return {.shape = full};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    std::vector<channel_value> out(inputs[0].size());
    for (std::size_t c = 0; c < out.size(); ++c) {
      bool zero = false;  // zero times anything
      for (std::size_t k = 0; k < inputs.size(); ++k) zero = zero || inputs[k][c].is_zero();
      out[c] =
          zero ? channel_value{} : inputs.combined(c, [](double a, double b) { return a * b; });
    }
    return out;
  }
  [[nodiscard]] multiply shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const multiply&, const multiply&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
