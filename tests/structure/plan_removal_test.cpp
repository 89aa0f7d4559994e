// SPDX-License-Identifier: MIT
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/known_networks.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using prunus::Index;
using prunus::keep_reason;
using prunus::plan;
using support::code_of;
using indices = std::vector<Index>;

random_graph::network weighted(const prunus::graph& g) {
  random_graph::source random(7);
  return random_graph::with_random_weights(g, random);
}
/// Sets all values of a tensor, or those of one output.
void set(random_graph::network& net, const char* tensor, double value) {
  const auto w = net.model[tensor].weight;
  for (Index i = 0; i < w.size(); ++i) w.data[i] = value;
}
void set(random_graph::network& net, const char* tensor, Index out, double value) {
  const auto w = net.model[tensor].weight;
  for (Index i = 0; i < w.extent(prunus::axis::in); ++i)
    for (Index y = 0; y < w.extent(prunus::axis::height); ++y)
      for (Index x = 0; x < w.extent(prunus::axis::width); ++x) w(out, i, y, x) = value;
}
bool says(const plan& p, const std::string& sentence) {
  return prunus::to_text(p).find(sentence) != std::string::npos;
}

/// Largest difference between the masked and the compacted network at the last node.
double difference(random_graph::network& net, const plan& p) {
  random_graph::source random(11);
  const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
  const prunus::resolved_graph smaller = prunus::resolve(prunus::compact(net.graph, p));
  const auto before =
      naive::evaluate(net.resolved, naive::tensors_of(net.model), inputs).results.back();
  const auto after =
      naive::evaluate(smaller, naive::tensors_of(prunus::compact(net.model, p)), inputs)
          .results.back();
  REQUIRE(before.size() == after.size());
  double worst = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    worst = std::max(worst, std::abs(before[i] - after[i]));
  return worst;
}

/// conv1 - bn1 - relu1 - conv2 - bn2 - fc with one dead filter, whose channel still emits 0.25.
prunus::graph chain(Index padding, bool bias, bool second_norm) {
  prunus::graph g;
  g.input("image", {2, 6, 6});
  g.convolution("conv1", "image", {.out_channels = 4, .kernel = 3, .padding = 1, .bias = false});
  g.relu("relu1", g.batch_norm("bn1", "conv1", {.epsilon = 0}));
  std::string x = g.convolution("conv2", "relu1",
                                {.out_channels = 3, .kernel = 3, .padding = padding, .bias = bias});
  if (second_norm) x = g.batch_norm("bn2", x);
  g.linear("fc", g.global_average_pooling("pool", x), {.out_features = 2});
  return g;
}
random_graph::network dead_chain(Index padding, bool bias, bool second_norm) {
  random_graph::network net = weighted(chain(padding, bias, second_norm));
  set(net, "conv1.weight", 3, 0);
  set(net, "bn1.running_mean", 3, 1);
  set(net, "bn1.running_var", 3, 4);
  set(net, "bn1.weight", 3, 2);
  set(net, "bn1.bias", 3, 1.25);  // (0 - 1) / 2 * 2 + 1.25 = 0.25
  return net;
}

}  // namespace

