// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

#include <string>  // std::string

namespace prunus {
inline namespace v0 {
namespace operation {

/// An operation that nobody can analyse: all channels that reach it, and all that it makes, stay,
/// and the plan says so. `name` says what it is; its tensors, if it has any, are left as they are.
/// Its multiply-adds are those that you state.
struct opaque {
  static constexpr std::string_view kind = "opaque";

  std::string name = "opaque";
  tensor_shape shape{};                          ///< of the result
  std::vector<parameter_declaration> tensors{};  ///< none follows the channels
  Index work = 0;                                ///< multiply-adds for one sample

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    if (inputs.empty() || shape.channels < 1 || shape.height < 1 || shape.width < 1 || work < 0)
      detail::refuse_node("an opaque operation (", name, ") of ", inputs.size(), " inputs gives ",
                          shape.channels, " x ", shape.height, " x ", shape.width, " at ", work,
                          " multiply-adds; it takes at least one input and gives something");
    node_description node{.shape = shape, .parameters = tensors, .fixed_work = work};
    for (parameter_declaration& p : node.parameters) {
      p.per_channel = false;
      p.reads.reset();
    }
    return node;
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> /*inputs*/) const {
    channel_map map = channel_map::fresh(shape.channels);
    map.keeps = keep_reason::opaque;
    return map;
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return inputs.anything();
  }
  [[nodiscard]] opaque shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const opaque&, const opaque&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
