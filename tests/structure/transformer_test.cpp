// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/nn/architectures/transformer.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan_removal.hpp>
#include <prunus/structure/plan_text.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <algorithm>  // std::max
#include <cmath>      // std::abs
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using prunus::cost;
using prunus::errc;
using prunus::graph;
using prunus::graph_error;
using prunus::Index;
using support::code_of;

graph encoder(Index blocks = 2) {
  return prunus::nn::transformer_encoder({.positions = 5,
                                          .vocabulary = 7,
                                          .features = 12,
                                          .heads = 3,
                                          .hidden = 10,
                                          .blocks = blocks,
                                          .classes = 4,
                                          .dropout = 0.1});
}

const prunus::coupling& coupling_called(const std::vector<prunus::coupling>& all,
                                        const std::string& name) {
  for (const prunus::coupling& c : all)
    if (c.name == name) return c;
  FAIL("no coupling is called " << name);
  return all.front();
}

const prunus::operation::attention& attention_of(const prunus::resolved_graph& network,
                                                 const char* name) {
  return *network.nodes[network.index_of(name)].operation.as<prunus::operation::attention>();
}

/// Largest difference of the outputs of the masked and the compacted network, and what compaction
/// left; counts are compared with those of the loops and of the counter on the way.
struct proof {
  double difference = 0;
  prunus::resolved_graph smaller;
};
proof compacted(random_graph::network& net, const prunus::plan& plan) {
  REQUIRE(plan.is_exact());
  REQUIRE(prunus::load_plan(prunus::save_plan(plan)) == plan);
  random_graph::source random(23);
  const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
  proof result{0, prunus::resolve(prunus::compact(net.graph, plan))};
  const naive::evaluation before =
      naive::evaluate(net.resolved, naive::tensors_of(net.model), inputs);
  const naive::evaluation after =
      naive::evaluate(result.smaller, naive::tensors_of(prunus::compact(net.model, plan)), inputs);
  CHECK(before.macs == plan.before.macs);
  CHECK(after.macs == plan.after.macs);

  std::vector<std::vector<std::uint8_t>> keep;
  for (const prunus::coupling& c : net.structure.couplings()) {
    keep.emplace_back(static_cast<std::size_t>(c.units), std::uint8_t{1});
    for (const prunus::plan::removal& r : plan.removed)
      if (r.coupling == c.name) keep.back()[static_cast<std::size_t>(r.unit)] = 0;
  }
  const std::vector<std::span<const std::uint8_t>> spans(keep.begin(), keep.end());
  cost counted = prunus::network_structure(net.graph).cost_of_kept(spans, 8);
  for (const prunus::plan::new_tensor& t : plan.new_tensors) counted += cost{0, t.size, t.size * 8};
  CHECK(counted == plan.after);

  const naive::values &a = before.results.back(), &b = after.results.back();
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    result.difference = std::max(result.difference, std::abs(a[i] - b[i]));
  return result;
}

}  // namespace

TEST_CASE("attention, embeddings and positions are counted as worked out by hand",
          "[structure][counts]") {
  graph g;
  g.input("tokens", {1, 6, 1});
  g.embedding("e", "tokens", {.vocabulary = 10, .features = 8});
  g.position_embedding("p", "e");
  g.max_pooling("few", "p", {2, 1}, {2, 1});
  g.linear("v", "few", {.out_features = 4, .bias = false});
  g.attention("a", "p", "few", "v", 2);
  const prunus::resolved_graph network = prunus::resolve(g);
  const auto cost_at = [&](const char* name) {
    return prunus::cost_of_node(network, network.index_of(name));
  };
  CHECK(cost_at("e") == cost{0, 80, 320});
  CHECK(cost_at("p") == cost{0, 48, 192});
  CHECK(cost_at("a") == cost{6 * 3 * (8 + 4), 0, 0});
  CHECK(network.nodes[network.index_of("a")].shape == prunus::tensor_shape{4, 6, 1});
  CHECK(network.nodes[network.index_of("e")].parameters[0].shape == std::vector<Index>{10, 8});
  CHECK(network.nodes[network.index_of("p")].parameters[0].shape == std::vector<Index>{6, 8});
}