TEST_CASE("what a dead filter still emits goes to the bias of its reader", "[structure][plan]") {
  random_graph::network net = dead_chain(0, true, false);
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.removed.size() == 1);
  CHECK(p.removed[0] == plan::removal{"conv1", 3, plan::removal_reason::constant,
                                      "dropping conv1:3 also drops bn1:3 and conv2.in:3"});
  REQUIRE(p.folds.size() == 1);
  CHECK(p.folds[0] ==
        plan::fold{"relu1", 3, 0.25, "conv2.weight", 1, plan::receiver::bias, "conv2.bias"});
  CHECK(p.kept.empty());
  CHECK(p.is_exact());
  REQUIRE(p.find("conv2.weight") != nullptr);
  CHECK(*p.find("conv2.weight") == plan::tensor_slice{"conv2.weight", {3, 4, 3, 3}, {}, {3}});
  CHECK(*p.find("bn1.running_var") == plan::tensor_slice{"bn1.running_var", {4, 1, 1, 1}, {3}, {}});
  CHECK(p.find("conv2.bias") == nullptr);
  CHECK(p.before.parameters - p.after.parameters == 2 * 9 + 2 + 3 * 9);
  CHECK(p.before.macs - p.after.macs == 36 * 2 * 9 + 16 * 3 * 9);
  CHECK(says(
      p,
      "dropping conv1:3 also drops bn1:3 and conv2.in:3; its value is the same for every input\n"));
  CHECK(says(p, "relu1:3 emits 0.25 to conv2.weight: conv2.bias takes it over\n"));

  set(net, "conv2.weight", 2);
  const auto tensors = naive::tensors_of(prunus::compact(net.model, p));
  const auto bias = naive::tensors_of(net.model).at("conv2.bias");
  for (std::size_t o = 0; o < 3; ++o)
    CHECK(tensors.at("conv2.bias")[o] == Approx(bias[o] + 9 * 2 * 0.25));
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("a layer without bias hands the constant to the normalisation behind it",
          "[structure][plan]") {
  random_graph::network net = dead_chain(0, false, true);
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.folds.size() == 1);
  CHECK(p.folds[0].into == plan::receiver::running_mean);
  CHECK(p.folds[0].tensor == "bn2.running_mean");
  CHECK(p.new_tensors.empty());
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("a normalisation takes a constant over only where it alone reads the layer",
          "[structure][plan]") {
  for (const bool is_output : {false, true}) {
    prunus::graph g;
    g.input("image", {3, 4, 4});
    g.convolution("conv1", "image", {.out_channels = 4});
    g.convolution("conv2", "conv1", {.out_channels = 3, .bias = false});
    g.output(g.batch_norm("bn2", "conv2"));
    g.output(is_output ? "conv2" : g.relu("beside", "conv2"));
    random_graph::source random(1);
    const random_graph::network net = random_graph::with_random_weights(g, random);
    for (Index i = 0; i < 3; ++i) net.model["conv1.weight"].weight(1, i) = 0;
    const prunus::plan plan = prunus::plan_removal(net.structure, net.model);
    REQUIRE(plan.folds.size() == 1);
    CHECK(plan.folds[0].into == prunus::plan::receiver::new_bias);
    CHECK(plan.folds[0].tensor == "conv2.bias");
  }
}

TEST_CASE("a layer without bias and without normalisation gets a bias", "[structure][plan]") {
  random_graph::network net = dead_chain(0, false, false);
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.new_tensors.size() == 1);
  CHECK(p.new_tensors[0] == plan::new_tensor{"conv2.bias", "conv2.weight", 3});
  CHECK(p.before.parameters - p.after.parameters == 2 * 9 + 2 + 3 * 9 - 3);
  CHECK(says(p, "relu1:3 emits 0.25 to conv2.weight: conv2.bias, which is new, takes it over\n"));
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("zero padding of a constant other than zero keeps the channel and says why",
          "[structure][plan]") {
  random_graph::network net = dead_chain(1, true, false);
  const plan p = prunus::plan_removal(net.graph, net.model);
  CHECK(p.empty());
  REQUIRE(p.kept.size() == 1);
  CHECK(p.kept[0] == plan::kept_channel{"conv1", 3, keep_reason::zero_padding, "conv2"});
  CHECK(
      prunus::to_text(p) ==
      "nothing is removed\n"
      "keeping conv1:3: it emits a constant that the zero padding of conv2 breaks at the border\n");
  CHECK(difference(net, p) == 0);

  const plan bold = prunus::plan_removal(net.graph, net.model,
                                         {.at_padding = prunus::padding_policy::approximate});
  REQUIRE(bold.removed.size() == 1);
  REQUIRE(bold.approximations.size() == 1);
  CHECK(bold.approximations[0] == plan::approximation{"relu1", 3, "conv2"});
  CHECK_FALSE(bold.is_exact());
  CHECK(says(bold,
             "not exact: to conv2, relu1:3 counts as a constant, though zero padding breaks it at "
             "the border\n"));
  CHECK(difference(net, bold) > 1e-6);
}

