// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>  // std::min
#include <cstddef>    // std::size_t
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

inline constexpr std::size_t no_node = static_cast<std::size_t>(-1);

/// Which nodes are computed, which of them have a gradient, and which share their memory with
/// another node.
struct memory_plan {
  std::size_t output = no_node;
  std::vector<bool> live;                ///< the output depends on it
  std::vector<bool> differentiated;      ///< live, and some parameter stands before it
  std::vector<std::size_t> value_owner;  ///< the node whose buffer holds the result
  std::vector<std::size_t>
      gradient_owner;  ///< the node whose buffer holds the gradient of the result
  std::vector<std::vector<bool>>
      accumulate;  ///< for each input: its gradient has a share of another already

  /// The only live consumer of `i`, or no_node when there are several or the caller wants the
  /// value.
  [[nodiscard]] std::size_t only_consumer(const resolved_graph& graph, std::size_t i) const {
    std::size_t found = no_node;
    for (std::size_t consumer : graph.nodes[i].consumers) {
      if (!live[consumer]) continue;
      if (found != no_node) return no_node;
      found = consumer;
    }
    return i == output ? no_node : found;
  }
};

/// `inner` are nodes whose gradient the caller begins.
/// @throws argument_error (unsupported) unless the graph has exactly one output, and for inner
/// nodes
///         that it does not depend on or that no parameter stands before
[[nodiscard]] inline memory_plan plan_memory(const resolved_graph& graph,
                                             const std::vector<layer_traits>& traits, bool share,
                                             const std::vector<std::size_t>& inner = {}) {
  const std::size_t count = graph.nodes.size();
  memory_plan plan;
  for (std::size_t i = 0; i < count; ++i) {
    if (!graph.nodes[i].is_output) continue;
    if (plan.output != no_node)
      throw argument_error(
          errc::unsupported,
          concat("network: both ", graph.nodes[plan.output].name, " and ", graph.nodes[i].name,
                 " are outputs; a network has one, mark it with graph.output(name)"));
    plan.output = i;
  }
  plan.live.assign(count, false);
  plan.differentiated.assign(count, false);
  plan.live[plan.output] = true;
  for (std::size_t i = count; i-- > 0;)
    if (plan.live[i])
      for (std::size_t input : graph.nodes[i].inputs) plan.live[input] = true;
  for (std::size_t i = 0; i < count; ++i) {
    plan.differentiated[i] = plan.live[i] && !graph.nodes[i].parameters.empty();
    for (std::size_t input : graph.nodes[i].inputs)
      if (plan.live[i] && plan.differentiated[input]) plan.differentiated[i] = true;
  }

  for (std::size_t i : inner)
    if (!plan.differentiated[i])
      throw argument_error(
          errc::unsupported,
          concat("network: ", graph.nodes[i].name,
                 " cannot have a loss of its own: no parameter stands before it, or "
                 "the output does not depend on it"));

  plan.value_owner.resize(count);
  plan.gradient_owner.resize(count);
  for (std::size_t i = 0; i < count; ++i) plan.value_owner[i] = plan.gradient_owner[i] = i;
  std::vector<bool> fixed(count, false);  // buffers whose contents somebody needs later
  for (std::size_t i = 0; i < count && share; ++i) {
    const resolved_graph::node& node = graph.nodes[i];
    for (std::size_t k = 0; k < std::min(traits[i].overwrites, node.inputs.size()); ++k) {
      const std::size_t input = node.inputs[k], owner = plan.value_owner[input];
      if (plan.only_consumer(graph, input) != i || (fixed[owner] && !traits[i].reshapes)) continue;
      plan.value_owner[i] = owner;
      break;
    }
    if (traits[i].needs_result) fixed[plan.value_owner[i]] = true;
  }
  for (std::size_t i = count; i-- > 0 && share;) {
    if (!traits[i].backward_in_place) continue;
    for (std::size_t input : graph.nodes[i].inputs)
      if (plan.differentiated[input] && plan.only_consumer(graph, input) == i) {
        plan.gradient_owner[input] = plan.gradient_owner[i];
        break;
      }
  }

  plan.accumulate.resize(count);
  std::vector<bool> written(count, false);
  for (std::size_t i : inner) written[i] = true;
  for (std::size_t i = count; i-- > 0;) {
    if (!plan.live[i]) continue;
    for (std::size_t input : graph.nodes[i].inputs) {
      plan.accumulate[i].push_back(written[input]);
      written[input] = true;
    }
  }
  return plan;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
