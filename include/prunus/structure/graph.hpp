// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/operations/activation.hpp>
#include <prunus/structure/operations/add.hpp>
#include <prunus/structure/operations/attention.hpp>
#include <prunus/structure/operations/batch_norm.hpp>
#include <prunus/structure/operations/concat.hpp>
#include <prunus/structure/operations/convolution.hpp>
#include <prunus/structure/operations/dropout.hpp>
#include <prunus/structure/operations/embedding.hpp>
#include <prunus/structure/operations/flatten.hpp>
#include <prunus/structure/operations/global_pooling.hpp>
#include <prunus/structure/operations/input.hpp>
#include <prunus/structure/operations/layer_norm.hpp>
#include <prunus/structure/operations/linear.hpp>
#include <prunus/structure/operations/merge_heads.hpp>
#include <prunus/structure/operations/multiply.hpp>
#include <prunus/structure/operations/opaque.hpp>
#include <prunus/structure/operations/pad_channels.hpp>
#include <prunus/structure/operations/pooling.hpp>
#include <prunus/structure/operations/position_embedding.hpp>
#include <prunus/structure/operations/split_heads.hpp>
#include <prunus/structure/operations/upsampling.hpp>

#include <initializer_list>  // inputs in calls
#include <string>            // std::string
#include <string_view>       // std::string_view
#include <type_traits>       // std::type_identity_t
#include <utility>           // std::move
#include <vector>            // std::vector

