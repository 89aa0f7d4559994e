// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/structure/constant_inputs.hpp>
#include <prunus/structure/detail/tensor_extents.hpp>
#include <prunus/structure/resolve.hpp>
#include <prunus/structure/tensor_reader.hpp>

#include <cstddef>  // std::size_t
#include <memory>   // std::make_shared, std::shared_ptr
#include <utility>  // std::move
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The tensors of each node, in the order of its declarations.
using bound_tensors = std::vector<std::vector<std::shared_ptr<const tensor_reader>>>;

/// @throws argument_error (unknown_name), shape_error (shape_mismatch)
template <weight_scalar S>
[[nodiscard]] bound_tensors bind(const resolved_graph& network, const model<S>& net) {
  bound_tensors result;
  for (const resolved_graph::node& node : network.nodes) {
    auto& tensors = result.emplace_back();
    for (const parameter_declaration& p : node.parameters) {
      const parameter<S>* found = net.find(p.name);
      if (found == nullptr)
        throw argument_error(errc::unknown_name,
                             concat("plan_removal: the graph has ", p.name,
                                    ", the model does not; add it, running statistics too"));
      if (p.extents() != extents_of(found->weight))
        throw shape_error(
            errc::shape_mismatch,
            concat("plan_removal: the graph declares ", p.name, " as ", text_of(p.extents()),
                   " (out x in x height x width), the model's is ",
                   text_of(extents_of(found->weight))));
      tensors.push_back(std::make_shared<view_reader<S>>(found->weight));
    }
  }
  return result;
}

/// Values of all channels of all results (per node and channel), by abstract interpretation with
/// the actual weights. `ignore_padding` treats zero padding as if it continued a constant.
/// @throws graph_error (bad_node) where an operation speaks of another number of channels
template <class = compiled_on_use>
[[nodiscard]] std::vector<std::vector<channel_value>> find_channel_values(
    const resolved_graph& network, const bound_tensors& tensors, bool ignore_padding) {
  std::vector<std::vector<channel_value>> values;
  values.reserve(network.nodes.size());
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    const resolved_graph::node& node = network.nodes[n];
    std::vector<const std::vector<channel_value>*> inputs;
    for (const std::size_t from : node.inputs) inputs.push_back(&values[from]);
    try {
      values.push_back(
          node.operation.constants({std::move(inputs), network.input_shapes(n), node.shape,
                                    node.parameters, tensors[n], n, ignore_padding}));
    } catch (const graph_error& problem) {
      throw graph_error(problem.code(), concat("graph: node ", node.name, ": ", problem.what()));
    }
    if (static_cast<Index>(values.back().size()) != node.shape.channels)
      throw graph_error(
          errc::bad_node,
          concat("graph: node ", node.name, ": ", node.operation.kind(), " says what ",
                 values.back().size(), " channels hold; its result has ", node.shape.channels));
  }
  return values;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
