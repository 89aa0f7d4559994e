// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/nn/layers/detail/elementwise_layers.hpp>
#include <prunus/nn/layers/detail/gate_layer.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/layer_context.hpp>
#include <prunus/nn/layers/detail/normalization_layers.hpp>
#include <prunus/nn/layers/detail/pooling_layers.hpp>
#include <prunus/nn/layers/detail/sequence_layers.hpp>
#include <prunus/nn/layers/detail/shape_layers.hpp>
#include <prunus/nn/layers/detail/weight_layers.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <type_traits>  // std::type_identity
#include <utility>      // std::move
#include <variant>      // std::variant, std::visit
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The layers there are. A new one stands here and in its header, nowhere else.
template <class S>
using any_layer =
    std::variant<input_layer<S>, convolution_layer<S>, linear_layer<S>, batch_norm_layer<S>,
                 layer_norm_layer<S>, activation_layer<S>, add_layer<S>, multiply_layer<S>,
                 concat_layer<S>, pad_channels_layer<S>, reshape_layer<S>, channels_last_layer<S>,
                 pooling_layer<S>, global_pooling_layer<S>, upsampling_layer<S>, attention_layer<S>,
                 embedding_layer<S>, position_embedding_layer<S>, dropout_layer<S>, gate_layer<S>>;

template <class S, layer<S>... Layers>
[[nodiscard]] std::optional<std::variant<Layers...>> make_layer(
    std::type_identity<std::variant<Layers...>>, const layer_context<S>& at) {
  std::optional<std::variant<Layers...>> result;
  const auto takes_it = [&](auto made) {
    if (made.has_value()) result = std::move(*made);
    return result.has_value();
  };
  static_cast<void>((takes_it(Layers::made_for(at)) || ...));
  return result;
}

/// The layers of a graph, which point into the memory of `tensors` and of `shares`.
/// @throws argument_error (unsupported) for an operation that no layer computes
template <class S>
[[nodiscard]] std::vector<any_layer<S>> make_layers(const resolved_graph& graph,
                                                    const model<S>& tensors,
                                                    gradient_shares<S>& shares,
                                                    std::uint64_t seed) {
  std::vector<any_layer<S>> layers;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    auto made = make_layer(std::type_identity<any_layer<S>>{},
                           layer_context<S>(graph, i, tensors, shares, seed));
    if (!made)
      throw argument_error(errc::unsupported,
                           concat("network: node ", graph.nodes[i].name, " is ",
                                  graph.nodes[i].operation.kind(), ", which no layer computes"));
    layers.push_back(std::move(*made));
  }
  return layers;
}

template <class S>
[[nodiscard]] std::vector<layer_traits> traits_of(const std::vector<any_layer<S>>& layers) {
  std::vector<layer_traits> traits;
  for (const any_layer<S>& one : layers)
    traits.push_back(std::visit([](const auto& l) { return l.traits(); }, one));
  return traits;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
