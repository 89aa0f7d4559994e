// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/view.hpp>
#include <prunus/nn/adapters/observe_correlation.hpp>
#include <prunus/nn/adapters/recorded_outputs.hpp>
#include <prunus/nn/layers/detail/node_parameter.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/observe/target_correlation.hpp>
#include <prunus/recovery/input_patches.hpp>
#include <prunus/recovery/reconstruct.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <cmath>        // std::sqrt
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <variant>      // std::get_if
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The batch normalisation through which alone a layer is read, or nullptr.
[[nodiscard]] inline const resolved_graph::node* normalization_behind(const resolved_graph& graph,
                                                                      std::size_t layer_at) {
  const resolved_graph::node& node = graph.nodes[layer_at];
  if (node.consumers.size() != 1) return nullptr;
  const resolved_graph::node& next = graph.nodes[node.consumers.front()];
  return next.operation.is<operation::batch_norm>() ? &next : nullptr;
}

/// Whether what node `from` adds arrives at node `to` as it is: only additions lie between them.
[[nodiscard]] inline bool only_additions_between(const resolved_graph& graph, std::size_t from,
                                                 std::size_t to) {
  while (from != to) {
    const resolved_graph::node& node = graph.nodes[from];
    if (node.consumers.size() != 1 || node.consumers.front() > to) return false;
    from = node.consumers.front();
    if (!graph.nodes[from].operation.is<operation::add>()) return false;
  }
  return true;
}

/// The parameters of a batch normalisation, one number a channel.
template <std::floating_point S>
struct normalization {
  using values = Eigen::Map<Eigen::Array<S, Eigen::Dynamic, 1>>;
  values scale, shift, mean, variance;
  double epsilon;

  normalization(const model<S>& net, const resolved_graph::node& node)
      : scale(of(net, node, "weight")),
        shift(of(net, node, "bias")),
        mean(of(net, node, "running_mean")),
        variance(of(net, node, "running_var")),
        epsilon(node.operation.as<operation::batch_norm>()->epsilon) {}

  /// By what a channel is multiplied in inference mode.
  [[nodiscard]] Eigen::ArrayXd factor() const {
    return scale.template cast<double>() / (variance.template cast<double>() + epsilon).sqrt();
  }

 private:
  static values of(const model<S>& net, const resolved_graph::node& node, std::string_view tensor) {
    const weight_view<S>& w = node_parameter(net, node, tensor)->weight;
    return {w.data, w.size()};
  }
};

}  // namespace detail

