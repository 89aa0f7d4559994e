// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/elementwise_layers.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/normalization_layers.hpp>
#include <prunus/nn/layers/detail/sequence_layers.hpp>
#include <prunus/nn/layers/detail/shape_layers.hpp>
#include <prunus/nn/layers/detail/weight_layers.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint64_t
#include <variant>  // std::variant

namespace prunus {
inline namespace v0 {
namespace detail {

template <class S>
using any_layer =
    std::variant<input_layer<S>, convolution_layer<S>, linear_layer<S>, batch_norm_layer<S>,
                 layer_norm_layer<S>, activation_layer<S>, add_layer<S>, multiply_layer<S>,
                 concat_layer<S>, pad_channels_layer<S>, reshape_layer<S>, channels_last_layer<S>,
                 pooling_layer<S>, global_pooling_layer<S>, upsampling_layer<S>, attention_layer<S>,
                 embedding_layer<S>, position_embedding_layer<S>, dropout_layer<S>>;

/// Makes the layer of a node; `parameter(suffix)` finds its tensors.
template <class S, class Parameters>
struct layer_factory {
  const resolved_graph& graph;
  std::size_t node;
  std::uint64_t seed;
  const Parameters& parameter;

  [[nodiscard]] const tensor_shape& in() const { return graph.input_shape(node); }

  any_layer<S> operator()(const operation::input&) const { return input_layer<S>{}; }
  any_layer<S> operator()(const operation::convolution& op) const {
    return convolution_layer<S>{
        .kernel = direct_convolution<S>(convolution_layer<S>::shape_of(op, in())),
        .weight = parameter("weight"),
        .bias = parameter("bias")};
  }
  any_layer<S> operator()(const operation::linear& op) const {
    if (in().plane() > 1)
      return convolution_layer<S>{
          .kernel = direct_convolution<S>(convolution_layer<S>::shape_of(op, in())),
          .weight = parameter("weight"),
          .bias = parameter("bias")};
    return linear_layer<S>{.shape = {in().channels, op.out_features},
                           .weight = parameter("weight"),
                           .bias = parameter("bias")};
  }
  any_layer<S> operator()(const operation::batch_norm& op) const {
    return batch_norm_layer<S>{.attributes = op,
                               .channels = in().channels,
                               .scale = parameter("weight"),
                               .shift = parameter("bias"),
                               .running_mean = parameter("running_mean"),
                               .running_variance = parameter("running_var")};
  }
  any_layer<S> operator()(const operation::layer_norm& op) const {
    return layer_norm_layer<S>{
        .attributes = op, .shape = in(), .scale = parameter("weight"), .shift = parameter("bias")};
  }
  any_layer<S> operator()(const operation::activation& op) const { return activation_layer<S>{op}; }
  any_layer<S> operator()(const operation::add&) const { return add_layer<S>{}; }
  any_layer<S> operator()(const operation::multiply&) const { return multiply_layer<S>{}; }
  any_layer<S> operator()(const operation::concat&) const { return concat_layer<S>{}; }
  any_layer<S> operator()(const operation::pad_channels& op) const {
    return pad_channels_layer<S>{op};
  }
  any_layer<S> operator()(const operation::flatten& op) const {
    if (op.channels_last) return channels_last_layer<S>{};
    return reshape_layer<S>{};
  }
  any_layer<S> operator()(const operation::pooling& op) const {
    return pooling_layer<S>{pooling_layer<S>::shape_of(op, in()), op.function};
  }
  any_layer<S> operator()(const operation::global_pooling& op) const {
    return global_pooling_layer<S>{op.function};
  }
  any_layer<S> operator()(const operation::upsampling& op) const {
    return upsampling_layer<S>{op.factor};
  }
  any_layer<S> operator()(const operation::split_heads&) const { return reshape_layer<S>{}; }
  any_layer<S> operator()(const operation::merge_heads&) const { return reshape_layer<S>{}; }
  any_layer<S> operator()(const operation::attention& op) const {
    const resolved_graph::node& n = graph.nodes[node];
    return attention_layer<S>::of(op, in(), graph.nodes[n.inputs[2]].shape);
  }
  any_layer<S> operator()(const operation::embedding& op) const {
    return embedding_layer<S>{op, parameter("weight")};
  }
  any_layer<S> operator()(const operation::position_embedding&) const {
    return position_embedding_layer<S>{parameter("weight")};
  }
  any_layer<S> operator()(const operation::dropout& op) const {
    return dropout_layer<S>{op, seed, node};
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
