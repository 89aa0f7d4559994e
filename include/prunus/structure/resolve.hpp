// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/axis.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/graph.hpp>

#include <cstddef>        // std::size_t
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <unordered_map>  // names to numbers
#include <variant>        // std::visit, std::holds_alternative
#include <vector>         // std::vector

namespace prunus {
inline namespace v0 {

/// What a tensor of a node is for.
enum class parameter_role : std::uint8_t {
  weight,
  bias,
  scale,
  shift,
  running_mean,
  running_variance,
  table  ///< rows are looked up and multiply nothing
};

/// A tensor that a node owns: its name and its shape in PyTorch's order.
struct parameter_declaration {
  std::string name;
  std::vector<Index> shape;
  parameter_role role = parameter_role::weight;
  bool features_last = false;  ///< rows x features: the out axis is the last one

  /// What the axes of `shape` mean.
  [[nodiscard]] layout axes() const {
    return features_last ? layout("IO") : layout::of_rank(static_cast<int>(shape.size()));
  }
  [[nodiscard]] Index size() const noexcept {
    Index product = 1;
    for (Index extent : shape) product *= extent;
    return product;
  }
};

/// A graph whose names are found, whose order is known and whose shapes fit. Everything that works
/// on graphs starts here.
struct resolved_graph {
  struct node {
    std::string name;
    any_operation operation;
    std::vector<std::size_t> inputs;     ///< positions in `nodes`, all smaller than this node's own
    std::vector<std::size_t> consumers;  ///< positions in `nodes`
    tensor_shape shape;                  ///< of the result
    bool is_output = false;
    std::vector<parameter_declaration> parameters;
    Index products = 0;  ///< multiply-adds of values with values, without any weight: attention
  };
  std::vector<node> nodes;  ///< in an order in which they can be computed

  /// @throws argument_error (unknown_name)
  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].name == name) return i;
    throw argument_error(errc::unknown_name, detail::concat("graph: no node is called ", name));
  }
  /// Shape of the first input of node `i`.
  [[nodiscard]] const tensor_shape& input_shape(std::size_t i) const {
    return nodes[nodes[i].inputs.front()].shape;
  }
};

namespace detail {

/// What an operation makes of the shapes of its inputs. A template, as all that follows: it is
/// compiled where a graph is resolved, not where this header is included.
template <class Node>
struct shape_inference {
  Node& node;
  const std::vector<tensor_shape>& inputs;

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw graph_error(errc::bad_node, concat("graph: node ", node.name, ": ", parts...));
  }
  void expect_inputs(std::size_t least, std::size_t most) const {
    if (inputs.size() < least || inputs.size() > most)
      fail("takes ", least == most ? concat(least) : concat(least, " or more"), " inputs, has ",
           inputs.size());
  }
  [[nodiscard]] const tensor_shape& only_input() const {
    expect_inputs(1, 1);
    return inputs.front();
  }
  void declare(std::string_view suffix, std::vector<Index> shape, parameter_role role) const {
    node.parameters.push_back({concat(node.name, ".", suffix), std::move(shape), role});
  }
  [[nodiscard]] Index windows(Index size, Index kernel, Index stride, Index padding) const {
    if (kernel < 1 || stride < 1 || padding < 0)
      fail("kernel ", kernel, ", stride ", stride, ", padding ", padding,
           " make no window; kernel and stride must be at least 1, padding at least 0");
    if (size + 2 * padding < kernel)
      fail("a kernel of ", kernel, " does not fit into ", size, " positions with padding ",
           padding);
    return (size + 2 * padding - kernel) / stride + 1;
  }

