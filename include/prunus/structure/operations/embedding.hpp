// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/detail/table_columns.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Token numbers, 1 x H x W whole numbers that an input of the network holds, to `features`
/// channels a position: a table of one row a token. Parameter: weight, vocabulary x features.
struct embedding {
  static constexpr std::string_view kind = "embedding";

  Index vocabulary = 0;
  Index features = 0;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    const tensor_shape& in = detail::only_input(inputs);
    if (vocabulary < 1 || features < 1 || in.channels != 1)
      detail::refuse_node("a vocabulary of ", vocabulary, " and ", features, " features for ",
                          in.channels,
                          " channels; the first two must be at least 1, tokens have 1 channel");
    return {.shape = {features, in.height, in.width},
            .parameters = {{.name = "weight",
                            .shape = {vocabulary, features},
                            .role = parameter_role::table,
                            .axes = layout("IO")}},
            .takes_network_inputs = true};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> /*inputs*/) const {
    return channel_map::fresh(features);
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    const tensor_reader& table = inputs[parameter_role::table];
    std::vector<channel_value> out = inputs.anything();
    for (std::size_t c = 0; c < out.size(); ++c)
      if (const Index at = static_cast<Index>(c); detail::column_is_constant(table, at))
        out[c] = channel_value::of(table(at));
    return out;
  }
  template <class = compiled_on_use>
  [[nodiscard]] embedding shrunk(const kept_channels& kept) const {
    return {.vocabulary = vocabulary, .features = kept.results()};
  }

  friend bool operator==(const embedding&, const embedding&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
