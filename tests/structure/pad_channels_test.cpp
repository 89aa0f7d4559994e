// SPDX-License-Identifier: MIT
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <cmath>
#include <string>
#include <variant>
#include <vector>

namespace {

using prunus::axis;
using prunus::Index;
using indices = std::vector<Index>;

/// A residual block whose shortcut has 2 channels more than its input: zeros in front and behind.
prunus::graph block() {
  prunus::graph g;
  g.input("image", {2, 6, 6});
  g.convolution("conv1", "image", {.out_channels = 3, .kernel = 3, .padding = 1, .bias = false});
  g.relu("relu1", "conv1");
  g.convolution("conv2", "relu1",
                {.out_channels = 5, .kernel = 3, .stride = 2, .padding = 1, .bias = false});
  g.pad_channels("wider", g.max_pooling("slice", "relu1", 1, 2), {.before = 1, .after = 1});
  g.add("sum", {"conv2", "wider"});
  g.linear("fc", g.global_average_pooling("mean", "sum"), {.out_features = 2});
  return g;
}

prunus::operation::pad_channels padding_of(const prunus::graph& g, const std::string& name) {
  for (const prunus::graph_node& node : g.nodes())
    if (node.name == name) return *node.operation.as<prunus::operation::pad_channels>();
  FAIL("no node is called " << name);
  return {};
}

void zero_output(random_graph::network& net, const std::string& name, Index o) {
  const auto w = net.model[name].weight;
  for (Index i = 0; i < w.extent(axis::in); ++i)
    for (Index y = 0; y < w.extent(axis::height); ++y)
      for (Index x = 0; x < w.extent(axis::width); ++x) w(o, i, y, x) = 0;
}

/// Largest difference of the results of fc before and after compaction.
double change_of_output(const random_graph::network& net, const prunus::plan& plan) {
  random_graph::source random(8);
  const prunus::resolved_graph smaller = prunus::resolve(prunus::compact(net.graph, plan));
  const naive::named_values images = random_graph::random_inputs(net.resolved, random);
  const naive::values before = naive::evaluate(net.resolved, naive::tensors_of(net.model), images)
                                   .results[net.resolved.index_of("fc")];
  const naive::values after =
      naive::evaluate(smaller, naive::tensors_of(prunus::compact(net.model, plan)), images)
          .results[smaller.index_of("fc")];
  REQUIRE(before.size() == after.size());
  double worst = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    worst = std::max(worst, std::abs(before[i] - after[i]));
  return worst;
}

}  // namespace

TEST_CASE("pad_channels adds channels and keeps the plane", "[structure][pad_channels]") {
  const prunus::resolved_graph g = prunus::resolve(block());
  CHECK(g.nodes[g.index_of("wider")].shape == prunus::tensor_shape{5, 3, 3});
  CHECK(g.nodes[g.index_of("wider")].parameters.empty());
}

TEST_CASE("pad_channels refuses negative numbers", "[structure][pad_channels]") {
  for (const prunus::operation::pad_channels wrong :
       {prunus::operation::pad_channels{-1, 0}, prunus::operation::pad_channels{0, -2}}) {
    prunus::graph g;
    g.pad_channels("pad", g.input("image", {2, 1, 1}), wrong);
    CHECK(support::code_of<prunus::graph_error>([&] { static_cast<void>(prunus::resolve(g)); }) ==
          prunus::errc::bad_node);
  }
}

TEST_CASE("the channels between the zeros stay tied to those of the input",
          "[structure][pad_channels]") {
  const std::vector<prunus::coupling> groups = prunus::network_structure(block()).couplings();
  REQUIRE(groups.size() == 3);  // image, conv1 with conv2, fc
  CHECK(groups[1].name == "conv1");
  CHECK(groups[1].units == 5);
  CHECK(groups[1].prunable());
  for (const prunus::coupling::member& m : groups[1].members) {
    if (m.parameter == "conv1.weight" || m.axis == axis::in) {
      if (m.parameter != "fc.weight") CHECK(m.unit_of == indices{0, 1, 2});
    } else if (m.parameter == "conv2.weight") {
      CHECK(m.unit_of == indices{3, 0, 1, 2, 4});
    }
  }
  CHECK(prunus::explain(groups[1], 1) ==
        "dropping conv1:1 also drops conv2:2, conv2.in:1 and fc.in:2");
}