  tensor_shape operator()(const operation::input& op) const {
    expect_inputs(0, 0);
    if (op.shape.channels < 1 || op.shape.height < 1 || op.shape.width < 1)
      fail("the input is ", op.shape.channels, " x ", op.shape.height, " x ", op.shape.width,
           "; every extent must be at least 1");
    return op.shape;
  }
  tensor_shape operator()(const operation::convolution& op) const {
    const tensor_shape& in = only_input();
    if (op.out_channels < 1) fail("out_channels is ", op.out_channels, "; it must be at least 1");
    if (op.groups < 1 || in.channels % op.groups != 0 || op.out_channels % op.groups != 0)
      fail(op.groups, " groups do not divide ", in.channels, " input and ", op.out_channels,
           " output channels");
    const tensor_shape out{
        op.out_channels, windows(in.height, op.kernel.height, op.stride.height, op.padding.height),
        windows(in.width, op.kernel.width, op.stride.width, op.padding.width)};
    declare("weight", {op.out_channels, in.channels / op.groups, op.kernel.height, op.kernel.width},
            parameter_role::weight);
    if (op.bias) declare("bias", {op.out_channels}, parameter_role::bias);
    return out;
  }
  tensor_shape operator()(const operation::linear& op) const {
    const tensor_shape& in = only_input();
    if (op.out_features < 1) fail("out_features is ", op.out_features, "; it must be at least 1");
    declare("weight", {op.out_features, in.channels}, parameter_role::weight);
    if (op.bias) declare("bias", {op.out_features}, parameter_role::bias);
    return {op.out_features, in.height, in.width};
  }
  tensor_shape operator()(const operation::batch_norm&) const {
    const tensor_shape& in = only_input();
    declare("weight", {in.channels}, parameter_role::scale);
    declare("bias", {in.channels}, parameter_role::shift);
    declare("running_mean", {in.channels}, parameter_role::running_mean);
    declare("running_var", {in.channels}, parameter_role::running_variance);
    return in;
  }
  tensor_shape operator()(const operation::layer_norm&) const {
    const tensor_shape& in = only_input();
    declare("weight", {in.channels}, parameter_role::scale);
    declare("bias", {in.channels}, parameter_role::shift);
    return in;
  }
  tensor_shape operator()(const operation::activation&) const { return only_input(); }
  tensor_shape operator()(const operation::dropout& op) const {
    if (!(op.rate >= 0 && op.rate < 1))
      fail("the dropout rate is ", op.rate, "; it must lie in [0, 1)");
    return only_input();
  }
  tensor_shape operator()(const operation::add&) const {
    expect_inputs(2, std::size_t(-1));
    for (const tensor_shape& other : inputs)
      if (other != inputs.front())
        fail("adds ", inputs.front().channels, " x ", inputs.front().height, " x ",
             inputs.front().width, " and ", other.channels, " x ", other.height, " x ", other.width,
             "; the shapes must agree");
    return inputs.front();
  }
  tensor_shape operator()(const operation::multiply&) const {
    expect_inputs(2, std::size_t(-1));
    tensor_shape full = inputs.front();
    for (const tensor_shape& other : inputs)
      if (other.plane() > full.plane()) full = other;
    for (const tensor_shape& other : inputs)
      if (other.channels != full.channels || (other != full && other.plane() != 1))
        fail("multiplies ", full.channels, " x ", full.height, " x ", full.width, " with ",
             other.channels, " x ", other.height, " x ", other.width,
             "; a factor has the same shape, or as many channels and one position");
    return full;
  }
  tensor_shape operator()(const operation::concat&) const {
    expect_inputs(1, std::size_t(-1));
    tensor_shape sum = inputs.front();
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      if (inputs[i].height != sum.height || inputs[i].width != sum.width)
        fail("joins planes of ", sum.height, " x ", sum.width, " and ", inputs[i].height, " x ",
             inputs[i].width, "; they must be equal");
      sum.channels += inputs[i].channels;
    }
    return sum;
  }
  tensor_shape operator()(const operation::pad_channels& op) const {
    const tensor_shape& in = only_input();
    if (op.before < 0 || op.after < 0)
      fail("pads with ", op.before, " and ", op.after, " channels; neither number may be negative");
    return {op.before + in.channels + op.after, in.height, in.width};
  }
  tensor_shape operator()(const operation::flatten&) const { return {only_input().size(), 1, 1}; }
  tensor_shape operator()(const operation::pooling& op) const {
    const tensor_shape& in = only_input();
    if (2 * op.padding.height > op.kernel.height || 2 * op.padding.width > op.kernel.width)
      fail("padding ", op.padding.height, " x ", op.padding.width, " is more than half the kernel");
    return {in.channels, windows(in.height, op.kernel.height, op.stride.height, op.padding.height),
            windows(in.width, op.kernel.width, op.stride.width, op.padding.width)};
  }
  tensor_shape operator()(const operation::global_pooling&) const {
    return {only_input().channels, 1, 1};
  }
  tensor_shape operator()(const operation::upsampling& op) const {
    const tensor_shape& in = only_input();
    if (op.factor.height < 1 || op.factor.width < 1) fail("the factor must be at least 1");
    return {in.channels, in.height * op.factor.height, in.width * op.factor.width};
  }
  tensor_shape operator()(const operation::split_heads& op) const {
    const tensor_shape& in = only_input();
    if (op.heads < 1 || in.channels % op.heads != 0)
      fail(op.heads, " heads do not divide ", in.channels, " channels");
    return {op.heads, in.channels / op.heads * in.height, in.width};
  }
  tensor_shape operator()(const operation::merge_heads& op) const {
    const tensor_shape& in = only_input();
    if (op.features < 1 || in.height % op.features != 0)
      fail(op.features, " features a head do not divide ", in.height, " rows");
    return {in.channels * op.features, in.height / op.features, in.width};
  }
  tensor_shape operator()(const operation::attention& op) const {
    expect_inputs(3, 3);
    const tensor_shape &query = inputs[0], &key = inputs[1], &value = inputs[2];
    if (op.heads < 1 || query.channels % op.heads != 0 || value.channels % op.heads != 0)
      fail(op.heads, " heads do not divide ", query.channels, " channels of the query and ",
           value.channels, " of the value");
    if (key.channels != query.channels || key.plane() != value.plane())
      fail("the query has ", query.channels, " channels, the key ", key.channels, " at ",
           key.plane(), " positions, the value ", value.plane(),
           " positions; query and key need equal channels, key and value equal positions");
    node.products = query.plane() * key.plane() * (query.channels + value.channels);
    return {value.channels, query.height, query.width};
  }
  tensor_shape operator()(const operation::embedding& op) const {
    const tensor_shape& in = only_input();
    if (op.vocabulary < 1 || op.features < 1 || in.channels != 1)
      fail("a vocabulary of ", op.vocabulary, " and ", op.features, " features for ", in.channels,
           " channels; the first two must be at least 1, tokens have 1 channel");
    node.parameters.push_back(
        {concat(node.name, ".weight"), {op.vocabulary, op.features}, parameter_role::table, true});
    return {op.features, in.height, in.width};
  }
  tensor_shape operator()(const operation::position_embedding&) const {
    const tensor_shape& in = only_input();
    node.parameters.push_back(
        {concat(node.name, ".weight"), {in.plane(), in.channels}, parameter_role::bias, true});
    return in;
  }
};

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

}  // namespace detail

