// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/network.hpp>
#include <prunus/observe/activation_statistics.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <concepts>  // std::floating_point
#include <cstddef>   // std::size_t
#include <span>      // std::span
#include <variant>   // std::holds_alternative
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {

namespace detail {

/// The weight of a convolution or linear layer, or nullptr for other nodes.
[[nodiscard]] inline const parameter_declaration* weight_of(
    const resolved_graph::node& node) noexcept {
  for (const parameter_declaration& p : node.parameters)
    if (p.role == parameter_role::weight) return &p;
  return nullptr;
}

/// Which nodes the network's output depends on: the others are not computed.
[[nodiscard]] inline std::vector<bool> needed_nodes(const resolved_graph& network) {
  std::vector<bool> needed(network.nodes.size());
  for (std::size_t n = needed.size(); n-- > 0;) {
    needed[n] = network.nodes[n].is_output;
    for (std::size_t reader : network.nodes[n].consumers) needed[n] = needed[n] || needed[reader];
  }
  return needed;
}

/// The node whose values are the outputs of node `n` as others see them: behind the batch
/// normalisation and the activation that alone read it.
[[nodiscard]] inline std::size_t visible_output(const resolved_graph& network, std::size_t n) {
  while (network.nodes[n].consumers.size() == 1 && !network.nodes[n].is_output) {
    const std::size_t next = network.nodes[n].consumers.front();
    const any_operation& op = network.nodes[next].operation;
    const bool acts = op.is<operation::activation>();
    if (!acts && !op.is<operation::batch_norm>()) break;
    n = next;
    if (acts) break;
  }
  return n;
}

/// Adds, for every weight that was used, the values of the node that `node_of(n)` says.
template <std::floating_point S, class NodeOf>
void observe_weights(const nn::network<S>& net, double accuracy, activation_statistics& to,
                     const NodeOf& node_of) {
  const resolved_graph& network = net.resolved();
  const std::vector<bool> needed = needed_nodes(network);
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    const parameter_declaration* weight = weight_of(network.nodes[n]);
    if (weight == nullptr || !needed[n]) continue;
    const resolved_graph::node& seen = network.nodes[node_of(n)];
    const std::span<const S> values = net.activation(seen.name);
    to.add(weight->name, values,
           {.samples = static_cast<Index>(values.size()) / seen.shape.size(),
            .channels = seen.shape.channels,
            .accuracy = accuracy});
  }
}

}  // namespace detail

namespace nn {

/// Adds what every convolution and linear layer put out in the last forward pass, under the names
/// of their weights: one channel for each output channel.
///
///     nn::network<float> net(graph, {.keep_activations = true});
///     nn::train_step(net, optimize, images, labels, 0.1,
///                    [&] { nn::observe_outputs(net, outputs); });
///
/// Outputs are taken behind the batch normalisation and the activation that follow, as long as
/// nobody else reads what lies between; behind a sum, a product or a pooling they are not followed.
/// `accuracy` weighs the batch where a criterion asks for it. Cost: one pass over the values.
/// @throws state_error (wrong_order: without keep_activations, or before the first pass), and what
/// activation_statistics::add throws
template <std::floating_point S>
void observe_outputs(const network<S>& net, activation_statistics& outputs, double accuracy = 1) {
  prunus::detail::observe_weights(net, accuracy, outputs, [&](std::size_t n) {
    return prunus::detail::visible_output(net.resolved(), n);
  });
}

/// Adds what every convolution and linear layer read in the last forward pass, under the names of
/// their weights: one channel for each input channel, of all groups.
/// @throws as observe_outputs
template <std::floating_point S>
void observe_inputs(const network<S>& net, activation_statistics& inputs, double accuracy = 1) {
  prunus::detail::observe_weights(
      net, accuracy, inputs, [&](std::size_t n) { return net.resolved().nodes[n].inputs.front(); });
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
