// SPDX-License-Identifier: MIT
#pragma once

// What every operation of a graph must keep, a library one or yours: what `graph_operation`
// promises of it, held against its naive twin, in random surroundings, with random weights and
// whatever is zeroed. A new operation calls check_operation_laws once for each kind of attributes;
// an oracle has to know its naive twin:
//
//     naive::evaluator oracle;
//     oracle.teach<channel_shuffle>([](const channel_shuffle& op, const naive::shapes& from) ...);
//     support::check_operation_laws(channel_shuffle{.groups = 2}, {{6, 4, 3}}, {.oracle = oracle});

#include <prunus/structure/compaction.hpp>
#include <prunus/structure/detail/constant_channels.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/compaction_laws.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <algorithm>  // std::any_of, std::max
#include <cmath>      // std::abs
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t, std::uint64_t
#include <exception>  // std::exception
#include <map>        // std::map
#include <optional>   // std::optional
#include <span>       // std::span
#include <string>     // std::string
#include <utility>    // std::move, std::pair
#include <vector>     // std::vector

namespace support {

struct operation_surroundings {
  naive::evaluator oracle{};  ///< knows the naive twin
  std::optional<prunus::any_operation>
      different{};            ///< one of the same kind that must not be equal
  std::uint64_t trials = 32;  ///< each with a seed of its own
};

/// Collects what an operation does that it must not.
class operation_inspection {
 public:
  operation_inspection(prunus::any_operation operation, std::vector<prunus::tensor_shape> inputs,
                       const operation_surroundings& around)
      : operation_(std::move(operation)), inputs_(std::move(inputs)), around_(around) {
    guarded("on its own", [&] { inspect_description(); });
    if (!laws_.found().empty()) return;
    guarded("other numbers of inputs", [&] { inspect_numbers_of_inputs(); });
    guarded("equality", [&] { inspect_equality(); });
    for (std::uint64_t seed = 1; seed <= around_.trials; ++seed)
      guarded(prunus::detail::concat("seed ", seed), [&] {
        random_source random(seed);
        inspect_in(surroundings(random), random);
      });
  }
  [[nodiscard]] const std::vector<std::string>& found() const noexcept { return laws_.found(); }

 private:
  using graph = prunus::graph;

  template <class Inspect>
  void guarded(const std::string& where, const Inspect& inspect) {
    laws_.set_where(where + ": ");
    try {
      inspect();
    } catch (const std::exception& problem) {
      laws_.expect(false, "threw ", problem.what());
    }
  }
  [[nodiscard]] graph alone(std::size_t inputs) const {
    graph g;
    std::vector<std::string> from;
    for (std::size_t k = 0; k < inputs; ++k)
      from.push_back(
          g.input(prunus::detail::concat("x", k), inputs_.empty() ? prunus::tensor_shape{2, 3, 3}
                                                  : k < inputs_.size() ? inputs_[k]
                                                                       : inputs_.back()));
    g.add_node({"subject", operation_, from});
    return g;
  }
  [[nodiscard]] const naive::operation& twin_of(const std::vector<naive::node>& nodes) const {
    return std::find_if(nodes.begin(), nodes.end(),
                        [](const naive::node& n) { return n.name == "subject"; })
        ->operation;
  }
  [[nodiscard]] static bool agree(const prunus::tensor_shape& a, const naive::shape& b) {
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
  }

  /// Shape and tensors are those of the loops; asked again, it says the same.
  void inspect_description() {
    const prunus::resolved_graph resolved = prunus::resolve(alone(inputs_.size()));
    const prunus::resolved_graph::node& node = resolved.nodes[resolved.index_of("subject")];
    takes_tokens_ = operation_.describe(inputs_).takes_network_inputs;
    const std::vector<naive::node> nodes = around_.oracle.nodes_of(alone(inputs_.size()));
    const naive::operation& twin = twin_of(nodes);
    laws_.expect(agree(node.shape, twin.shape), "describe: the shape is not that of the loops");
    bool same = node.parameters.size() == twin.parameters.size();
    for (std::size_t k = 0; same && k < node.parameters.size(); ++k) {
      const prunus::parameter_declaration& p = node.parameters[k];
      const naive::parameter& own = twin.parameters[k];
      same = p.name == "subject." + own.suffix && p.shape == own.shape;
      laws_.expect(own.trained != prunus::is_statistic(p.role), "describe: the role of ", p.name);
    }
    laws_.expect(same, "describe: the tensors are not those of the loops");
    const prunus::node_description once = operation_.describe(inputs_),
                                   again = operation_.describe(inputs_);
    laws_.expect(once.shape == again.shape && once.parameters == again.parameters &&
                     once.fixed_work == again.fixed_work && once.work.size() == again.work.size(),
                 "describe: asked again, it says something else");
    const prunus::channel_map map = operation_.channels(inputs_),
                              other = operation_.channels(inputs_);
    laws_.expect(map.from == other.from && map.ties == other.ties && map.unread == other.unread &&
                     map.keeps == other.keeps,
                 "channels: asked again, it says something else");
  }

