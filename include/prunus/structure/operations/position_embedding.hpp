// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/detail/table_columns.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Adds a learned vector to every position of the plane. Parameter: weight, positions x channels.
struct position_embedding {
  static constexpr std::string_view kind = "position_embedding";

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    return {.shape = in,
            .parameters = {{.name = "weight",
                            .shape = {in.plane(), in.channels},
                            .role = parameter_role::bias,
                            .axes = layout("IO")}}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return channel_map::same(inputs);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    const tensor_reader& table = inputs[parameter_role::bias];
    std::vector<channel_value> out = inputs.mapped([&](Index c, double x) { return x + table(c); });
    for (std::size_t c = 0; c < out.size(); ++c)
      if (!detail::column_is_constant(table, static_cast<Index>(c)))
        out[c] = channel_value::anything();
    return out;
  }
  [[nodiscard]] position_embedding shrunk(const kept_channels&) const { return *this; }
  friend bool operator==(const position_embedding&, const position_embedding&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
