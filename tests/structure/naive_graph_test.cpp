// SPDX-License-Identifier: MIT
// The oracle of the other tests against the library and against numbers worked out by hand.
#include "support/naive_graph.hpp"

#include <prunus/structure/cost.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/resolve.hpp>

#include "support/catch.hpp"
#include "support/known_networks.hpp"
#include "support/random_graph.hpp"

#include <cstdint>    // std::uint64_t
#include <stdexcept>  // std::logic_error
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using prunus::graph;
using prunus::Index;

/// Requires that the oracle and the library say the same of a graph: order, edges, shapes, tensors.
void require_agreement(const graph& g) {
  const prunus::resolved_graph network = prunus::resolve(g);
  const std::vector<naive::node> own = naive::evaluator().nodes_of(g);
  REQUIRE(own.size() == network.nodes.size());
  Index trained = 0, stored = 0;
  for (std::size_t n = 0; n < own.size(); ++n) {
    const auto& node = network.nodes[n];
    CAPTURE(node.name);
    REQUIRE(own[n].name == node.name);
    REQUIRE(own[n].inputs == node.inputs);
    const naive::shape& shape = own[n].operation.shape;
    REQUIRE(shape.channels == node.shape.channels);
    REQUIRE(shape.height == node.shape.height);
    REQUIRE(shape.width == node.shape.width);
    const std::vector<naive::parameter>& parameters = own[n].operation.parameters;
    REQUIRE(parameters.size() == node.parameters.size());
    for (std::size_t k = 0; k < parameters.size(); ++k) {
      REQUIRE(node.name + "." + parameters[k].suffix == node.parameters[k].name);
      REQUIRE(parameters[k].shape == node.parameters[k].shape);
      trained += parameters[k].trained ? parameters[k].size() : 0;
      stored += parameters[k].size();
    }
  }
  const prunus::cost cost = prunus::cost_of(network, 1);
  REQUIRE(cost.parameters == trained);
  REQUIRE(cost.bytes == stored);
}

}  // namespace

TEST_CASE("resolve and loops agree on order, shapes and tensors of random graphs",
          "[structure][resolve][naive_graph]") {
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    require_agreement(random_graph::builder(random).result());
  }
}

TEST_CASE("resolve and loops agree on known networks and on tables of tokens",
          "[structure][resolve][naive_graph]") {
  require_agreement(known_networks::resnet50());
  require_agreement(known_networks::vgg16());
  graph g;
  g.input("tokens", {1, 5, 2});
  g.position_embedding("places", g.embedding("table", "tokens", {.vocabulary = 11, .features = 4}));
  g.attention("mix", "places", "places", "places", 2);
  require_agreement(g);
}

TEST_CASE("resolve and loops agree where nodes are declared in another order",
          "[structure][resolve][naive_graph]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    const graph straight = random_graph::builder(random).result();
    graph turned;
    for (auto node = straight.nodes().rbegin(); node != straight.nodes().rend(); ++node)
      turned.add_node(*node);
    const prunus::resolved_graph network = prunus::resolve(turned);
    const std::vector<naive::node> own = naive::evaluator().nodes_of(turned);
    REQUIRE(own.size() == network.nodes.size());
    for (std::size_t n = 0; n < network.nodes.size(); ++n) {
      for (const std::size_t from : network.nodes[n].inputs) REQUIRE(from < n);
      for (const naive::node& other : own) {
        if (other.name != network.nodes[n].name) continue;
        REQUIRE(other.operation.shape.channels == network.nodes[n].shape.channels);
        REQUIRE(other.operation.shape.height == network.nodes[n].shape.height);
        REQUIRE(other.operation.shape.width == network.nodes[n].shape.width);
      }
    }
  }
}

TEST_CASE("the oracle computes what paper and pencil compute", "[naive_graph]") {
  CHECK(naive::windows(7, 3, 2, 0) == 3);
  CHECK(naive::windows(8, 3, 2, 0) == 3);  // the last position is left over
  CHECK(naive::windows(8, 3, 2, 1) == 4);
  CHECK(naive::windows(2, 3, 1, 0) == 0);

  // 1 x 3 x 3 of 1 to 9; a 2 x 2 window at every second position of the padded plane.
  graph g;
  g.input("x", {1, 3, 3});
  g.convolution("conv", "x", {.out_channels = 2, .kernel = 2, .stride = 2, .padding = 1});
  g.average_pooling("mean", "x", 2, 2, 1);
  g.linear("fc", g.flatten("flat", "conv", {.channels_last = true}),
           {.out_features = 1, .bias = false});
  const naive::evaluation result = naive::evaluate(g,
                                                   {{"conv.weight", {1, 10, 100, 1000, 0, 0, 0, 1}},
                                                    {"conv.bias", {0.5, -1}},
                                                    {"fc.weight", {1, 2, 3, 4, 5, 6, 7, 8}}},
                                                   {{"x", {1, 2, 3, 4, 5, 6, 7, 8, 9}}});
  CHECK(result.of("conv") == naive::values{1000.5, 3200.5, 7040.5, 9865.5, 0, 2, 6, 8});
  CHECK(result.of("mean") == naive::values{0.25, 1.25, 2.75, 7});
  CHECK(result.of("flat") == naive::values{1000.5, 0, 3200.5, 2, 7040.5, 6, 9865.5, 8});
  CHECK(result.of("fc") ==
        naive::values{1000.5 + 3 * 3200.5 + 4 * 2 + 5 * 7040.5 + 6 * 6 + 7 * 9865.5 + 8 * 8});
  CHECK(result.macs == 2 * 4 * 4 + 8);
  CHECK(result.trained == 8 + 2 + 8);
}

TEST_CASE("the oracle learns what operations do", "[naive_graph]") {
  graph g;
  g.input("x", {2, 1, 1});
  g.dropout("twice", "x", 0.5);
  naive::evaluator oracle;
  CHECK(oracle.evaluate(g, {}, {{"x", {3, 4}}}).of("twice") == naive::values{3, 4});
  oracle.teach<prunus::operation::dropout>(
      [](const prunus::operation::dropout&, const naive::shapes& from) {
        return naive::of_each_value(from.at(0), [](double x) { return 2 * x; });
      });
  CHECK(oracle.evaluate(g, {}, {{"x", {3, 4}}}).of("twice") == naive::values{6, 8});
}

TEST_CASE("the oracle refuses tensors of another size", "[naive_graph]") {
  graph g;
  g.input("x", {2, 1, 1});
  g.linear("fc", "x", {.out_features = 1, .bias = false});
  CHECK_THROWS_AS(naive::evaluate(g, {{"fc.weight", {1}}}, {{"x", {3, 4}}}), std::logic_error);
  CHECK_THROWS_AS(naive::evaluate(g, {{"fc.weight", {1, 2}}}, {{"x", {3}}}), std::logic_error);
  CHECK(naive::evaluate(g, {{"fc.weight", {1, 2}}}, {{"x", {3, 4}}}).of("fc") == naive::values{11});
  g.relu("loop", "loop");
  CHECK_THROWS_AS(naive::evaluator().nodes_of(g), std::logic_error);
}