namespace nn {

/// The inputs of one layer of a pruned network over `images`, together with what the layer would
/// have to put out so that node `at` computes what it computes in the dense network: its outputs
/// now, plus what is missing at `at` (divided by the factor of a batch normalisation behind the
/// layer). What other branches lost on their way to `at`, such as a shortcut, is thus asked of this
/// layer. Both networks run in inference mode.
///
///     prunus::nn::network<float> net(graph, tensors, {.keep_activations = true}), dense(...);
///     const prunus::nn::recorded_outputs<float> wanted(dense, sums, images);  // for all layers
///     const auto seen = prunus::nn::correlate_targets<float>(net, "stage1.block1.conv2", wanted,
///                                                            "stage1.block1.add", images);
///
/// One layer alone may be given the dense network itself, which then runs once for it.
///
/// @param layer_name a linear layer or convolution whose only reader is a batch normalisation or a
/// node on the way to `at`
/// @param at the layer itself, the batch normalisation behind it, or an addition that follows
/// @param images [samples, C, H, W] row-major; they are run in batches of at most `batch`
/// @throws state_error (wrong_order: a network does not keep activations), argument_error
///         (unknown_name; unsupported: grouped convolutions, other operations, other nodes between
///         the layer and `at`; out_of_range: images, batch, a channel whose normalisation has the
///         factor 0), shape_error (shape_mismatch: the networks differ at `at`), value_error
///         (not_finite)
/// @source Y. He, X. Zhang, J. Sun, "Channel Pruning for Accelerating Very Deep Neural Networks",
/// ICCV 2017, doi:10.1109/ICCV.2017.155, section 3: outputs of the dense network, inputs of the
/// pruned one; the residual branch makes up for its shortcut
/// @deviation seen through a batch normalisation; all positions instead of a sample of them
template <std::floating_point S>
[[nodiscard]] target_correlation<double> correlate_targets(
    network<S>& net, std::string_view layer_name, const recorded_outputs<S>& dense,
    std::string_view at, std::span<const S> images, Index batch = 64) {
  const convolution_shape shape = reading_shape(net, layer_name);
  const resolved_graph& graph = net.resolved();
  const std::size_t here = graph.index_of(layer_name), there = graph.index_of(at);
  const resolved_graph::node* behind =
      here == there ? nullptr : prunus::detail::normalization_behind(graph, here);
  const std::size_t from = behind == nullptr ? here : graph.nodes[here].consumers.front();
  if (from > there || !prunus::detail::only_additions_between(graph, from, there))
    throw argument_error(
        errc::unsupported,
        prunus::detail::concat("correlate_targets: between ", layer_name, " and ", at,
                               " stands more than a batch normalisation and ", "additions"));
  const Index size = net.input_size(), samples = static_cast<Index>(images.size()) / size;
  if (batch < 1 || samples < 1 || samples * size != static_cast<Index>(images.size()))
    throw argument_error(
        errc::out_of_range,
        prunus::detail::concat("correlate_targets: ", images.size(), " numbers for samples of ",
                               size, " in batches of ", batch, "; both must be at least 1"));
  const auto& wanted_there = dense[at];
  if (dense.input_size() != size || dense.samples() != samples ||
      wanted_there.shape != graph.nodes[there].shape)
    throw shape_error(errc::shape_mismatch,
                      prunus::detail::concat("correlate_targets: ", samples, " samples of ", size,
                                             " numbers, recorded were ", dense.samples(), " of ",
                                             dense.input_size(), ", or ", at,
                                             " has another shape in the dense network"));
  Eigen::ArrayXd share = Eigen::ArrayXd::Ones(shape.out_channels);
  if (behind != nullptr)
    share = prunus::detail::normalization<S>(net.model(), *behind).factor().inverse();
  if (!share.allFinite())
    throw argument_error(
        errc::out_of_range,
        prunus::detail::concat("correlate_targets: ", behind->name, " multiplies a channel of ",
                               layer_name, " by 0, ", "so that no output of it would do"));

  target_correlation<double> result(shape.row_size(), shape.out_channels);
  const std::string_view source = graph.nodes[graph.nodes[here].inputs.front()].name;
  const Index plane = shape.out_height() * shape.out_width();
  std::vector<S> wanted;
  for (Index first = 0; first < samples; first += batch) {
    const Index count = std::min(batch, samples - first);
    const std::span<const S> part = images.subspan(static_cast<std::size_t>(first * size),
                                                   static_cast<std::size_t>(count * size));
    net.forward(part, count, mode::inference);
    const std::span<const S> now = net.activation(layer_name), got = net.activation(at);
    const std::span<const S> full =
        std::span<const S>(wanted_there.values)
            .subspan(static_cast<std::size_t>(first) * got.size() / static_cast<std::size_t>(count),
                     got.size());
    wanted.resize(now.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const double missing = static_cast<double>(full[i]) - static_cast<double>(got[i]);
      const Index c = static_cast<Index>(i) / plane % shape.out_channels;
      wanted[i] = static_cast<S>(static_cast<double>(now[i]) + share(c) * missing);
    }
    add_patches(result, net.activation(source), std::span<const S>(wanted), count, shape);
  }
  return result;
}

template <std::floating_point S>
[[nodiscard]] target_correlation<double> correlate_targets(network<S>& net,
                                                           std::string_view layer_name,
                                                           network<S>& dense, std::string_view at,
                                                           std::span<const S> images,
                                                           Index batch = 64) {
  const std::string node(at);
  const recorded_outputs<S> recorded(dense, {&node, 1}, images, batch);
  return correlate_targets<S>(net, layer_name, recorded, at, images, batch);
}

/// By what each output of a layer is multiplied before another layer sees it: the factors of a
/// batch normalisation that alone reads it, else 1. What `order_by_output_error` weighs outputs by.
/// @throws argument_error (unknown_name)
template <std::floating_point S>
[[nodiscard]] std::vector<double> output_factors(const network<S>& net,
                                                 std::string_view layer_name) {
  const resolved_graph& graph = net.resolved();
  const std::size_t here = graph.index_of(layer_name);
  const resolved_graph::node* behind = prunus::detail::normalization_behind(graph, here);
  if (behind == nullptr)
    return std::vector<double>(static_cast<std::size_t>(graph.nodes[here].shape.channels), 1.0);
  const Eigen::ArrayXd factor = prunus::detail::normalization<S>(net.model(), *behind).factor();
  return {factor.data(), factor.data() + factor.size()};
}

/// Fits the weights of one layer of a network to targets, and what stands behind them: the bias of
/// the layer, or the batch normalisation that alone reads it. Of the latter the running statistics
/// become those of the new outputs over the inputs that were seen, and scale and shift follow, so
/// that training, which normalises by its batches, goes on from the function that was fitted.
///
/// @param keep which weights of the layer stay, of any tile
/// @param seen from `correlate_targets`
/// @returns as `reconstruct`, on the outputs of the layer itself
/// @throws as `reconstruct`; argument_error (unknown_name)
/// Cost: that of `reconstruct`
/// @source as `reconstruct` from targets
/// @deviation what was fitted is folded into the batch normalisation
template <std::floating_point S>
reconstruction_report reconstruct_layer(network<S>& net, std::string_view layer_name,
                                        const mask& keep, const target_correlation<double>& seen,
                                        const reconstruction_options& options = {}) {
  const resolved_graph& graph = net.resolved();
  const std::size_t here = graph.index_of(layer_name);
  const model<S>& tensors = net.model();
  const parameter<S>* declared =
      prunus::detail::node_parameter(tensors, graph.nodes[here], "weight");
  if (declared == nullptr)
    throw argument_error(
        errc::unknown_name,
        prunus::detail::concat("reconstruct_layer: ", layer_name, " has no weight to fit"));
  const weight_view<S> weight = declared->weight;
  const parameter<S>* bias = prunus::detail::node_parameter(tensors, graph.nodes[here], "bias");
  const resolved_graph::node* behind = prunus::detail::normalization_behind(graph, here);
  if (bias != nullptr || behind == nullptr)
    return reconstruct(weight, keep, seen, bias == nullptr ? weight_view<S>{} : bias->weight,
                       options);

  std::vector<S> added(static_cast<std::size_t>(weight.extent(axis::out)), S(0));
  const reconstruction_report report = reconstruct(
      weight, keep, seen, prunus::view(added, {static_cast<Index>(added.size())}), options);
  prunus::detail::normalization<S> fitted(tensors, *behind);
  const mask everything{tile_grid(weight, element)};
  const Eigen::MatrixXd rows = prunus::detail::weight_rows<double>(weight, everything).values;
  const Eigen::ArrayXd mean = rows.transpose() * seen.of_inputs().mean();
  const Eigen::ArrayXd variance =
      rows.cwiseProduct(seen.of_inputs().covariance() * rows).colwise().sum().transpose();
  const Eigen::ArrayXd factor = fitted.factor();
  const Eigen::Map<const Eigen::Array<S, Eigen::Dynamic, 1>> more(added.data(), mean.size());
  fitted.shift +=
      (factor * (more.template cast<double>() + mean - fitted.mean.template cast<double>()))
          .template cast<S>();
  fitted.scale = (factor * (variance.max(0.0) + fitted.epsilon).sqrt()).template cast<S>();
  fitted.mean = mean.template cast<S>();
  fitted.variance = variance.max(0.0).template cast<S>();
  return report;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
