// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/measure/fastest_kernel.hpp>
#include <prunus/nn/layers/detail/node_parameter.hpp>
#include <prunus/nn/layers/detail/weight_layers.hpp>
#include <prunus/nn/layers/inference_kernel.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/runtime/sparse_convolution.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/runtime/sparse_linear.hpp>
#include <prunus/structure/operation.hpp>

#include <Eigen/Core>

#include <concepts>     // std::floating_point
#include <memory>       // std::make_shared
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <variant>      // std::get_if
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

template <class S, class Kernel>
class packed_kernel final : public nn::inference_kernel<S> {
 public:
  explicit packed_kernel(Kernel kernel) : kernel_(std::move(kernel)) {}
  [[nodiscard]] Index scratch_size() const noexcept override { return kernel_.scratch_size(); }
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index samples,
               S* scratch) const noexcept override {
    kernel_.forward(x, epilogue, y, samples, scratch);
  }

 private:
  Kernel kernel_;
};

/// Calls f(shape, weights) with the shape of a convolution or of a linear layer; does nothing for
/// other nodes.
template <class S, class F>
void visit_weight_layer(const nn::network<S>& net, std::size_t node, const F& f) {
  const resolved_graph& graph = net.resolved();
  const any_operation& op = graph.nodes[node].operation;
  const auto weight = [&] {
    return node_parameter(net.model(), graph.nodes[node], "weight")->weight;
  };
  if (const auto* convolution = op.as<operation::convolution>())
    f(convolution_layer<S>::shape_of(*convolution, graph.input_shape(node)), weight());
  else if (const auto* linear = op.as<operation::linear>()) {
    const tensor_shape& in = graph.input_shape(node);
    if (in.plane() > 1)
      f(convolution_layer<S>::shape_of(*linear, in), weight());
    else
      f(linear_shape{in.channels, linear->out_features}, weight());
  }
}

template <class S>
[[nodiscard]] std::shared_ptr<const nn::inference_kernel<S>> pack_weights(
    const convolution_shape& shape, const S* weights, sparse_format format) {
  using kernel = sparse_convolution<S>;
  return std::make_shared<packed_kernel<S, kernel>>(kernel(shape, weights, format));
}
template <class S>
[[nodiscard]] std::shared_ptr<const nn::inference_kernel<S>> pack_weights(const linear_shape& shape,
                                                                          const S* weights,
                                                                          sparse_format format) {
  using kernel = sparse_linear<S>;
  return std::make_shared<packed_kernel<S, kernel>>(kernel(shape, weights, format));
}

}  // namespace detail

namespace nn {

/// Packs the weights of a convolution or a linear layer as they are now, so that its zeros cost
/// nothing at inference, until the next training step or `unpack`.
/// @throws argument_error (unknown_name; unsupported: another layer)
template <std::floating_point S>
void pack(network<S>& net, std::string_view layer, sparse_format format) {
  std::shared_ptr<const inference_kernel<S>> kernel;
  prunus::detail::visit_weight_layer(
      net, net.resolved().index_of(layer), [&](const auto& shape, const auto& weight) {
        kernel = prunus::detail::pack_weights<S>(shape, weight.data, format);
      });
  net.set_inference_kernel(layer, kernel);
}

/// Gives a layer its dense kernel back.
/// @throws as `pack`
template <std::floating_point S>
void unpack(network<S>& net, std::string_view layer) {
  net.set_inference_kernel(layer, nullptr);
}

/// What was decided for a layer.
struct packed_layer {
  std::string name;
  sparse_kernel_choice choice;
};

/// Times the kernels for every convolution and linear layer that holds zeros, and packs those that
/// a sparse one makes faster.
///
///     prunus::fastest_kernel<float> fastest;
///     for (const auto& layer : prunus::nn::pack_fastest(net, fastest))
///       if (layer.choice.format) std::cout << layer.name << ' ' << name_of(*layer.choice.format);
///
/// @returns the layers that hold zeros, in the order of the graph
template <std::floating_point S, class Clock>
std::vector<packed_layer> pack_fastest(network<S>& net, fastest_kernel<S, Clock>& fastest) {
  std::vector<packed_layer> result;
  for (std::size_t i = 0; i < net.resolved().nodes.size(); ++i)
    prunus::detail::visit_weight_layer(net, i, [&](const auto& shape, const auto& weight) {
      mask keep{tile_grid(weight, element)};
      for (Index w = 0; w < weight.size(); ++w) keep.set(w, weight.data[w] != S(0));
      if (!keep.removed_anything()) return;
      const std::string& name = net.resolved().nodes[i].name;
      result.push_back({name, fastest(keep, shape)});
      if (const auto format = result.back().choice.format; format.has_value())
        net.set_inference_kernel(name,
                                 prunus::detail::pack_weights<S>(shape, weight.data, *format));
    });
  return result;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