  /// A wrong number of inputs is refused; where any number is right, each is spoken of.
  void inspect_numbers_of_inputs() {
    for (std::size_t number = 0; number <= inputs_.size() + 1; ++number) {
      if (number == inputs_.size()) continue;
      const graph g = alone(number);
      try {
        const prunus::resolved_graph resolved = prunus::resolve(g);
        const std::size_t n = resolved.index_of("subject");
        laws_.expect(agree(resolved.nodes[n].shape, twin_of(around_.oracle.nodes_of(g)).shape),
                     "describe: takes ", number, " inputs, and gives another shape than the loops");
        const prunus::channel_map map = operation_.channels(resolved.input_shapes(n));
        for (std::size_t k = 0; k < number; ++k)
          laws_.expect(speaks_of(map, resolved.nodes[n], static_cast<prunus::Index>(k), 0),
                       "takes ", number, " inputs, and does not say what becomes of number ", k);
      } catch (const prunus::graph_error& refusal) {
        laws_.expect(refusal.code() == prunus::errc::bad_node &&
                         std::string(refusal.what()).find("subject") != std::string::npos,
                     "describe: refuses ", number, " inputs with ", refusal.what());
      }
    }
  }
  void inspect_equality() {
    const prunus::any_operation copy = operation_;
    laws_.expect(copy == operation_, "equality: a copy differs");
    laws_.expect(
        operation_.shrunk(all_of(inputs_, operation_.describe(inputs_).shape)) == operation_,
        "shrunk: with all channels kept it is another operation");
    if (around_.different)
      laws_.expect(!(operation_ == *around_.different), "equality: other attributes are equal");
  }
  [[nodiscard]] static prunus::kept_channels all_of(std::span<const prunus::tensor_shape> inputs,
                                                    const prunus::tensor_shape& result) {
    const auto ones = [](const prunus::tensor_shape& s) {
      return std::vector<std::uint8_t>(static_cast<std::size_t>(s.channels), 1);
    };
    prunus::kept_channels kept{ones(result), {}};
    for (const prunus::tensor_shape& input : inputs) kept.inputs.push_back(ones(input));
    return kept;
  }

  /// Whether it is said what becomes of a channel.
  [[nodiscard]] static bool speaks_of(const prunus::channel_map& map,
                                      const prunus::resolved_graph::node& node, prunus::Index input,
                                      prunus::Index number) {
    const prunus::channel_map::channel c{input, number};
    const auto is_c = [&](const prunus::channel_map::channel& other) { return other == c; };
    return map.keeps || std::any_of(map.from.begin(), map.from.end(), is_c) ||
           std::any_of(map.unread.begin(), map.unread.end(), is_c) ||
           std::any_of(map.ties.begin(), map.ties.end(),
                       [&](const auto& tie) { return is_c(tie.first) || is_c(tie.second); }) ||
           std::any_of(node.parameters.begin(), node.parameters.end(), [&](const auto& p) {
             return p.reads && static_cast<prunus::Index>(p.reads->input) == input;
           });
  }

