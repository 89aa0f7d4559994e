// SPDX-License-Identifier: MIT
#pragma once

// Small random networks for property tests: every operation, random wiring, random weights in
// random memory orders.

#include <prunus/core/model.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/resolve.hpp>

#include "support/naive_graph.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::next_permutation, std::swap
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <string>     // std::string
#include <vector>     // std::vector

namespace random_graph {

using prunus::Index;

using source = support::random_source;

template <class T>
const T& pick(source& random, const std::vector<T>& from) {
  return from[static_cast<std::size_t>(random.between(0, static_cast<Index>(from.size()) - 1))];
}

/// Declares a network node by node and knows the shapes while doing so.
class builder {
 public:
  explicit builder(source& random) : random_(random) {
    add(graph_.input("image",
                     {random_.between(2, 4), random_.between(5, 8), random_.between(5, 8)}));
    const Index steps = random_.between(4, 9);
    for (Index s = 0; s < steps; ++s) step();
    head();
  }
  const prunus::graph& result() const { return graph_; }

 private:
  struct made {
    std::string name;
    prunus::tensor_shape shape;
  };
  std::string next(const char* kind) { return kind + std::to_string(count_++); }
  const made& add(const std::string& name) {
    const prunus::resolved_graph network = prunus::resolve(graph_);
    made_.push_back({name, network.nodes[network.index_of(name)].shape});
    return made_.back();
  }
  made any() { return random_.chance(0.6) ? made_.back() : pick(random_, made_); }