namespace prunus {
inline namespace v0 {

/// One operation of a declared graph. Its result is a tensor that bears the node's name; its
/// parameters are called "<name>.weight", "<name>.bias", and so on, unless a table of names says
/// otherwise (see network_structure).
struct graph_node {
  std::string name;
  any_operation operation;
  std::vector<std::string> inputs;  ///< names of the nodes whose results it takes
  friend bool operator==(const graph_node&, const graph_node&) = default;
};

/// A network as a declaration: operations, who feeds whom, and nothing else. A value; it holds no
/// weights.
///
/// Nodes may be declared in any order. `resolve(graph)` checks the whole and infers the shapes.
///
///     prunus::graph g;
///     g.input("image", {3, 32, 32});
///     g.convolution("conv1", "image", {.out_channels = 16, .kernel = 3, .padding = 1});
///     g.batch_norm("bn1", "conv1");
///     g.relu("relu1", "bn1");
///     g.linear("fc", g.flatten("flat", "relu1"), {.out_features = 10});
///
/// Every function returns the name of the node, so that calls can be nested. Each throws
/// argument_error (duplicate_name) when the name is taken and leaves the graph as it was.
///
/// They are templates so that a program compiles those that it calls; `Operation` is not to be
/// chosen.
class graph {
 public:
  template <class Operation = operation::input>
  std::string input(std::string name, tensor_shape shape) {
    return node(std::move(name), Operation{shape}, {});
  }
  template <class Operation = operation::convolution>
  std::string convolution(std::string name, std::string_view from,
                          const std::type_identity_t<Operation>& attributes) {
    return node(std::move(name), attributes, {from});
  }
  template <class Operation = operation::linear>
  std::string linear(std::string name, std::string_view from,
                     const std::type_identity_t<Operation>& attributes) {
    return node(std::move(name), attributes, {from});
  }
  template <class Operation = operation::batch_norm>
  std::string batch_norm(std::string name, std::string_view from,
                         const std::type_identity_t<Operation>& attributes = {}) {
    return node(std::move(name), attributes, {from});
  }
  template <class Operation = operation::layer_norm>
  std::string layer_norm(std::string name, std::string_view from,
                         const std::type_identity_t<Operation>& attributes = {}) {
    return node(std::move(name), attributes, {from});
  }
  template <class Operation = operation::activation>
  std::string activation(std::string name, std::string_view from,
                         const std::type_identity_t<Operation>& attributes) {
    return node(std::move(name), attributes, {from});
  }
  template <class Operation = operation::activation>
  std::string relu(std::string name, std::string_view from) {
    return node(std::move(name), Operation{operation::activation_function::relu}, {from});
  }
  template <class Operation = operation::add>
  std::string add(std::string name, std::initializer_list<std::string_view> from) {
    return node(std::move(name), Operation{}, from);
  }
  template <class Operation = operation::multiply>
  std::string multiply(std::string name, std::initializer_list<std::string_view> from) {
    return node(std::move(name), Operation{}, from);
  }
  template <class Operation = operation::concat>
  std::string concat(std::string name, std::initializer_list<std::string_view> from) {
    return node(std::move(name), Operation{}, from);
  }
  template <class Operation = operation::pad_channels>
  std::string pad_channels(std::string name, std::string_view from,
                           const std::type_identity_t<Operation>& attributes) {
    return node(std::move(name), attributes, {from});
  }
  template <class Operation = operation::flatten>
  std::string flatten(std::string name, std::string_view from,
                      const std::type_identity_t<Operation>& attributes = {}) {
    return node(std::move(name), attributes, {from});
  }
  template <class Operation = operation::pooling>
  std::string max_pooling(std::string name, std::string_view from, extent2 window, extent2 stride,
                          extent2 padding = 0) {
    return node(std::move(name),
                Operation{operation::pooling_function::max, window, stride, padding}, {from});
  }
  template <class Operation = operation::pooling>
  std::string average_pooling(std::string name, std::string_view from, extent2 window,
                              extent2 stride, extent2 padding = 0) {
    return node(std::move(name),
                Operation{operation::pooling_function::average, window, stride, padding}, {from});
  }
  template <class Operation = operation::global_pooling>
  std::string global_average_pooling(std::string name, std::string_view from) {
    return node(std::move(name), Operation{operation::pooling_function::average}, {from});
  }
  template <class Operation = operation::global_pooling>
  std::string global_max_pooling(std::string name, std::string_view from) {
    return node(std::move(name), Operation{operation::pooling_function::max}, {from});
  }
  template <class Operation = operation::upsampling>
  std::string upsampling(std::string name, std::string_view from, extent2 factor) {
    return node(std::move(name), Operation{factor}, {from});
  }
  template <class Operation = operation::split_heads>
  std::string split_heads(std::string name, std::string_view from, Index heads) {
    return node(std::move(name), Operation{heads}, {from});
  }
  template <class Operation = operation::merge_heads>
  std::string merge_heads(std::string name, std::string_view from, Index features) {
    return node(std::move(name), Operation{features}, {from});
  }
  template <class Operation = operation::attention>
  std::string attention(std::string name, std::string_view query, std::string_view key,
                        std::string_view value, Index heads) {
    return node(std::move(name), Operation{heads}, {query, key, value});
  }
  template <class Operation = operation::embedding>
  std::string embedding(std::string name, std::string_view from,
                        const std::type_identity_t<Operation>& attributes) {
    return node(std::move(name), attributes, {from});
  }
  template <class Operation = operation::position_embedding>
  std::string position_embedding(std::string name, std::string_view from) {
    return node(std::move(name), Operation{}, {from});
  }
  template <class Operation = operation::dropout>
  std::string dropout(std::string name, std::string_view from, double rate) {
    return node(std::move(name), Operation{rate}, {from});
  }

  template <class Operation = operation::opaque>
  std::string opaque(std::string name, std::initializer_list<std::string_view> from,
                     const std::type_identity_t<Operation>& attributes) {
    return node(std::move(name), attributes, from);
  }

  /// Any node; what the functions above call, and the way for operations of your own:
  /// `g.node("shuffle1", channel_shuffle{.groups = 2}, {"conv1"})`.
  std::string node(std::string name, any_operation operation,
                   std::initializer_list<std::string_view> from) {
    std::vector<std::string> inputs;
    for (std::string_view input : from) inputs.emplace_back(input);
    return add_node({std::move(name), std::move(operation), std::move(inputs)});
  }
  std::string add_node(graph_node added) {
    if (added.name.empty()) throw argument_error(errc::unknown_name, "graph: a node needs a name");
    for (const graph_node& other : nodes_)
      if (other.name == added.name)
        throw argument_error(errc::duplicate_name,
                             detail::concat("graph: a node called ", added.name,
                                            " exists already; every node needs its own name"));
    nodes_.push_back(std::move(added));
    return nodes_.back().name;
  }

  /// Marks a result of the network. Without any mark, the results are the nodes that nobody reads.
  void output(std::string_view name) { outputs_.emplace_back(name); }

  [[nodiscard]] const std::vector<graph_node>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] const std::vector<std::string>& outputs() const noexcept { return outputs_; }
  friend bool operator==(const graph&, const graph&) = default;

 private:
  std::vector<graph_node> nodes_;
  std::vector<std::string> outputs_;
};

}  // namespace v0
}  // namespace prunus