  /// The operation between layers that make its inputs and one that reads its result.
  [[nodiscard]] graph surroundings(random_source& random) const {
    graph g;
    std::vector<std::string> from;
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      const bool again = k > 0 && inputs_[k] == inputs_[k - 1] && random.chance(0.2);
      from.push_back(again ? from.back() : producer(g, k, random));
    }
    g.add_node({"subject", operation_, from});
    add_reader(g, random);
    return g;
  }
  /// Channels that may become constants of many kinds: zero, others, and such that break at the
  /// border.
  [[nodiscard]] std::string producer(graph& g, std::size_t k, random_source& random) const {
    using function = prunus::operation::activation_function;
    const auto name = [&](const char* what) { return prunus::detail::concat(what, k); };
    const prunus::tensor_shape& s = inputs_[k];
    if (takes_tokens_) return g.input(name("tokens"), s);
    std::string last = g.input(name("image"), {2, s.height, s.width});
    last =
        g.convolution(name("make"), last, {.out_channels = s.channels, .bias = random.chance(0.7)});
    if (random.chance(0.3)) last = g.batch_norm(name("normalize"), last);
    last = g.activation(
        name("activate"), last,
        {random_graph::pick(random, std::vector{function::relu, function::relu, function::sigmoid,
                                                function::identity})});
    if (s.channels > 1 && random.chance(0.25))
      last = g.convolution(name("spread"), last,
                           {.out_channels = s.channels,
                            .kernel = 3,
                            .padding = 1,
                            .groups = s.channels,
                            .bias = random.chance(0.5)});
    return last;
  }
  static void add_reader(graph& g, random_source& random) {
    std::string last = "subject";
    const bool bias = random.chance(0.5);
    if (random.chance(0.3)) last = g.relu("rectify", last);
    switch (random.between(0, 4)) {
      case 0:
        last = g.convolution("reader", last, {.out_channels = 3, .bias = bias});
        break;
      case 1:
        last = g.convolution("reader", last,
                             {.out_channels = 3, .kernel = 3, .padding = 1, .bias = bias});
        break;
      case 2:
        last = g.linear("reader", last, {.out_features = 3, .bias = bias});
        break;
      case 3:
        last = g.flatten("vector", last, {.channels_last = random.chance(0.5)});
        last = g.linear("reader", last, {.out_features = 3, .bias = bias});
        break;
      default:
        last = g.linear("reader", g.global_average_pooling("mean", last),
                        {.out_features = 3, .bias = bias});
        break;
    }
    if (random.chance(0.3)) {
      const std::string reader = last;
      last = g.batch_norm("behind", reader);
      // Its mean must not stand for a bias that somebody else would read, too.
      if (random.chance(0.4)) g.output(random.chance(0.5) ? reader : g.relu("beside", reader));
    }
    g.output(last);
    if (random.chance(0.1)) g.output("subject");
  }

  void inspect_in(const graph& declared, random_source& random) {
    random_graph::network net = random_graph::with_random_weights(declared, random);
    inspect_coupled_axes(net);
    inspect_dependencies(net, random);
    inspect_requests(net, random);
    random_graph::zero_random_units(net, random);
    inspect_constants(net, random);
    // What is compacted is a network like any other: it can be pruned and compacted again.
    const prunus::plan plan = prunus::plan_removal(net.structure, net.model);
    laws_.expect(plan.is_exact(), "a plan from weights is not exact");
    inspect_compaction(laws_, net, plan, random, around_.oracle);
    const prunus::plan wider = prunus::plan_removal(
        net.structure, net.model, {.at_padding = prunus::padding_policy::approximate});
    if (wider.is_exact()) inspect_compaction(laws_, net, wider, random, around_.oracle);
    random_graph::network smaller =
        random_graph::with_random_weights(prunus::compact(net.structure, plan), random);
    random_graph::zero_random_units(smaller, random);
    inspect_constants(smaller, random);
    inspect_compaction(laws_, smaller, prunus::plan_removal(smaller.structure, smaller.model),
                       random, around_.oracle);
  }

  /// couple accepts it, and each axis that is cut belongs to one coupling.
  void inspect_coupled_axes(random_graph::network& net) {
    prunus::couple(net.model, net.structure);
    std::map<std::pair<std::string, prunus::axis>, int> seen;
    for (const prunus::coupling& group : net.model.couplings())
      for (const prunus::coupling::member& m : group.members) ++seen[{m.parameter, m.axis}];
    for (const auto& node : net.resolved.nodes)
      for (const auto& p : node.parameters) {
        const bool trained = !prunus::is_statistic(p.role);
        laws_.expect(seen[{p.name, prunus::axis::out}] == (trained && p.per_channel ? 1 : 0),
                     "the out axis of ", p.name, " is not in one coupling");
        laws_.expect(seen[{p.name, prunus::axis::in}] == (trained && p.reads ? 1 : 0),
                     "the in axis of ", p.name, " is not in one coupling");
      }
  }

