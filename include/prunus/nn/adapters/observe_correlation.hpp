// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/observe/input_correlation.hpp>
#include <prunus/recovery/input_patches.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>    // std::min
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <variant>      // std::get_if

namespace prunus {
inline namespace v0 {
namespace nn {

/// What a linear layer or a convolution reads from each sample, as the shape of a convolution: a
/// linear layer is one with a kernel of 1 x 1.
/// @throws argument_error (unknown_name: no such node; unsupported: another operation)
template <std::floating_point S>
[[nodiscard]] convolution_shape reading_shape(const network<S>& net, std::string_view layer_name) {
  const resolved_graph& graph = net.resolved();
  const std::size_t i = graph.index_of(layer_name);
  const resolved_graph::node& node = graph.nodes[i];
  const auto* convolution = node.operation.as<operation::convolution>();
  if (convolution == nullptr && !node.operation.is<operation::linear>())
    throw argument_error(errc::unsupported,
                         prunus::detail::concat("reading_shape: ", layer_name,
                                                " is neither a linear layer nor a convolution"));
  const tensor_shape& in = graph.input_shape(i);
  convolution_shape shape{.in_channels = in.channels,
                          .out_channels = node.shape.channels,
                          .height = in.height,
                          .width = in.width};
  if (convolution != nullptr) {
    shape.kernel_height = convolution->kernel.height;
    shape.kernel_width = convolution->kernel.width;
    shape.stride_height = convolution->stride.height;
    shape.stride_width = convolution->stride.width;
    shape.padding_height = convolution->padding.height;
    shape.padding_width = convolution->padding.width;
    shape.groups = convolution->groups;
  }
  return shape;
}

/// The correlation of the inputs of one layer over `images`, in inference mode: what `reconstruct`
/// and other second-order methods need of that layer.
///
///     prunus::nn::network<float> net(graph, {.keep_activations = true});
///     const auto seen = prunus::nn::correlate_inputs(net, "fc1", images, 128);
///
/// @param images [samples, C, H, W] row-major; they are run in batches of at most `batch`
/// @throws state_error (wrong_order: the network does not keep activations), argument_error
///         (unknown_name, unsupported: grouped convolutions and other operations; out_of_range),
///         shape_error (shape_mismatch), value_error (not_finite)
template <std::floating_point S>
[[nodiscard]] input_correlation<double> correlate_inputs(network<S>& net,
                                                         std::string_view layer_name,
                                                         std::span<const S> images,
                                                         Index batch = 64) {
  const convolution_shape shape = reading_shape(net, layer_name);
  const resolved_graph& graph = net.resolved();
  const std::string_view source =
      graph.nodes[graph.nodes[graph.index_of(layer_name)].inputs.front()].name;
  const Index size = net.input_size(), samples = static_cast<Index>(images.size()) / size;
  if (batch < 1 || samples < 1 || samples * size != static_cast<Index>(images.size()))
    throw argument_error(
        errc::out_of_range,
        prunus::detail::concat("correlate_inputs: ", images.size(), " numbers for samples of ",
                               size, " in batches of ", batch, "; both must be at least 1"));
  input_correlation<double> result(shape.row_size());
  for (Index first = 0; first < samples; first += batch) {
    const Index count = std::min(batch, samples - first);
    const std::span<const S> part = images.subspan(static_cast<std::size_t>(first * size),
                                                   static_cast<std::size_t>(count * size));
    net.forward(part, count, mode::inference);
    add_patches(result, net.activation(source), count, shape);
  }
  return result;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