TEST_CASE("a constant that an activation turns to zero goes in spite of padding",
          "[structure][plan]") {
  random_graph::network net = dead_chain(1, true, false);
  set(net, "bn1.bias", 3, 0.5);  // -0.5 before the relu
  const plan p = prunus::plan_removal(net.graph, net.model);
  CHECK(p.removed.size() == 1);
  CHECK(p.folds.empty());
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("a scale of zero kills a living filter", "[structure][plan]") {
  random_graph::network net = weighted(chain(0, true, false));
  set(net, "bn1.weight", 1, 0);
  set(net, "bn1.bias", 1, 0.75);
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.removed.size() == 1);
  CHECK(p.removed[0].unit == 1);
  CHECK(p.folds.at(0).value == 0.75);
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("a channel that nobody reads goes, and what only it reads goes too",
          "[structure][plan]") {
  prunus::graph g;
  g.input("image", {2, 5, 5});
  g.convolution("conv1", "image", {.out_channels = 3});
  g.convolution("conv2", "conv1", {.out_channels = 3});
  g.linear("fc", g.global_average_pooling("pool", "conv2"), {.out_features = 2});
  random_graph::network net = weighted(g);
  const auto fc = net.model["fc.weight"].weight, conv2 = net.model["conv2.weight"].weight;
  fc(0, 1) = fc(1, 1) = 0;
  conv2(0, 2) = conv2(2, 2) = 0;  // conv1:2 is read by conv2:1 alone
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.removed.size() == 2);
  CHECK(p.removed[0] == plan::removal{"conv1", 2, plan::removal_reason::unread,
                                      "dropping conv1:2 also drops conv2.in:2"});
  CHECK(p.removed[1] == plan::removal{"conv2", 1, plan::removal_reason::unread,
                                      "dropping conv2:1 also drops fc.in:1"});
  CHECK(says(p, "conv2.in:2; nobody reads it\n"));
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("a channel of a residual sum goes only when all branches are dead", "[structure][plan]") {
  prunus::graph g;
  g.input("image", {2, 6, 6});
  g.convolution("stem", "image", {.out_channels = 4});
  g.convolution("inner", g.relu("relu1", g.batch_norm("bn1", "stem")),
                {.out_channels = 3, .kernel = 3, .padding = 1});
  g.convolution("outer", "inner", {.out_channels = 4, .bias = false});
  g.add("sum", {g.batch_norm("bn2", "outer"), "relu1"});
  g.linear("fc", g.global_average_pooling("pool", g.relu("relu2", "sum")), {.out_features = 2});
  random_graph::network net = weighted(g);
  set(net, "outer.weight", 2, 0);
  const plan partly = prunus::plan_removal(net.graph, net.model);
  CHECK(partly.empty());
  REQUIRE(partly.kept.size() == 1);
  CHECK(partly.kept[0].node == "outer");
  CHECK(partly.kept[0].channel == 2);
  CHECK(partly.kept[0].reason == keep_reason::partly_alive);

  set(net, "stem.weight", 2, 0);
  set(net, "inner.weight", 1, 0);
  set(net, "bn1.bias", 2, -30);  // relu1:2 is 0, so the padding of inner does no harm
  const plan both = prunus::plan_removal(net.graph, net.model);
  REQUIRE(both.removed.size() == 2);
  CHECK(both.removed[0].sentence ==
        "dropping stem:2 also drops bn1:2, inner.in:2, outer:2, bn2:2 and fc.in:2");
  CHECK(both.removed[1].sentence == "dropping inner:1 also drops outer.in:1");
  CHECK(difference(net, both) < 1e-12);
}

TEST_CASE("channels behind a concatenation, a depth-wise layer and a flattening are found",
          "[structure][plan]") {
  prunus::graph g;
  g.input("image", {2, 4, 4});
  g.convolution("left", "image", {.out_channels = 3});
  g.convolution("right", "image", {.out_channels = 3});
  g.concat("both", {"left", "right"});
  g.convolution("depth_wise", "both", {.out_channels = 12, .kernel = 3, .groups = 6});
  g.linear("fc", g.flatten("flat", g.relu("relu", "depth_wise")), {.out_features = 3});
  random_graph::network net = weighted(g);
  set(net, "right.weight", 1, 0);
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.removed.size() == 1);
  CHECK(p.removed[0].sentence == "dropping right:1 also drops depth_wise:8-9 and fc.in:32-39");
  CHECK(p.find("depth_wise.weight")->out == indices{8, 9});
  CHECK(p.find("fc.weight")->in == indices{32, 33, 34, 35, 36, 37, 38, 39});
  const prunus::graph smaller = prunus::compact(net.graph, p);
  CHECK(smaller.nodes()[4].operation.as<prunus::operation::convolution>()->groups == 5);
  CHECK(smaller.nodes()[4].operation.as<prunus::operation::convolution>()->out_channels == 10);
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("a grouped convolution loses the same channel of every group", "[structure][plan]") {
  prunus::graph g;
  g.input("image", {2, 4, 4});
  g.convolution("conv1", "image", {.out_channels = 6});
  g.convolution("grouped", "conv1", {.out_channels = 4, .kernel = 3, .groups = 2});
  g.linear("fc", g.global_max_pooling("pool", "grouped"), {.out_features = 3});
  random_graph::network net = weighted(g);
  set(net, "conv1.weight", 1, 0);
  CHECK(prunus::plan_removal(net.graph, net.model).empty());
  set(net, "conv1.weight", 4, 0);  // channel 1 of the second group, with another bias
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.removed.size() == 1);
  CHECK(p.find("conv1.weight")->out == indices{1, 4});
  CHECK(p.find("grouped.weight")->in == indices{1});
  CHECK(p.folds.size() == 2);
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("layer normalisation keeps its channels and is named as the reason",
          "[structure][plan]") {
  prunus::graph g;
  g.input("tokens", {4, 3, 1});
  g.linear("embed", "tokens", {.out_features = 5});
  g.linear("fc", g.layer_norm("norm", "embed"), {.out_features = 2});
  random_graph::network net = weighted(g);
  set(net, "embed.weight", 0, 0);
  const plan p = prunus::plan_removal(net.graph, net.model);
  CHECK(p.empty());
  REQUIRE(p.kept.size() == 1);
  CHECK(p.kept[0] == plan::kept_channel{"embed", 0, keep_reason::layer_norm, "norm"});
  CHECK(says(p, "keeping embed:0: the statistics of norm count it\n"));
}

TEST_CASE("a layer that is dead as a whole keeps its first channel", "[structure][plan]") {
  random_graph::network net = weighted(chain(0, true, false));
  set(net, "conv2.weight", 0);
  const plan p = prunus::plan_removal(net.graph, net.model);
  CHECK(p.find("conv2.weight")->out == indices{1, 2});
  CHECK(p.find("conv1.weight")->out == indices{1, 2, 3});  // nobody reads conv1 then
  CHECK(says(p, "keeping conv2:0: conv2 would be left without channels\n"));
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("dead outputs of the network stay", "[structure][plan]") {
  random_graph::network net = weighted(chain(0, true, false));
  set(net, "fc.weight", 1, 0);
  const plan p = prunus::plan_removal(net.graph, net.model);
  CHECK(p.empty());
  REQUIRE(p.kept.size() == 1);
  CHECK(p.kept[0] == plan::kept_channel{"fc", 1, keep_reason::output_of_network, "fc"});
}

TEST_CASE("a gate that is shut for good takes its channel along", "[structure][plan]") {
  prunus::graph g;
  g.input("image", {2, 5, 5});
  g.convolution("conv", "image", {.out_channels = 3});
  g.convolution("excite", g.global_average_pooling("squeeze", "conv"), {.out_channels = 3});
  g.multiply("gated", {"conv", g.relu("gate", "excite")});
  g.convolution("next", "gated", {.out_channels = 2, .kernel = 3, .padding = 1});
  random_graph::network net = weighted(g);
  set(net, "excite.weight", 2, 0);
  set(net, "excite.bias", 2, -1);
  // conv:2 is still read by excite, through the squeeze.
  CHECK(prunus::plan_removal(net.graph, net.model).empty());
  const auto excite = net.model["excite.weight"].weight;
  excite(0, 2) = excite(1, 2) = 0;
  const plan p = prunus::plan_removal(net.graph, net.model);
  CHECK(p.removed.size() == 1);
  CHECK(difference(net, p) < 1e-12);
}

TEST_CASE("weights that are not finite count as alive", "[structure][plan]") {
  random_graph::network net = dead_chain(0, true, false);
  const auto w = net.model["conv1.weight"].weight;
  w(3, 0, 0, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK(prunus::plan_removal(net.graph, net.model).empty());
  w(3, 0, 0, 0) = 0;
  set(net, "bn1.bias", 3, std::numeric_limits<double>::infinity());
  CHECK(prunus::plan_removal(net.graph, net.model).empty());
}

TEST_CASE("named channels go whatever they hold", "[structure][plan]") {
  const prunus::graph g = chain(1, true, false);
  const plan p = prunus::plan_removal(g, {{"conv1", {0, 2}}, {"conv2.weight", {1}}});
  REQUIRE(p.removed.size() == 3);
  CHECK(p.find("conv2.weight")->out == indices{1});
  CHECK(p.find("conv2.weight")->in == indices{0, 2});
  CHECK(p.folds.empty());
  CHECK_FALSE(p.is_exact());
  CHECK(says(p, "dropping conv2:1 also drops fc.in:1; as requested\n"));
  CHECK(p.after == prunus::cost_of(prunus::resolve(prunus::compact(g, p))));

  const plan greedy =
      prunus::plan_removal(g, {{"conv1", {0, 1, 2, 3}}, {"fc", {1}}, {"image", {0}}});
  CHECK(greedy.find("conv1.weight")->out == indices{1, 2, 3});
  REQUIRE(greedy.kept.size() == 3);
  CHECK(says(greedy, "keeping image:0: it is tied to the input image\n"));
  CHECK(says(greedy, "keeping conv1:0: conv1 would be left without channels\n"));
  CHECK(says(greedy, "keeping fc:1: the output fc needs it\n"));

  using prunus::errc;
  CHECK(code_of<prunus::error>([&] {
          (void)prunus::plan_removal(g, {{"conv9", {0}}});
        }) == errc::unknown_name);
  CHECK(code_of<prunus::error>([&] {
          (void)prunus::plan_removal(g, {{"conv1", {4}}});
        }) == errc::out_of_range);
  CHECK(code_of<prunus::error>([&] {
          (void)prunus::plan_removal(g, {{"conv1.weight", {-1}}});
        }) == errc::out_of_range);
}

TEST_CASE("plan_removal needs every tensor of the graph in its declared shape",
          "[structure][plan]") {
  const prunus::graph g = chain(0, true, false);
  random_graph::network net = weighted(g);
  prunus::model<double> lacks, differs;
  for (auto& t : net.tensors) {
    if (t.name != "bn1.running_var") lacks.add(t.name, t.view());
    if (t.name != "fc.weight") differs.add(t.name, t.view());
  }
  std::vector<double> transposed(6);
  differs.add("fc.weight", prunus::view(transposed, {3, 2}));
  CHECK(code_of<prunus::error>([&] { (void)prunus::plan_removal(g, lacks); }) ==
        prunus::errc::unknown_name);
  CHECK(code_of<prunus::error>([&] { (void)prunus::plan_removal(g, differs); }) ==
        prunus::errc::shape_mismatch);
}

TEST_CASE("a plan for ResNet-50 from named channels counts what is left", "[structure][plan]") {
  // Half of every inner width, as early filter-pruning papers do it.
  const prunus::graph g = known_networks::resnet50();
  std::vector<prunus::unit_selection> requested;
  for (const prunus::coupling& group : prunus::network_structure(g).couplings()) {
    const bool inner = group.name.ends_with("_conv1") || group.name.ends_with("_conv2");
    if (!inner) continue;
    prunus::unit_selection& half = requested.emplace_back(prunus::unit_selection{group.name, {}});
    for (Index u = 0; u < group.units; u += 2) half.units.push_back(u);
  }
  CHECK(requested.size() == 32);
  const plan p = prunus::plan_removal(g, requested);
  Index macs = 0;  // of the three convolutions of each block: a half, a quarter and a half stay
  const prunus::resolved_graph network = prunus::resolve(g);
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    const auto& node = network.nodes[n];
    const Index own = prunus::cost_of_node(network, n).macs;
    const bool outer = node.name.ends_with("_conv1") || node.name.ends_with("_conv3");
    macs += outer ? own / 2 : node.name.ends_with("_conv2") ? own / 4 : own;
  }
  CHECK(p.after.macs == macs);
}