TEST_CASE("a plan removes zeros with the channels that are added to them",
          "[structure][pad_channels]") {
  random_graph::source random(4);
  random_graph::network net = random_graph::with_random_weights(block(), random);
  zero_output(net, "conv2.weight", 0);  // meets a zero of the shortcut: nothing is left of it
  zero_output(net, "conv2.weight", 2);  // meets channel 1 of conv1, which is alive
  zero_output(net, "conv2.weight", 4);
  const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
  CHECK(plan.is_exact());
  REQUIRE(plan.removed.size() == 2);
  CHECK(plan.find("conv1.weight") == nullptr);
  REQUIRE(plan.find("conv2.weight") != nullptr);
  CHECK(plan.find("conv2.weight")->out == indices{0, 4});
  const auto zeros = padding_of(prunus::compact(net.graph, plan), "wider");
  CHECK(zeros.before == 0);
  CHECK(zeros.after == 0);
  CHECK(change_of_output(net, plan) < 1e-12);
}

TEST_CASE("a plan removes channels on both sides of a padded shortcut",
          "[structure][pad_channels]") {
  random_graph::source random(5);
  random_graph::network net = random_graph::with_random_weights(block(), random);
  zero_output(net, "conv1.weight", 1);
  zero_output(net, "conv2.weight", 2);
  zero_output(net, "conv2.weight", 0);
  const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
  REQUIRE(plan.removed.size() == 2);
  CHECK(plan.find("conv1.weight")->out == indices{1});
  CHECK(plan.find("conv2.weight")->in == indices{1});
  CHECK(plan.find("conv2.weight")->out == indices{0, 2});
  const auto zeros = padding_of(prunus::compact(net.graph, plan), "wider");
  CHECK(zeros.before == 0);
  CHECK(zeros.after == 1);
  CHECK(change_of_output(net, plan) < 1e-12);
}

TEST_CASE("zeros that nobody adds anything to are removed from what reads them",
          "[structure][pad_channels]") {
  prunus::graph g;
  g.input("image", {2, 3, 3});
  g.pad_channels("wider", g.convolution("conv1", "image", {.out_channels = 2}),
                 {.before = 2, .after = 1});
  g.linear("fc", g.flatten("flat", "wider"), {.out_features = 2});
  random_graph::source random(6);
  const random_graph::network net = random_graph::with_random_weights(g, random);
  const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
  CHECK(plan.removed.size() == 3);
  CHECK(plan.find("fc.weight")->kept_in() == 18);
  CHECK(prunus::compact(net.graph, plan).nodes().size() == g.nodes().size());
  CHECK(change_of_output(net, plan) < 1e-12);
}

TEST_CASE("a network keeps a channel beside zeros, not the zeros alone",
          "[structure][pad_channels]") {
  prunus::graph g;
  g.input("image", {2, 3, 3});
  g.pad_channels("wider", g.convolution("conv1", "image", {.out_channels = 2}),
                 {.before = 1, .after = 1});
  g.linear("fc", g.flatten("flat", "wider"), {.out_features = 2});
  random_graph::source random(7);
  random_graph::network net = random_graph::with_random_weights(g, random);
  const auto w = net.model["fc.weight"].weight;
  for (Index o = 0; o < 2; ++o)
    for (Index i = 0; i < 36; ++i) w(o, i) = 0;
  const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
  const auto zeros = padding_of(prunus::compact(net.graph, plan), "wider");
  CHECK(zeros.before + zeros.after == 0);
  CHECK(plan.find("conv1.weight")->kept_out() == 1);
  CHECK(change_of_output(net, plan) < 1e-12);
}