  made convolution(const made& from, Index out) {
    prunus::operation::convolution op{.out_channels = out, .bias = random_.chance(0.5)};
    if (from.shape.height >= 3 && from.shape.width >= 3 && random_.chance(0.6)) {
      op.kernel = 3;
      op.padding = random_.chance(0.5) ? 1 : 0;
      if (random_.chance(0.2)) op.stride = 2;
    }
    return add(graph_.convolution(next("conv"), from.name, op));
  }
  made same_size(const made& from, Index out) {
    const bool wide = random_.chance(0.5);
    return add(graph_.convolution(next("conv"), from.name,
                                  {.out_channels = out,
                                   .kernel = wide ? 3 : 1,
                                   .padding = wide ? 1 : 0,
                                   .bias = random_.chance(0.5)}));
  }
  made grouped(const made& from) {
    const Index c = from.shape.channels;
    const bool depth_wise = random_.chance(0.5) || c % 2 != 0;
    const Index groups = depth_wise ? c : 2;
    const bool wide = from.shape.height >= 3 && from.shape.width >= 3 && random_.chance(0.6);
    return add(graph_.convolution(next("conv"), from.name,
                                  {.out_channels = groups * random_.between(1, depth_wise ? 2 : 3),
                                   .kernel = wide ? 3 : 1,
                                   .padding = wide && random_.chance(0.6) ? 1 : 0,
                                   .groups = groups,
                                   .bias = random_.chance(0.5)}));
  }
  made activation(const made& from) {
    using kind = prunus::operation::activation_function;
    const std::vector<kind> kinds{kind::relu,       kind::relu,    kind::leaky_relu, kind::relu6,
                                  kind::sigmoid,    kind::tanh,    kind::silu,       kind::gelu,
                                  kind::hard_swish, kind::identity};
    return add(graph_.activation(next("act"), from.name, {pick(random_, kinds)}));
  }
  void step() {
    const made from = any();
    const Index plane = from.shape.plane();
    switch (random_.between(0, 14)) {
      case 0:
      case 1:
        convolution(from, random_.between(3, 8));
        break;
      case 2:
        add(graph_.batch_norm(next("bn"), convolution(from, random_.between(3, 6)).name));
        break;
      case 3:
        activation(add(graph_.batch_norm(next("bn"), from.name)));
        break;
      case 4:
        activation(from);
        break;
      case 5: {  // residual block, the shortcut as it is
        const made inner = activation(same_size(from, random_.between(3, 6)));
        activation(
            add(graph_.add(next("sum"), {from.name, same_size(inner, from.shape.channels).name})));
        break;
      }
      case 6: {  // residual block, both branches computed
        const Index out = random_.between(3, 6);
        add(graph_.add(next("sum"), {same_size(from, out).name, same_size(from, out).name}));
        break;
      }
      case 7:
        if (from.shape.channels > 12) break;
        add(graph_.concat(next("cat"), {from.name, same_size(from, random_.between(3, 5)).name}));
        break;
      case 8:
        grouped(random_.chance(0.5) ? from
                                    : activation(convolution(from, 2 * random_.between(2, 4))));
        break;
      case 9: {
        const bool padded = random_.chance(0.4);
        if (from.shape.height < 3 || from.shape.width < 3) break;
        const std::string name = next("pool");
        if (random_.chance(0.5))
          add(graph_.max_pooling(name, from.name, padded ? 3 : 2, 2, padded ? 1 : 0));
        else
          add(graph_.average_pooling(name, from.name, padded ? 3 : 2, 2, padded ? 1 : 0));
        break;
      }
      case 10:
        if (plane <= 16) add(graph_.upsampling(next("up"), from.name, 2));
        break;
      case 11: {  // a gate over the channels
        const made pooled =
            add(random_.chance(0.5) ? graph_.global_average_pooling(next("gap"), from.name)
                                    : graph_.global_max_pooling(next("gmp"), from.name));
        const made squeezed = activation(same_size(pooled, random_.between(3, 5)));
        const made gate = activation(same_size(squeezed, from.shape.channels));
        add(graph_.multiply(next("gate"), {from.name, gate.name}));
        break;
      }
      case 12: {
        if (random_.chance(0.4)) {
          add(graph_.layer_norm(next("ln"), from.name));
        } else if (random_.chance(0.5)) {  // value features differ from those of query and key
          const Index heads = random_.between(2, 4), features = random_.between(1, 3);
          const made query = same_size(from, heads * features);
          const made key = random_.chance(0.2) ? query : same_size(from, heads * features);
          const made value = same_size(from, heads * random_.between(1, 3));
          const made mixed =
              add(graph_.attention(next("attention"), query.name, key.name, value.name, heads));
          same_size(random_.chance(0.3)
                        ? add(graph_.position_embedding(next("positions"), mixed.name))
                        : mixed,
                    random_.between(3, 5));
        } else {
          const Index features = random_.between(1, 2), heads = random_.between(2, 4);
          const made before = same_size(from, heads * features);
          const std::string split = graph_.split_heads(next("split"), before.name, heads);
          add(graph_.merge_heads(next("merge"), split, features));
        }
        break;
      }
      case 13: {  // more channels by zeros, alone or as the shortcut of a residual block
        if (from.shape.channels > 10) break;
        const prunus::operation::pad_channels zeros{random_.between(0, 2), random_.between(0, 3)};
        if (random_.chance(0.3)) {
          add(graph_.pad_channels(next("pad"), from.name, zeros));
          break;
        }
        const made inner = add(
            graph_.convolution(next("conv"), from.name,
                               {.out_channels = zeros.before + from.shape.channels + zeros.after,
                                .kernel = 3,
                                .stride = 2,
                                .padding = 1,
                                .bias = random_.chance(0.5)}));
        const std::string every_other = graph_.max_pooling(next("slice"), from.name, 1, 2);
        const std::string wider = graph_.pad_channels(next("pad"), every_other, zeros);
        activation(add(graph_.add(next("sum"), {inner.name, wider})));
        break;
      }
      default:
        add(graph_.dropout(next("drop"), from.name, 0.3));
        break;
    }
  }
  void head() {
    made last = made_.back();
    if (random_.chance(0.2)) {
      same_size(last, 2);
      return;
    }
    if (random_.chance(0.5))
      last = add(graph_.flatten(next("flat"), last.name, {.channels_last = random_.chance(0.5)}));
    else
      last = add(graph_.global_average_pooling(next("gap"), last.name));
    if (random_.chance(0.6))
      last = activation(
          add(graph_.linear(next("fc"), last.name,
                            {.out_features = random_.between(3, 8), .bias = random_.chance(0.5)})));
    add(graph_.linear(next("fc"), last.name,
                      {.out_features = random_.between(2, 4), .bias = random_.chance(0.5)}));
    if (random_.chance(0.8)) graph_.output(made_.back().name);  // or all results that nobody reads
  }

