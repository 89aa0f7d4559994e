// SPDX-License-Identifier: MIT
#include <prunus/allocation/macs_target.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/propagate_dead_units.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_graph.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using prunus::channel_map;
using prunus::errc;
using prunus::graph;
using prunus::Index;
using prunus::network_structure;
using prunus::tensor_shape;
using support::code_of;
using support::error_of;

graph small_network() {
  graph g;
  g.input("image", {3, 5, 5});
  g.convolution("conv1", "image", {.out_channels = 6, .kernel = 3});
  g.relu("relu1", "conv1");
  g.convolution("conv2", "relu1", {.out_channels = 8, .kernel = 3, .bias = false});
  g.batch_norm("bn2", "conv2");
  g.linear("fc", g.flatten("flat", g.relu("relu2", "bn2")), {.out_features = 3, .bias = false});
  return g;
}
/// As somebody else calls them; one is missing and one is of a bias that does not exist yet.
prunus::name_table other_names() {
  return {{"conv1.weight", "stem/kernel"},    {"conv1.bias", "stem/offset"},
          {"conv2.weight", "body/kernel"},    {"bn2.weight", "body/gamma"},
          {"bn2.bias", "body/beta"},          {"bn2.running_mean", "body/mean"},
          {"fc.weight", "classifier/kernel"}, {"fc.bias", "classifier/offset"}};
}
std::string renamed(const std::string& name) {
  const prunus::name_table names = other_names();
  const auto found = names.find(name);
  return found == names.end() ? name : found->second;
}

/// A model on copies of the same values.
struct copied {
  prunus::named_tensors<double> tensors;
  prunus::model<double> model;
};
template <class Rename>
copied copy_of(const prunus::named_tensors<double>& source, const Rename& rename) {
  copied result{source, {}};
  for (auto& t : result.tensors) {
    t.name = rename(t.name);
    result.model.add(t.name, t.view());
  }
  return result;
}

bool says(const std::vector<prunus::coupling>& couplings, const std::string& parameter) {
  for (const prunus::coupling& c : couplings)
    for (const prunus::coupling::member& m : c.members)
      if (m.parameter == parameter) return true;
  return false;
}

/// The network of one operation of a user behind a convolution of four channels.
graph with(prunus::any_operation op) {
  graph g;
  g.input("image", {2, 3, 3});
  g.convolution("conv", "image", {.out_channels = 4});
  g.node("own", std::move(op), {"conv"});
  return g;
}

/// Says of itself what it is told to; counts how often it is asked.
struct scripted {
  static constexpr std::string_view kind = "scripted";

  prunus::node_description node{.shape = {4, 3, 3}};
  channel_map map = channel_map::repeated(4, 1);
  Index constants_told = 4;
  int* described = nullptr;
  int* mapped = nullptr;

  [[nodiscard]] prunus::node_description describe(std::span<const tensor_shape>) const {
    if (described != nullptr) ++*described;
    return node;
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape>) const {
    if (mapped != nullptr) ++*mapped;
    return map;
  }
  [[nodiscard]] std::vector<prunus::channel_value> constants(const prunus::constant_inputs&) const {
    return std::vector(static_cast<std::size_t>(constants_told), prunus::channel_value::anything());
  }
  [[nodiscard]] scripted shrunk(const prunus::kept_channels& kept) const {
    scripted smaller = *this;
    smaller.node.shape.channels = kept.results();
    smaller.map = channel_map::repeated(kept.results(), 1);
    return smaller;
  }
  friend bool operator==(const scripted& a, const scripted& b) {
    return a.described == b.described && a.map.from == b.map.from;
  }
};

prunus::node_description with_parameter(prunus::parameter_declaration p) {
  return {.shape = {4, 3, 3}, .parameters = {std::move(p)}};
}
prunus::node_description with_work(prunus::multiply_adds work) {
  return {.shape = {4, 3, 3}, .work = {work}};
}

}  // namespace

TEST_CASE("a graph is all that a structure needs", "[structure][network_structure]") {
  STATIC_REQUIRE(std::is_convertible_v<graph, network_structure>);
  const graph g = small_network();
  const network_structure network = g;
  CHECK(network.declared() == g);
  CHECK(network.resolved().nodes.size() == g.nodes().size());
  CHECK(network.cost() == prunus::cost_of(prunus::resolve(g)));
  CHECK(network.cost(2).bytes * 2 == network.cost().bytes);
}

