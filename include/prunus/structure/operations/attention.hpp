// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/operation.hpp>

namespace prunus {
inline namespace v0 {
namespace operation {

/// Scaled dot-product attention over the positions of the plane. Inputs query, key and value, whose
/// channels are `heads` times D, D and E features, head after head; query may have other positions
/// than key and value. Of each head softmax(q k^T / sqrt(D)) v, so heads x E channels at the
/// positions of the query. No parameters: projections are linear layers. A head is one unit: its
/// features of the query, of the key and of the value.
/// Source: A. Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, equation 1.
struct attention {
  static constexpr std::string_view kind = "attention";

  Index heads = 1;

  template <class = compiled_on_use>
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    detail::expect_inputs(inputs, 3, 3);
    const tensor_shape &query = inputs[0], &key = inputs[1], &value = inputs[2];
    if (heads < 1 || query.channels % heads != 0 || value.channels % heads != 0)
      detail::refuse_node(heads, " heads do not divide ", query.channels,
                          " channels of the query and ", value.channels, " of the value");
    if (key.channels != query.channels || key.plane() != value.plane())
      detail::refuse_node("the query has ", query.channels, " channels, the key ", key.channels,
                          " at ", key.plane(), " positions, the value ", value.plane(),
                          " positions; query and key need equal channels, key and value equal "
                          "positions");
    const Index pairs =
        detail::product_or_refuse("pairs of positions", {query.plane(), key.plane()});
    return {.shape = {value.channels, query.height, query.width},
            .work = {{.each = pairs, .channels = 0}, {.each = pairs, .channels = 2}}};
  }
  template <class = compiled_on_use>
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    channel_map map;
    const Index values = inputs[2].channels / heads;
    for (Index channel = 0; channel < inputs[2].channels; ++channel)
      map.from.push_back({2, channel});
    for (Index k = 0; k < 3; ++k) {
      const Index all = inputs[static_cast<std::size_t>(k)].channels, features = all / heads;
      for (Index channel = 0; channel < all; ++channel)
        map.ties.push_back({{2, channel / features * values}, {k, channel}});
    }
    return map;
  }
  /// A weighted mean over the positions: where the value is the same everywhere, it is the mean.
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return inputs[2];
  }
  template <class = compiled_on_use>
  [[nodiscard]] attention shrunk(const kept_channels& kept) const {
    const Index values = static_cast<Index>(kept.result.size()) / heads;
    return {.heads = kept.results() / values};
  }

  friend bool operator==(const attention&, const attention&) = default;
};

}  // namespace operation
}  // namespace v0
}  // namespace prunus
