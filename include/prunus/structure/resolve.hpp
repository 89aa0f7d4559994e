// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/graph.hpp>

#include <array>          // std::array
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint8_t
#include <optional>       // std::optional
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <unordered_map>  // names to numbers
#include <utility>        // std::move
#include <vector>         // std::vector

namespace prunus {
inline namespace v0 {

/// A graph whose names are found, whose order is known and whose shapes fit. Everything that works
/// on graphs starts here.
struct resolved_graph {
  struct node {
    std::string name;
    any_operation operation;
    std::vector<std::size_t> inputs{};     ///< positions in `nodes`, all smaller than its own
    std::vector<std::size_t> consumers{};  ///< positions in `nodes`
    tensor_shape shape{};                  ///< of the result
    bool is_output = false;
    std::vector<parameter_declaration> parameters{};  ///< with their full names
    std::vector<multiply_adds> work{};
    Index fixed_work = 0;           ///< multiply-adds that do not depend on any channel
    bool is_network_input = false;  ///< it is what the network is given

    /// The parameter that the operation calls so ("weight", "bias"), or null.
    [[nodiscard]] const parameter_declaration* find(std::string_view tensor) const noexcept {
      for (const parameter_declaration& p : parameters)
        if (p.tensor == tensor) return &p;
      return nullptr;
    }
  };
  std::vector<node> nodes;  ///< in an order in which they can be computed

  /// @throws argument_error (unknown_name)
  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].name == name) return i;
    throw argument_error(errc::unknown_name, detail::concat("graph: no node is called ", name));
  }
  /// Shapes of the inputs of node `i`.
  [[nodiscard]] std::vector<tensor_shape> input_shapes(std::size_t i) const {
    std::vector<tensor_shape> shapes;
    for (const std::size_t from : nodes[i].inputs) shapes.push_back(nodes[from].shape);
    return shapes;
  }
  /// Shape of the first input of node `i`.
  [[nodiscard]] const tensor_shape& input_shape(std::size_t i) const {
    return nodes[nodes[i].inputs.front()].shape;
  }
};

namespace detail {

/// Positions of the nodes in an order in which they can be computed; the declared order where it
/// serves.
template <class = compiled_on_use>
[[nodiscard]] std::vector<std::size_t> computing_order(
    const graph& declared, const std::vector<std::vector<std::size_t>>& inputs) {
  enum class mark : std::uint8_t { unseen, open, done };
  std::vector<mark> marks(inputs.size(), mark::unseen);
  std::vector<std::size_t> order;
  struct frame {
    std::size_t node, next_input;
  };
  std::vector<frame> stack;  // explicit: deep networks must not exhaust the call stack
  for (std::size_t root = 0; root < inputs.size(); ++root) {
    if (marks[root] != mark::unseen) continue;
    stack.push_back({root, 0});
    marks[root] = mark::open;
    while (!stack.empty()) {
      frame& top = stack.back();
      if (top.next_input == inputs[top.node].size()) {
        marks[top.node] = mark::done;
        order.push_back(top.node);
        stack.pop_back();
        continue;
      }
      const std::size_t next = inputs[top.node][top.next_input++];
      if (marks[next] == mark::open)
        throw graph_error(errc::cycle,
                          concat("graph: ", declared.nodes()[next].name, " feeds itself through ",
                                 declared.nodes()[top.node].name, "; remove one of the edges"));
      if (marks[next] == mark::unseen) {
        marks[next] = mark::open;
        stack.push_back({next, 0});
      }
    }
  }
  return order;
}

/// Asks the operation of node n what it makes of its inputs.
template <class = compiled_on_use>
void describe_node(resolved_graph& graph, std::size_t n) {
  resolved_graph::node& node = graph.nodes[n];
  const auto refuse = [&](errc code, std::string_view why) {
    throw graph_error(code, concat("graph: node ", node.name, ": ", why));
  };
  node_description found;
  try {
    found = node.operation.describe(graph.input_shapes(n));
  } catch (const graph_error& problem) {
    refuse(problem.code(), problem.what());
  }
  const tensor_shape& result = found.shape;
  if (result.channels < 1 || result.height < 1 || result.width < 1 ||
      !product_of({result.channels, result.height, result.width}))
    refuse(errc::bad_node, concat("its result would be ", result.channels, " x ", result.height,
                                  " x ", result.width, ", which is nothing or cannot be counted"));
  if (found.takes_network_inputs)
    for (const std::size_t from : node.inputs)
      if (!graph.nodes[from].is_network_input)
        refuse(errc::bad_node, concat("reads ", graph.nodes[from].name,
                                      "; token numbers come from an input of the network"));
  for (const parameter_declaration& p : found.parameters) {
    const std::optional<Index> size = product_of(p.shape);
    if (p.axes.rank() != static_cast<int>(p.shape.size()) || size.value_or(0) < 1)
      refuse(errc::bad_node, concat("its ", p.name, " has ", p.shape.size(), " extents, ",
                                    p.axes.rank(), " axes and ", size ? concat(*size) : "more",
                                    " values", size ? "" : " than can be counted"));
    const std::array<Index, 4> extents = p.extents();
    if (p.per_channel && extents[0] != found.shape.channels)
      refuse(errc::bad_node, concat("its ", p.name, " has ", extents[0], " outputs for ",
                                    found.shape.channels, " channels of the result"));
    if (p.reads && !p.per_channel)
      refuse(errc::bad_node,
             concat("its ", p.name, " reads channels, but has no output for each of the result"));
    if (p.reads && (p.reads->input >= node.inputs.size() || p.reads->groups < 1 ||
                    product_of({extents[1], p.reads->groups}) !=
                        graph.nodes[node.inputs[p.reads->input]].shape.channels))
      refuse(errc::bad_node,
             concat("its ", p.name, " reads ", extents[1], " channels in ", p.reads->groups,
                    " groups of input ", p.reads->input, ", which has not that many"));
  }
  if (found.fixed_work < 0) refuse(errc::bad_node, concat("its work is ", found.fixed_work));
  const auto channels_of = [&](Index side) {  // 0 where there is no such side
    if (side == multiply_adds::of_result) return found.shape.channels;
    if (side < 0 || side >= static_cast<Index>(node.inputs.size())) return Index{0};
    return graph.nodes[node.inputs[static_cast<std::size_t>(side)]].shape.channels;
  };
  for (const multiply_adds& work : found.work) {
    const Index grouped = channels_of(work.pairs_with.value_or(work.channels));
    if (work.each < 0 || channels_of(work.channels) == 0 || grouped == 0 || work.groups < 1 ||
        grouped % work.groups != 0)
      refuse(errc::bad_node, concat("its work is ", work.each, " for ", work.groups,
                                    " groups of channels that it does not have"));
  }
  node.shape = found.shape;
  node.parameters = std::move(found.parameters);
  for (parameter_declaration& p : node.parameters) {
    p.tensor = std::move(p.name);
    p.name = concat(node.name, ".", p.tensor);
  }
  node.work = std::move(found.work);
  node.fixed_work = found.fixed_work;
  node.is_network_input = found.is_network_input;
}

}  // namespace detail