TEST_CASE("copies of a structure share what it found", "[structure][network_structure]") {
  const network_structure network = small_network();
  const network_structure copy = network;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(&copy.couplings() == &network.couplings());
  CHECK(&copy.resolved() == &network.resolved());
  CHECK(&copy.declared() == &network.declared());
  network_structure assigned = graph(small_network());
  CHECK(&assigned.couplings() != &network.couplings());
  assigned = copy;
  CHECK(assigned.couplings().data() == network.couplings().data());
}

TEST_CASE("what a temporary structure returns outlives it", "[structure][network_structure]") {
  STATIC_REQUIRE(std::is_same_v<decltype(std::declval<network_structure>().couplings()),
                                std::vector<prunus::coupling>>);
  STATIC_REQUIRE(std::is_same_v<decltype(std::declval<network_structure>().resolved()),
                                prunus::resolved_graph>);
  STATIC_REQUIRE(std::is_same_v<decltype(std::declval<network_structure>().declared()), graph>);
  std::vector<std::string> names;
  for (const prunus::coupling& c : network_structure(small_network()).couplings())
    names.push_back(c.name);
  CHECK(names == std::vector<std::string>{"image", "conv1", "conv2", "fc"});
}

TEST_CASE("a coupling is found by its name", "[structure][network_structure]") {
  const network_structure network = small_network();
  for (std::size_t k = 0; k < network.couplings().size(); ++k)
    CHECK(network.find_coupling(network.couplings()[k].name) == static_cast<Index>(k));
  CHECK(network.find_coupling("conv2") == 2);
  CHECK(network.find_coupling("relu1") == -1);  // a node, but not the first of its coupling
  CHECK(network.find_coupling("conv1.weight") == -1);
  CHECK(network.find_coupling("") == -1);
}

TEST_CASE("shares of units cost what these units cost", "[structure][network_structure]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    const network_structure network = random_graph::builder(random).result();
    std::vector<double> rates;
    std::vector<std::vector<std::uint8_t>> keep;
    bool even = true;  // each unit of a coupling stands along an axis as often as the others
    for (const prunus::coupling& c : network.couplings()) {
      const Index gone = random.between(0, c.units);
      rates.push_back(static_cast<double>(gone) / static_cast<double>(c.units));
      keep.emplace_back(static_cast<std::size_t>(c.units), std::uint8_t{1});
      std::fill_n(keep.back().begin(), gone, std::uint8_t{0});
      for (const prunus::coupling::member& m : c.members)
        for (Index u = 0; u < c.units; ++u)
          even = even && std::count(m.unit_of.begin(), m.unit_of.end(), u) ==
                             std::count(m.unit_of.begin(), m.unit_of.end(), 0);
    }
    const std::vector<double> none(rates.size(), 0.0), all(rates.size(), 1.0);
    const auto macs = static_cast<double>(network.cost().macs);
    CHECK(network.macs_at(none) == macs);
    CHECK(network.macs_at(all) == 0);
    const std::vector<std::span<const std::uint8_t>> kept(keep.begin(), keep.end());
    if (even)
      CHECK(std::abs(network.macs_at(rates) -
                     static_cast<double>(network.cost_of_kept(kept).macs)) <= 1e-9 * macs);
  }
}

TEST_CASE("a network is resolved and asked for its channels once",
          "[structure][network_structure]") {
  int described = 0, mapped = 0;
  graph g = with(scripted{.described = &described, .mapped = &mapped});
  g.linear("fc", g.flatten("flat", "own"), {.out_features = 2});
  const network_structure network(g);
  CHECK(described == 1);

  random_graph::source random(2);
  prunus::named_tensors<double> tensors;
  prunus::model<double> net;
  for (const auto& node : network.resolved().nodes)
    for (const auto& p : node.parameters) tensors.push_back(random_graph::random_tensor(p, random));
  for (auto& t : tensors) net.add(t.name, t.view());
  prunus::couple(net, network);
  prunus::prune(net, prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::macs_target{network}},
                0.4);
  const prunus::plan plan = prunus::plan_removal(network, net);
  const graph smaller = prunus::compact(network, plan);
  const prunus::plan asked = prunus::plan_removal(network, {{"conv", {1}}});
  const std::vector<std::uint8_t> two{1, 1}, four{1, 0, 1, 1};
  const std::vector<std::span<const std::uint8_t>> kept{two, four, two};
  CHECK(network.cost_of_kept(kept) == asked.after);
  (void)prunus::propagate_dead_units(network, net);
  (void)network_structure(network).couplings();
  CHECK(described == 1);
  CHECK(mapped == 1);

  (void)prunus::plan_removal(g, net);  // who asks once gives the graph
  CHECK(described == 2);
  CHECK(mapped == 2);
}