TEST_CASE("attention whose inputs do not fit is refused", "[structure][graph]") {
  const auto attend = [](Index query, Index key, Index value, Index heads) {
    graph g;
    g.input("x", {2, 3, 1});
    g.linear("q", "x", {.out_features = query});
    g.linear("k", "x", {.out_features = key});
    g.linear("v", "x", {.out_features = value});
    g.attention("a", "q", "k", "v", heads);
    return prunus::resolve(g).nodes.back().shape;
  };
  CHECK(attend(6, 6, 3, 3) == prunus::tensor_shape{3, 3, 1});
  for (const auto& [query, key, value, heads] : std::vector<std::array<Index, 4>>{
           {6, 4, 6, 2}, {6, 6, 5, 2}, {5, 5, 6, 2}, {6, 6, 6, 0}, {6, 6, 6, -1}}) {
    CAPTURE(query, key, value, heads);
    CHECK(code_of<graph_error>([&, q = query, k = key, v = value, h = heads] {
            static_cast<void>(attend(q, k, v, h));
          }) == errc::bad_node);
  }
  graph g;
  g.input("x", {2, 3, 1});
  g.dropout("few", "x", 0);
  g.node("a", prunus::operation::attention{1}, {"x", "x"});
  CHECK(code_of<graph_error>([&] { static_cast<void>(prunus::resolve(g)); }) == errc::bad_node);
}

TEST_CASE("an embedding reads whole numbers of an input", "[structure][graph]") {
  const auto embed = [](Index channels, Index vocabulary, Index features, bool behind) {
    graph g;
    g.input("x", {channels, 3, 1});
    g.embedding("e", behind ? g.relu("r", "x") : "x", {vocabulary, features});
    static_cast<void>(prunus::resolve(g));
  };
  embed(1, 5, 4, false);
  CHECK(code_of<graph_error>([&] { embed(2, 5, 4, false); }) == errc::bad_node);
  CHECK(code_of<graph_error>([&] { embed(1, 0, 4, false); }) == errc::bad_node);
  CHECK(code_of<graph_error>([&] { embed(1, 5, 0, false); }) == errc::bad_node);
  CHECK(code_of<graph_error>([&] { embed(1, 5, 4, true); }) == errc::bad_node);
}

TEST_CASE("a head is one unit of query, key, value and what reads it", "[structure][coupling]") {
  const std::vector<prunus::coupling> all = prunus::network_structure(encoder()).couplings();
  const prunus::coupling& heads = coupling_called(all, "block1.query");
  CHECK(heads.units == 3);
  CHECK(heads.prunable());
  CHECK(prunus::explain(heads, 1) ==
        "dropping block1.query:4-7 also drops block1.key:4-7, block1.value:4-7 and "
        "block1.projection.in:4-7");
  CHECK(coupling_called(all, "block2.expand").units == 10);
  CHECK(prunus::explain(coupling_called(all, "block2.expand"), 9) ==
        "dropping block2.expand:9 also drops block2.contract.in:9");
  const prunus::coupling& stream = coupling_called(all, "embedding");
  CHECK(stream.units == 12);
  for (const prunus::coupling::member& m : stream.members) {
    CAPTURE(m.parameter);
    CHECK((m.parameter != "embedding.weight" || (m.scored && m.axis == prunus::axis::out)));
    CHECK((m.parameter != "positions.weight" || (!m.scored && m.axis == prunus::axis::out)));
  }
}

TEST_CASE("pruned heads and feed-forward units leave a smaller transformer of the same outputs",
          "[structure][compaction]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    random_graph::network net = random_graph::with_random_weights(encoder(), random);
    prunus::couple(net.model, net.graph);
    prunus::prune(
        net.model,
        prunus::pass{prunus::l2_norm{}, prunus::filter}.within(
            {.include = {"*.query.weight", "*.key.weight", "*.value.weight", "*.expand.weight"}}),
        0.6);
    const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
    CAPTURE(prunus::to_text(plan));
    CHECK(plan.removed.size() == 2 * (2 + 6));
    const proof p = compacted(net, plan);
    CHECK(p.difference < 1e-12);
    CHECK(attention_of(p.smaller, "block1.attention").heads == 1);
    CHECK(p.smaller.nodes[p.smaller.index_of("block2.attention")].shape.channels == 4);
    CHECK(p.smaller.nodes[p.smaller.index_of("block1.expand")].shape.channels == 4);
    CHECK(p.smaller.nodes[p.smaller.index_of("block1.add2")].shape.channels == 12);
  }
}