  source& random_;
  prunus::graph graph_;
  std::vector<made> made_;
  int count_ = 0;
};

/// A tensor for a declaration, with random values in a random memory order.
inline prunus::named_tensor<double> random_tensor(const prunus::parameter_declaration& p,
                                                  source& random) {
  prunus::named_tensor<double> t;
  t.name = p.name;
  t.rank = static_cast<int>(p.shape.size());
  const std::array<Index, 4> extents = p.extents();
  for (Index turns = random.between(0, 23); turns > 0; --turns)
    std::next_permutation(t.axes.begin(), t.axes.end());
  for (std::size_t k = 0; k < 4; ++k) t.extents[k] = extents[static_cast<std::size_t>(t.axes[k])];
  const bool positive = p.role == prunus::parameter_role::running_variance;
  for (Index i = 0; i < p.size(); ++i)
    t.values.push_back(positive ? random.real(0.3, 2) : random.real(-1, 1));
  return t;
}

/// A network with its weights.
struct network {
  prunus::graph graph;
  prunus::network_structure structure;
  prunus::resolved_graph resolved;
  prunus::named_tensors<double> tensors;
  prunus::model<double> model;
};
inline network with_random_weights(const prunus::graph& declared, source& random) {
  network result{declared, declared, prunus::resolve(declared), {}, {}};
  for (const auto& node : result.resolved.nodes)
    for (const auto& p : node.parameters) result.tensors.push_back(random_tensor(p, random));
  for (auto& t : result.tensors) result.model.add(t.name, t.view());
  return result;
}
inline network random_network(source& random) {
  return with_random_weights(builder(random).result(), random);
}

/// Random values for every input.
inline naive::named_values random_inputs(const prunus::resolved_graph& network, source& random) {
  naive::named_values inputs;
  for (const auto& node : network.nodes)
    if (node.operation.is<prunus::operation::input>()) {
      const prunus::operation::embedding* table = nullptr;  // it wants token numbers
      for (std::size_t reader : node.consumers)
        if (const auto* found = network.nodes[reader].operation.as<prunus::operation::embedding>())
          table = found;
      for (Index i = 0; i < node.shape.size(); ++i)
        inputs[node.name].push_back(
            table == nullptr ? random.real(-1, 1)
                             : static_cast<double>(random.between(0, table->vocabulary - 1)));
    }
  return inputs;
}

/// Sets the positions of one unit of a member to zero.
inline void zero_unit(network& net, const prunus::coupling::member& member, Index unit) {
  const prunus::weight_view<double> w = net.model[member.parameter].weight;
  for (Index o = 0; o < w.extent(prunus::axis::out); ++o)
    for (Index i = 0; i < w.extent(prunus::axis::in); ++i)
      if (member.unit_of[static_cast<std::size_t>(member.axis == prunus::axis::out ? o : i)] ==
          unit)
        for (Index y = 0; y < w.extent(prunus::axis::height); ++y)
          for (Index x = 0; x < w.extent(prunus::axis::width); ++x) w(o, i, y, x) = 0;
}

/// Prunes random units in random ways: producers alone, with their biases and scales, readers, or
/// only some members.
inline void zero_random_units(network& net, source& random) {
  for (const prunus::coupling& group : net.structure.couplings()) {
    const double share = pick(random, std::vector<double>{0, 0.3, 0.5, 0.9, 1});
    for (Index u = 0; u < group.units; ++u) {
      if (!random.chance(share)) continue;
      const Index way = random.between(0, 4);
      for (const prunus::coupling::member& m : group.members) {
        const bool producer = m.axis == prunus::axis::out;
        const bool zero = way == 0   ? producer && m.scored
                          : way == 1 ? producer
                          : way == 2 ? !producer
                          : way == 3 ? producer && (m.scored || random.chance(0.5))
                                     : random.chance(0.5);
        if (zero) zero_unit(net, m, u);
      }
    }
  }
}

}  // namespace random_graph