TEST_CASE("parameters are called what the table of names says", "[structure][network_structure]") {
  const network_structure network(small_network(), other_names());
  std::vector<std::string> names;
  for (const auto& node : network.resolved().nodes)
    for (const auto& p : node.parameters) names.push_back(p.name);
  CHECK(names == std::vector<std::string>{"stem/kernel", "stem/offset", "body/kernel", "body/gamma",
                                          "body/beta", "body/mean", "bn2.running_var",
                                          "classifier/kernel"});
  CHECK(says(network.couplings(), "body/kernel"));
  CHECK(says(network.couplings(), "classifier/kernel"));
  CHECK_FALSE(says(network.couplings(), "conv2.weight"));
  CHECK(network.couplings()[1].name == "conv1");  // couplings are called after nodes
  const prunus::plan by_parameter = prunus::plan_removal(network, {{"body/kernel", {2}}});
  CHECK(by_parameter == prunus::plan_removal(network, {{"conv2", {2}}}));
  CHECK(by_parameter.find("body/gamma") != nullptr);
  CHECK(by_parameter.find("bn2.running_var") != nullptr);
  CHECK(by_parameter.find("conv2.weight") == nullptr);
  CHECK(code_of<prunus::argument_error>([&] {
          (void)prunus::plan_removal(network, {{"conv2.weight", {2}}});
        }) == errc::unknown_name);
}

TEST_CASE("a new bias is called what the table says, else as its weight is",
          "[structure][network_structure]") {
  graph g;
  g.input("image", {3, 1, 1});
  g.linear("hidden", "image", {.out_features = 4});
  g.linear("fc", "hidden", {.out_features = 2, .bias = false});
  const auto new_bias = [&](const prunus::name_table& names) {
    random_graph::source random(1);
    const network_structure network(g, names);
    prunus::named_tensors<double> tensors;
    prunus::model<double> net;
    for (const auto& node : network.resolved().nodes)
      for (const auto& p : node.parameters)
        tensors.push_back(random_graph::random_tensor(p, random));
    for (auto& t : tensors) net.add(t.name, t.view());
    for (Index i = 0; i < 3; ++i) net.parameters()[0].weight(2, i) = 0;  // its bias stays
    const prunus::plan plan = prunus::plan_removal(network, net);
    REQUIRE(plan.new_tensors.size() == 1);
    CHECK(plan.folds.at(0).tensor == plan.new_tensors[0].name);
    CHECK(prunus::compact(net, plan).find(plan.new_tensors[0].name) != nullptr);
    return plan.new_tensors[0].name;
  };
  CHECK(new_bias({}) == "fc.bias");
  CHECK(new_bias({{"fc.weight", "head.out.weight"}}) == "fc.bias");
  CHECK(new_bias({{"fc.weight", "head/kernel"}}) == "fc.bias");
  CHECK(new_bias({{"fc.weight", "head/kernel"}, {"fc.bias", "head/offset"}}) == "head/offset");
}