/// Checks a declared graph and infers its order and shapes.
/// For everything else that follows from a graph see network_structure.
///
/// Cost: linear in nodes and edges.
/// @throws argument_error (unknown_name: an input or output that no node bears; empty_model),
///         graph_error (cycle, bad_node: a number of inputs, shape or attribute that does not fit)
template <class = compiled_on_use>
[[nodiscard]] resolved_graph resolve(const graph& declared) {
  const std::vector<graph_node>& nodes = declared.nodes();
  if (nodes.empty())
    throw argument_error(errc::empty_model, "graph: it has no nodes; declare an input first");
  std::unordered_map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < nodes.size(); ++i) by_name.emplace(nodes[i].name, i);
  const auto find = [&](std::string_view name, std::string_view reader) {
    const auto found = by_name.find(name);
    if (found == by_name.end())
      throw argument_error(errc::unknown_name, detail::concat("graph: ", reader, " reads ", name,
                                                              ", which no node is called"));
    return found->second;
  };
  std::vector<std::vector<std::size_t>> inputs(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (const std::string& from : nodes[i].inputs) inputs[i].push_back(find(from, nodes[i].name));

  const std::vector<std::size_t> order = detail::computing_order(declared, inputs);
  std::vector<std::size_t> position(nodes.size());
  for (std::size_t k = 0; k < order.size(); ++k) position[order[k]] = k;

  resolved_graph result;
  result.nodes.reserve(nodes.size());
  for (const std::size_t i : order) {
    const std::size_t own = result.nodes.size();
    resolved_graph::node& node =
        result.nodes.emplace_back(resolved_graph::node{nodes[i].name, nodes[i].operation});
    for (const std::size_t from : inputs[i]) {
      node.inputs.push_back(position[from]);
      result.nodes[position[from]].consumers.push_back(own);
    }
    detail::describe_node(result, own);
  }
  for (const std::string& name : declared.outputs())
    result.nodes[position[find(name, "the network's output")]].is_output = true;
  if (declared.outputs().empty())
    for (resolved_graph::node& node : result.nodes) node.is_output = node.consumers.empty();
  return result;
}

}  // namespace v0
}  // namespace prunus