  /// A channel of the result changes with a channel of an input only where the operation says so.
  void inspect_dependencies(const random_graph::network& net, random_source& random) {
    const std::size_t n = net.resolved.index_of("subject");
    const prunus::resolved_graph::node& node = net.resolved.nodes[n];
    const auto& structure = net.structure.data().channels;
    if (structure.maps[n].keeps) return;  // all stay
    const std::vector<naive::node> nodes = around_.oracle.nodes_of(net.graph);
    const naive::operation& twin = twin_of(nodes);
    naive::named_values parameters;
    for (const naive::parameter& p : twin.parameters)
      parameters[p.suffix] = naive::in_usual_order(net.model["subject." + p.suffix].weight);
    naive::tensors given;
    for (const prunus::tensor_shape& s : inputs_) {
      if (takes_tokens_) return;
      given.push_back({{s.channels, s.height, s.width}, {}});
      for (prunus::Index i = 0; i < s.size(); ++i) given.back().data.push_back(random.real(-2, 2));
    }
    if (given.empty()) return;
    const naive::values before = twin.compute(given, parameters).data;
    const std::size_t plane = before.size() / static_cast<std::size_t>(twin.shape.channels);
    for (std::size_t k = 0; k < given.size(); ++k)
      for (std::size_t c = 0; c < static_cast<std::size_t>(inputs_[k].channels); ++c) {
        if (!speaks_of(structure.maps[n], node, static_cast<prunus::Index>(k),
                       static_cast<prunus::Index>(c)))
          continue;  // it stays
        naive::tensors other = given;
        const auto size = static_cast<std::size_t>(inputs_[k].plane());
        for (std::size_t i = c * size; i < (c + 1) * size; ++i)
          other[k].data[i] = random.real(-2, 2);
        const naive::values after = twin.compute(other, parameters).data;
        for (std::size_t r = 0; r < structure.unit_of[n].size(); ++r) {
          bool changes = false;
          for (std::size_t i = r * plane; i < (r + 1) * plane; ++i)
            changes = changes || before[i] != after[i];
          laws_.expect(!changes ||
                           structure.unit_of[n][r] == structure.unit_of[node.inputs[k]][c] ||
                           reads(node, k, c, r),
                       "channels: number ", r, " of the result changes with number ", c,
                       " of input ", k, ", and is neither tied to it nor reads it");
        }
      }
  }
  [[nodiscard]] bool reads(const prunus::resolved_graph::node& node, std::size_t input,
                           std::size_t c, std::size_t r) const {
    return std::any_of(node.parameters.begin(), node.parameters.end(), [&](const auto& p) {
      if (!p.reads || p.reads->input != input) return false;
      const auto groups = static_cast<std::size_t>(p.reads->groups);
      return c * groups / static_cast<std::size_t>(inputs_[input].channels) ==
             r * groups / static_cast<std::size_t>(node.shape.channels);
    });
  }

  /// What is called a constant is that value at every position, whatever the inputs hold.
  void inspect_constants(const random_graph::network& net, random_source& random) {
    const auto values = prunus::detail::find_channel_values(
        net.resolved, prunus::detail::bind(net.resolved, net.model), false);
    const std::size_t n = net.resolved.index_of("subject");
    for (const double range : {1.0, 1.0, 30.0}) {
      naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
      if (!takes_tokens_)
        for (auto& [name, given] : inputs)
          for (double& x : given) x *= range;
      const naive::evaluation result =
          around_.oracle.evaluate(net.graph, naive::tensors_of(net.model), inputs);
      const naive::values& found = result.of("subject");
      const std::size_t plane = found.size() / values[n].size();
      for (std::size_t c = 0; c < values[n].size(); ++c) {
        if (!values[n][c].is_constant()) continue;
        const double value = values[n][c].value;
        bool holds = true;
        for (std::size_t i = c * plane; i < (c + 1) * plane; ++i)
          holds = holds && std::abs(found[i] - value) <= 1e-11 * std::max(1.0, std::abs(value));
        laws_.expect(holds, "constants: channel ", c, " is not ", value, " everywhere");
      }
    }
  }

  /// Units that a caller names go, and what is left is a network.
  void inspect_requests(const random_graph::network& net, random_source& random) {
    std::vector<prunus::unit_selection> requested;
    for (const prunus::coupling& group : net.structure.couplings()) {
      requested.push_back({group.name, {}});
      for (prunus::Index u = 0; u < group.units; ++u)
        if (random.chance(0.4)) requested.back().units.push_back(u);
    }
    const prunus::plan plan = prunus::plan_removal(net.structure, requested);
    const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
    inspect_smaller(laws_, net, plan, inputs, 4, around_.oracle);
  }

  prunus::any_operation operation_;
  std::vector<prunus::tensor_shape> inputs_;
  const operation_surroundings& around_;
  bool takes_tokens_ = false;
  support::violations laws_;
};

/// The laws that an operation breaks on inputs of these shapes, in words.
[[nodiscard]] inline std::vector<std::string> operation_violations(
    const prunus::any_operation& operation, const std::vector<prunus::tensor_shape>& inputs,
    const operation_surroundings& around = {}) {
  return operation_inspection(operation, inputs, around).found();
}
inline void check_operation_laws(const prunus::any_operation& operation,
                                 const std::vector<prunus::tensor_shape>& inputs,
                                 const operation_surroundings& around = {}) {
  CAPTURE(operation.kind());
  CHECK(operation_violations(operation, inputs, around) == std::vector<std::string>{});
}

}  // namespace support
