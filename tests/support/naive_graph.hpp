// SPDX-License-Identifier: MIT
#pragma once

// An oracle that shares nothing with the library but the declaration of a graph: nodes, their
// attributes and who reads whom. Order, shapes, parameters and counts are its own; operations are
// the loops of naive_operations.hpp.

#include <prunus/core/model.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/structure/graph.hpp>

#include "support/naive_operations.hpp"

#include <cstddef>     // std::size_t
#include <functional>  // std::function
#include <map>         // std::map
#include <stdexcept>   // std::logic_error
#include <string>      // std::string
#include <utility>     // std::move
#include <vector>      // std::vector

namespace naive {

/// A weight in PyTorch's order, whatever its memory order.
template <class S>
values in_usual_order(const prunus::weight_view<S>& w) {
  values result;
  for (Index o = 0; o < w.extent(prunus::axis::out); ++o)
    for (Index i = 0; i < w.extent(prunus::axis::in); ++i)
      for (Index y = 0; y < w.extent(prunus::axis::height); ++y)
        for (Index x = 0; x < w.extent(prunus::axis::width); ++x)
          result.push_back(static_cast<double>(w(o, i, y, x)));
  return result;
}
template <class S>
named_values tensors_of(const prunus::model<S>& net) {
  named_values result;
  for (const prunus::parameter<S>& p : net.parameters()) result[p.name] = in_usual_order(p.weight);
  return result;
}
template <class S>
named_values tensors_of(const prunus::named_tensors<S>& owned) {
  named_values result;
  for (const prunus::named_tensor<S>& t : owned) result[t.name] = in_usual_order(t.view());
  return result;
}

/// A node and what the oracle makes of it.
struct node {
  std::string name;
  std::vector<std::size_t> inputs;  ///< positions among the nodes
  naive::operation operation;
};

/// Results of all nodes and what they took.
struct evaluation {
  std::vector<std::string> names;  ///< in the order of computation
  std::vector<values> results;     ///< in the same order
  Index macs = 0;
  Index trained = 0;  ///< values that training changes
  Index stored = 0;   ///< all values of the tensors

  const values& of(const std::string& name) const {
    for (std::size_t n = 0; n < names.size(); ++n)
      if (names[n] == name) return results[n];
    throw std::logic_error("naive: no node is called " + name);
  }
};

/// Knows the naive twins of the library's operations and of those that it was taught.
class evaluator {
 public:
  evaluator() {
    knows<prunus::operation::input, prunus::operation::convolution, prunus::operation::linear,
          prunus::operation::batch_norm, prunus::operation::layer_norm,
          prunus::operation::activation, prunus::operation::add, prunus::operation::multiply,
          prunus::operation::concat, prunus::operation::pad_channels, prunus::operation::flatten,
          prunus::operation::pooling, prunus::operation::global_pooling,
          prunus::operation::upsampling, prunus::operation::split_heads,
          prunus::operation::merge_heads, prunus::operation::attention,
          prunus::operation::embedding, prunus::operation::position_embedding,
          prunus::operation::dropout>();
  }
  /// Adds an operation: `twin(const Operation&, const shapes&)` is its naive::operation. What was
  /// taught last counts.
  template <class Operation, class Twin>
  evaluator& teach(Twin twin_of) {
    twins_.push_back(
        [twin_of](const prunus::any_operation& op, const shapes& from, naive::operation& result) {
          const Operation* own = op.as<Operation>();
          if (own != nullptr) result = twin_of(*own, from);
          return own != nullptr;
        });
    return *this;
  }

  /// The nodes in an order in which they can be computed: round after round, in the order of
  /// declaration, those whose inputs are there. So that is the declared order where it serves.
  std::vector<node> nodes_of(const prunus::graph& declared) const {
    std::vector<node> result;
    std::map<std::string, std::size_t> position;
    std::size_t before = 0;
    do {
      before = result.size();
      for (const prunus::graph_node& d : declared.nodes()) {
        if (position.count(d.name) != 0) continue;
        std::vector<std::size_t> inputs;
        shapes from;
        for (const std::string& name : d.inputs) {
          if (position.count(name) == 0) break;
          inputs.push_back(position[name]);
          from.push_back(result[position[name]].operation.shape);
        }
        if (inputs.size() < d.inputs.size()) continue;
        position[d.name] = result.size();
        result.push_back({d.name, inputs, operation_of(d, from)});
      }
    } while (result.size() > before);
    if (result.size() != declared.nodes().size())
      throw std::logic_error("naive: not all nodes can be computed");
    return result;
  }

  /// Evaluates one sample. `given`: the values of each input node by its name.
  evaluation evaluate(const prunus::graph& declared, const named_values& weights,
                      const named_values& given) const {
    evaluation result;
    tensors computed_so_far;
    for (const node& n : nodes_of(declared)) {
      tensors inputs;
      for (const std::size_t from : n.inputs) inputs.push_back(computed_so_far[from]);
      named_values parameters;
      for (const parameter& p : n.operation.parameters) {
        const values& w = weights.at(n.name + "." + p.suffix);
        expect(n.name + "." + p.suffix, w, p.size());
        parameters[p.suffix] = w;
        result.trained += p.trained ? p.size() : 0;
        result.stored += p.size();
      }
      computed made = n.operation.compute ? n.operation.compute(inputs, parameters)
                                          : computed{given.at(n.name)};
      const shape& s = n.operation.shape;
      expect(n.name, made.data, s.channels * s.height * s.width);
      computed_so_far.push_back({s, made.data});
      result.names.push_back(n.name);
      result.results.push_back(std::move(made.data));
      result.macs += made.macs;
    }
    return result;
  }

 private:
  template <class... Operations>
  void knows() {
    (teach<Operations>([](const Operations& op, const shapes& from) { return twin(op, from); }),
     ...);
  }
  naive::operation operation_of(const prunus::graph_node& declared, const shapes& from) const {
    naive::operation result;
    for (auto known = twins_.rbegin(); known != twins_.rend(); ++known)
      if ((*known)(declared.operation, from, result)) return result;
    throw std::logic_error("naive: nobody taught the operation of " + declared.name);
  }
  static void expect(const std::string& name, const values& found, Index size) {
    if (static_cast<Index>(found.size()) != size)
      throw std::logic_error("naive: " + name + " has " + std::to_string(found.size()) +
                             " values, not " + std::to_string(size));
  }

  std::vector<std::function<bool(const prunus::any_operation&, const shapes&, naive::operation&)>>
      twins_;
};

inline evaluation evaluate(const prunus::graph& declared, const named_values& weights,
                           const named_values& given) {
  return evaluator().evaluate(declared, weights, given);
}

/// What was declared of a resolved network: names, operations and who reads whom, in its order.
template <class Network>
prunus::graph declaration_of(const Network& network) {
  prunus::graph declared;
  for (const auto& n : network.nodes) {
    std::vector<std::string> inputs;
    for (const std::size_t from : n.inputs) inputs.push_back(network.nodes[from].name);
    declared.add_node({n.name, n.operation, inputs});
  }
  return declared;
}
/// The same; results stand in the order of `network.nodes`.
template <class Network>
evaluation evaluate(const Network& network, const named_values& weights,
                    const named_values& given) {
  return evaluate(declaration_of(network), weights, given);
}

}  // namespace naive