TEST_CASE("a model under other names goes the same way", "[structure][network_structure]") {
  const graph g = small_network();
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    const random_graph::network net = random_graph::with_random_weights(g, random);
    const copied usual = copy_of(net.tensors, [](const std::string& name) { return name; });
    const copied other = copy_of(net.tensors, renamed);
    const network_structure network(g), mapped(g, other_names());
    const auto pruned = [](const copied& c, const network_structure& structure) {
      prunus::model<double> coupled = c.model;
      prunus::couple(coupled, structure);
      prunus::prune(coupled,
                    prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::macs_target{structure}},
                    0.5);
      coupled.parameters()[0].weight(0, 0) = 0;
      const auto kernel = coupled.parameters()[0].weight;  // one more dies, and its bias lives
      for (Index i = 0; i < 3; ++i)
        for (Index y = 0; y < 3; ++y)
          for (Index x = 0; x < 3; ++x) kernel(5, i, y, x) = 0;
      coupled.parameters()[1].weight(5) = 0.5;
      return prunus::plan_removal(structure, coupled);
    };
    const prunus::plan plan = pruned(usual, network), same = pruned(other, mapped);
    CHECK(plan.removed.size() > 1);
    CHECK_FALSE(plan.folds.empty());
    prunus::plan expected = plan;
    for (auto& slice : expected.slices) slice.tensor = renamed(slice.tensor);
    for (auto& f : expected.folds) f.weight = renamed(f.weight), f.tensor = renamed(f.tensor);
    for (auto& t : expected.new_tensors) t.name = renamed(t.name), t.weight = renamed(t.weight);
    for (std::size_t i = 0; i < expected.removed.size(); ++i)  // words in which names stand
      expected.removed[i].sentence = same.removed.at(i).sentence;
    CHECK(same == expected);
    CHECK(prunus::compact(mapped, same) == prunus::compact(network, plan));
    const auto left = prunus::compact(usual.model, plan),
               right = prunus::compact(other.model, same);
    REQUIRE(left.size() == right.size());
    for (auto a = left.begin(), b = right.begin(); a != left.end(); ++a, ++b) {
      CHECK(b->name == renamed(a->name));
      CHECK(b->values == a->values);
    }
    // The table serves the smaller network, too.
    const network_structure smaller(prunus::compact(mapped, same), other_names());
    for (const auto& node : smaller.resolved().nodes)
      for (const auto& p : node.parameters) CHECK(right.find(p.name) != nullptr);
  }
}

TEST_CASE("a table of names that cannot be is refused", "[structure][network_structure]") {
  const auto refusal = [](prunus::name_table names) {
    return error_of<prunus::argument_error>(
        [&] { (void)network_structure(small_network(), std::move(names)); });
  };
  for (const char* unknown : {"conv3.weight", "conv1", "conv1.gamma", "", "nowhere.bias"}) {
    CAPTURE(unknown);
    const support::thrown error = refusal({{unknown, "kernel"}});
    CHECK(error.code == errc::unknown_name);
    CHECK(error.says(unknown));
    // Also where a parameter is called so already, and next to entries that are right.
    CHECK(refusal({{unknown, "conv1.weight"}}).code == errc::unknown_name);
    CHECK(refusal({{unknown, "kernel"}, {"conv1.weight", "kernel"}}).code == errc::unknown_name);
  }
  const support::thrown twice = refusal({{"conv1.weight", "kernel"}, {"conv2.weight", "kernel"}});
  CHECK(twice.code == errc::duplicate_name);
  CHECK((twice.says("conv1.weight") && twice.says("conv2.weight") && twice.says("kernel")));
  const support::thrown taken = refusal({{"conv1.weight", "conv2.weight"}});
  CHECK(taken.code == errc::duplicate_name);
  CHECK(taken.says("conv1.weight"));
  // A bias that does not exist yet must not be called what another tensor is.
  CHECK(refusal({{"fc.bias", "conv1.weight"}}).code == errc::duplicate_name);
  CHECK(refusal({{"fc.bias", "fc.weight"}}).code == errc::duplicate_name);
  CHECK(refusal({{"fc.bias", "offset"}, {"conv2.bias", "offset"}}).code == errc::duplicate_name);
  // Names may change places.
  CHECK(refusal({{"conv1.weight", "conv2.weight"}, {"conv2.weight", "conv1.weight"}}).code ==
        errc{});
}