/// Checks a declared graph and infers its order and shapes.
///
/// Cost: linear in nodes and edges.
/// @throws argument_error (unknown_name: an input or output that no node bears; empty_model),
///         graph_error (cycle, bad_node: a number of inputs, shape or attribute that does not fit)
template <class Node = resolved_graph::node>
[[nodiscard]] inline resolved_graph resolve(const graph& declared) {
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
  for (std::size_t i : order) {
    Node node{nodes[i].name, nodes[i].operation, {}, {}, {}, false, {}, 0};
    std::vector<tensor_shape> shapes;
    for (std::size_t from : inputs[i]) {
      node.inputs.push_back(position[from]);
      shapes.push_back(result.nodes[position[from]].shape);
      result.nodes[position[from]].consumers.push_back(result.nodes.size());
    }
    const detail::shape_inference<Node> infer{node, shapes};
    node.shape = std::visit(infer, node.operation);
    if (node.operation.template is<operation::embedding>() &&
        !result.nodes[node.inputs.front()].operation.template is<operation::input>())
      infer.fail("reads ", result.nodes[node.inputs.front()].name,
                 "; token numbers come from an input of the network");
    result.nodes.push_back(std::move(node));
  }
  for (const std::string& name : declared.outputs())
    result.nodes[position[find(name, "the network's output")]].is_output = true;
  if (declared.outputs().empty())
    for (resolved_graph::node& node : result.nodes) node.is_output = node.consumers.empty();
  return result;
}

}  // namespace v0
}  // namespace prunus