TEST_CASE("masked and compacted transformers agree whatever is zeroed", "[structure][compaction]") {
  std::size_t removed = 0, folds = 0, in_norm = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    random_graph::network net = random_graph::with_random_weights(encoder(1), random);
    random_graph::zero_random_units(net, random);
    const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
    CAPTURE(prunus::to_text(plan));
    REQUIRE(compacted(net, plan).difference < 1e-11);
    removed += plan.removed.size();
    folds += plan.folds.size();
    for (const prunus::plan::kept_channel& k : plan.kept)
      in_norm += k.reason == prunus::keep_reason::layer_norm;
  }
  CHECK(removed > 100);
  CHECK(folds > 10);
  CHECK(in_norm > 10);
}

TEST_CASE("a head whose value is constant goes into the bias of its reader", "[structure][plan]") {
  random_graph::source random(3);
  random_graph::network net = random_graph::with_random_weights(encoder(1), random);
  for (Index o = 4; o < 8; ++o)  // the bias of the value stays: the head emits it
    for (Index i = 0; i < 12; ++i) net.model["block1.value.weight"].weight(o, i) = 0;
  const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
  REQUIRE(plan.removed.size() == 1);
  CHECK(plan.removed[0].coupling == "block1.query");
  REQUIRE(plan.folds.size() == 4);
  CHECK(plan.folds[0].tensor == "block1.projection.bias");
  CHECK(compacted(net, plan).difference < 1e-12);
}

TEST_CASE("features of tables are removed where no normalisation counts them",
          "[structure][compaction]") {
  graph g;
  g.input("tokens", {1, 4, 1});
  g.position_embedding("positions",
                       g.embedding("embedding", "tokens", {.vocabulary = 6, .features = 5}));
  g.linear("fc", g.global_average_pooling("pool", "positions"), {.out_features = 3});
  random_graph::source random(5);
  random_graph::network net = random_graph::with_random_weights(g, random);
  const auto column = [&](const char* name, Index feature, double value) {
    const auto table = net.model[name].weight;
    for (Index row = 0; row < table.extent(prunus::axis::in); ++row) table(feature, row) = value;
  };
  column("embedding.weight", 1, 0);
  column("positions.weight", 1, 0);
  column("embedding.weight", 3, 0.5);  // constants that add up to another one
  column("positions.weight", 3, 0.25);
  column("embedding.weight", 4, 0);  // the positions are alive
  const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
  REQUIRE(plan.removed.size() == 2);
  REQUIRE(plan.folds.size() == 1);
  CHECK(plan.folds[0].value == 0.75);
  CHECK(plan.opaque.empty());  // what an embedding does with tokens is known
  const proof p = compacted(net, plan);
  CHECK(p.difference < 1e-12);
  CHECK(p.smaller.nodes[p.smaller.index_of("embedding")].parameters[0].shape ==
        std::vector<Index>{6, 3});
}

TEST_CASE("transformer_encoder refuses numbers that make none", "[nn][transformer]") {
  using prunus::argument_error;
  const auto make = [](Index features, Index heads, Index blocks) {
    static_cast<void>(
        prunus::nn::transformer_encoder({.features = features, .heads = heads, .blocks = blocks}));
  };
  CHECK(code_of<argument_error>([&] { make(12, 5, 1); }) == errc::out_of_range);
  CHECK(code_of<argument_error>([&] { make(12, 0, 1); }) == errc::out_of_range);
  CHECK(code_of<argument_error>([&] { make(12, 3, 0); }) == errc::out_of_range);
}