TEST_CASE("what an operation says of channels that do not exist is refused",
          "[structure][network_structure]") {
  const auto refusal = [](scripted op) {
    const support::thrown error =
        error_of<prunus::graph_error>([&] { (void)network_structure(with(std::move(op))); });
    return error.says("own") ? error.code : errc{};
  };
  CHECK(network_structure(with(scripted{})).couplings().size() == 2);
  const auto mapped = [](auto change) {
    scripted op;
    change(op.map);
    return op;
  };
  CHECK(refusal(mapped([](channel_map& m) { m.from.pop_back(); })) == errc::bad_node);
  CHECK(refusal(mapped([](channel_map& m) { m.from.push_back({}); })) == errc::bad_node);
  for (const channel_map::channel wrong :
       {channel_map::channel{0, 4}, {0, -1}, {1, 0}, {-2, 0}, {7, 3}}) {
    CAPTURE(wrong.input, wrong.number);
    CHECK(refusal(mapped([&](channel_map& m) { m.from[2] = wrong; })) == errc::bad_node);
    CHECK(refusal(mapped([&](channel_map& m) {
            m.ties.push_back({wrong, {0, 0}});
          })) == errc::bad_node);
    CHECK(refusal(mapped([&](channel_map& m) {
            m.ties.push_back({{0, 0}, wrong});
          })) == errc::bad_node);
    CHECK(refusal(mapped([&](channel_map& m) { m.unread.push_back(wrong); })) == errc::bad_node);
  }
  const channel_map::channel own{channel_map::channel::result, 4};
  CHECK(refusal(mapped([&](channel_map& m) {
          m.ties.push_back({own, {0, 0}});
        })) == errc::bad_node);
  // Only inputs can be left unread.
  CHECK(refusal(mapped([&](channel_map& m) {
          m.unread.push_back({channel_map::channel::result, 0});
        })) == errc::bad_node);
}

TEST_CASE("tensors and work that do not fit the channels are refused",
          "[structure][network_structure]") {
  const auto refusal = [](prunus::node_description node) {
    const support::thrown error = error_of<prunus::graph_error>(
        [&] { (void)network_structure(with(scripted{.node = std::move(node)})); });
    return error.says("own") ? error.code : errc{};
  };
  const prunus::layout matrix("OI");
  CHECK(refusal(with_parameter({.name = "w", .shape = {4}})) == errc{});
  CHECK(refusal(with_parameter({.name = "w", .shape = {5}})) == errc::bad_node);
  CHECK(refusal(with_parameter({.name = "w", .shape = {0}})) == errc::bad_node);
  CHECK(refusal(with_parameter({.name = "w", .shape = {4, 4}})) == errc::bad_node);
  const auto reading = [&](Index out, Index in, prunus::channel_reading how) {
    return refusal(with_parameter({.name = "w", .shape = {out, in}, .axes = matrix, .reads = how}));
  };
  CHECK(reading(4, 4, {}) == errc{});
  CHECK(reading(4, 2, {.groups = 2}) == errc{});
  CHECK(reading(4, 4, {.groups = 2}) == errc::bad_node);
  CHECK(reading(4, 5, {}) == errc::bad_node);
  CHECK(reading(4, 4, {.input = 1}) == errc::bad_node);
  CHECK(reading(4, 4, {.groups = 0}) == errc::bad_node);
  CHECK(refusal(with_parameter({.name = "w",
                                .shape = {4, 4},
                                .axes = matrix,
                                .per_channel = false,
                                .reads = prunus::channel_reading{}})) == errc::bad_node);
  CHECK(refusal(with_work({.each = 2})) == errc{});
  CHECK(refusal(with_work({.each = 2, .pairs_with = 0, .groups = 2})) == errc{});
  CHECK(refusal(with_work({.each = 2, .channels = 1})) == errc::bad_node);
  CHECK(refusal(with_work({.each = 2, .channels = -2})) == errc::bad_node);
  CHECK(refusal(with_work({.each = 2, .pairs_with = 1})) == errc::bad_node);
  CHECK(refusal(with_work({.each = 2, .pairs_with = 0, .groups = 0})) == errc::bad_node);
  CHECK(refusal(with_work({.each = 2, .pairs_with = 0, .groups = 3})) == errc::bad_node);
  CHECK(refusal(with_work({.each = -1})) == errc::bad_node);
}

TEST_CASE("constants of another number of channels are refused by a plan",
          "[structure][network_structure]") {
  random_graph::source random(1);
  for (const Index told : {3, 5, 0}) {
    const random_graph::network net =
        random_graph::with_random_weights(with(scripted{.constants_told = told}), random);
    const support::thrown error = error_of<prunus::graph_error>(
        [&] { (void)prunus::plan_removal(net.structure, net.model); });
    CHECK(error.code == errc::bad_node);
    CHECK((error.says("own") && error.says("scripted")));
  }
}
