// SPDX-License-Identifier: MIT
#include <prunus/structure/coupling.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_graph.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using prunus::axis;
using prunus::coupling;
using prunus::Index;
using indices = std::vector<Index>;

std::vector<coupling> groups_of(const prunus::graph& g) {
  return prunus::network_structure(g).couplings();
}

const coupling& named(const std::vector<coupling>& groups, const std::string& name) {
  for (const coupling& group : groups)
    if (group.name == name) return group;
  FAIL("no coupling is called " << name);
  return groups.front();
}
/// The map of a member; fails when it is missing.
indices map_of(const coupling& group, const std::string& parameter, axis along) {
  for (const coupling::member& m : group.members)
    if (m.parameter == parameter && m.axis == along) return {m.unit_of.begin(), m.unit_of.end()};
  FAIL(group.name << " has no member " << parameter);
  return {};
}
std::vector<std::string> names_of(const std::vector<coupling>& groups) {
  std::vector<std::string> names;
  for (const coupling& group : groups) names.push_back(group.name);
  return names;
}

}  // namespace

TEST_CASE("a chain couples each layer with what follows and what reads it",
          "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {3, 8, 8});
  g.convolution("conv1", "image", {.out_channels = 4, .kernel = 3});
  g.relu("relu1", g.batch_norm("bn1", "conv1"));
  g.convolution("conv2", "relu1", {.out_channels = 2, .kernel = 3, .bias = false});
  const std::vector<coupling> groups = groups_of(g);
  REQUIRE(names_of(groups) == std::vector<std::string>{"image", "conv1", "conv2"});
  CHECK_FALSE(groups[0].prunable());
  CHECK(groups[1].prunable());
  CHECK_FALSE(groups[2].prunable());

  const coupling& conv1 = groups[1];
  CHECK(conv1.units == 4);
  REQUIRE(conv1.members.size() == 5);
  const indices straight{0, 1, 2, 3};
  const std::vector<std::string> parameters{"conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias",
                                            "conv2.weight"};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(conv1.members[i].parameter == parameters[i]);
    CHECK(conv1.members[i].axis == (i == 4 ? axis::in : axis::out));
    CHECK(conv1.members[i].scored == (i == 0 || i == 4));
    CHECK(conv1.members[i].unit_of == straight);
  }
  CHECK(prunus::explain(conv1, 3) == "dropping conv1:3 also drops bn1:3 and conv2.in:3");
  CHECK(prunus::explain(groups[0], 1) == "dropping conv1.in:1 drops nothing else");
}

TEST_CASE("a residual sum couples both branches and everything around them",
          "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {3, 8, 8});
  g.convolution("stem", "image", {.out_channels = 4});
  g.convolution("inner", "stem", {.out_channels = 6});
  g.convolution("outer", "inner", {.out_channels = 4});
  g.add("sum", {"outer", "stem"});
  g.convolution("next", "sum", {.out_channels = 2});
  const std::vector<coupling> groups = groups_of(g);
  CHECK(names_of(groups) == std::vector<std::string>{"image", "stem", "inner", "next"});
  CHECK(prunus::explain(named(groups, "stem"), 2) ==
        "dropping stem:2 also drops inner.in:2, outer:2 and next.in:2");
  CHECK(prunus::explain(named(groups, "inner"), 5) == "dropping inner:5 also drops outer.in:5");
}

TEST_CASE("what is added to the input or gives the output is not prunable",
          "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {3, 8, 8});
  g.convolution("conv1", "image", {.out_channels = 3});
  g.convolution("conv2", g.add("sum", {"conv1", "image"}), {.out_channels = 5});
  g.convolution("conv3", "conv2", {.out_channels = 4});
  g.output("conv2");
  g.output("conv3");
  for (const coupling& group : groups_of(g)) CHECK_FALSE(group.prunable());
}

TEST_CASE("units say why they stay, each for itself", "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {2, 8, 8});
  g.convolution("conv1", "image", {.out_channels = 3});
  g.convolution("conv2", g.concat("cat", {"conv1", "image"}), {.out_channels = 5});
  const std::vector<coupling> groups = groups_of(g);
  const coupling& joined = groups.front();
  REQUIRE(joined.units == 5);
  CHECK(joined.prunable());
  Index stay = 0;
  for (Index u = 0; u < 5; ++u)
    if (!joined.may_go(u)) {
      ++stay;
      CHECK(joined.stays[static_cast<std::size_t>(u)] == prunus::keep_reason::input_of_network);
    }
  CHECK(stay == 2);
  for (const Index u : joined.members.front().unit_of)  // conv1's
    CHECK(joined.may_go(u));
  CHECK(groups.back().stays[4] == prunus::keep_reason::output_of_network);
}

TEST_CASE("a concatenation puts its inputs into one coupling", "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {3, 8, 8});
  g.convolution("left", "image", {.out_channels = 2});
  g.convolution("right", "image", {.out_channels = 3});
  g.convolution("next", g.concat("both", {"left", "right", "left"}), {.out_channels = 2});
  const std::vector<coupling> groups = groups_of(g);
  const coupling& both = named(groups, "left");
  CHECK(both.units == 5);
  CHECK(map_of(both, "left.weight", axis::out) == indices{0, 1});
  CHECK(map_of(both, "right.bias", axis::out) == indices{2, 3, 4});
  CHECK(map_of(both, "next.weight", axis::in) == indices{0, 1, 2, 3, 4, 0, 1});
  CHECK(prunus::explain(both, 1) == "dropping left:1 also drops next.in:1,6");
  CHECK(prunus::explain(both, 4) == "dropping right:2 also drops next.in:4");
}

TEST_CASE("a depth-wise convolution is tied to what it reads", "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {3, 8, 8});
  g.convolution("conv1", "image", {.out_channels = 3});
  g.convolution("depth_wise", "conv1", {.out_channels = 6, .kernel = 3, .groups = 3});
  g.convolution("conv2", "depth_wise", {.out_channels = 2});
  const std::vector<coupling> groups = groups_of(g);
  const coupling& conv1 = named(groups, "conv1");
  CHECK(conv1.units == 3);
  CHECK(map_of(conv1, "depth_wise.weight", axis::out) == indices{0, 0, 1, 1, 2, 2});
  for (const coupling::member& m : conv1.members)
    CHECK((m.parameter != "depth_wise.weight" || m.axis == axis::out));
  CHECK(prunus::explain(conv1, 1) == "dropping conv1:1 also drops depth_wise:2-3 and conv2.in:2-3");
}

TEST_CASE("a grouped convolution ties equal channels of its groups", "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {3, 8, 8});
  g.convolution("conv1", "image", {.out_channels = 4});
  g.convolution("grouped", "conv1", {.out_channels = 6, .groups = 2});
  g.convolution("conv2", "grouped", {.out_channels = 2});
  const std::vector<coupling> groups = groups_of(g);
  const coupling &conv1 = named(groups, "conv1"), &grouped = named(groups, "grouped");
  CHECK(conv1.units == 2);
  CHECK(map_of(conv1, "conv1.weight", axis::out) == indices{0, 1, 0, 1});
  CHECK(map_of(conv1, "grouped.weight", axis::in) == indices{0, 1});
  CHECK(grouped.units == 3);
  CHECK(map_of(grouped, "grouped.weight", axis::out) == indices{0, 1, 2, 0, 1, 2});
  CHECK(prunus::explain(conv1, 1) == "dropping conv1:1,3 also drops grouped.in:1");
}

TEST_CASE("flattening repeats each channel in either order", "[structure][coupling]") {
  const bool channels_last = GENERATE(false, true);
  prunus::graph g;
  g.input("image", {3, 1, 2});
  g.convolution("conv", "image", {.out_channels = 2});
  g.linear("fc", g.flatten("flat", "conv", {.channels_last = channels_last}), {.out_features = 2});
  const std::vector<coupling> groups = groups_of(g);
  CHECK(map_of(named(groups, "conv"), "fc.weight", axis::in) ==
        (channels_last ? indices{0, 1, 0, 1} : indices{0, 0, 1, 1}));
  CHECK(prunus::explain(named(groups, "conv"), 1) ==
        (channels_last ? "dropping conv:1 also drops fc.in:1,3"
                       : "dropping conv:1 also drops fc.in:2-3"));
}

TEST_CASE("the features of a head live and die together", "[structure][coupling]") {
  prunus::graph g;
  g.input("tokens", {4, 5, 1});
  g.linear("query", "tokens", {.out_features = 6});
  g.split_heads("heads", "query", 2);
  g.linear("out", g.merge_heads("merged", "heads", 3), {.out_features = 4});
  const std::vector<coupling> groups = groups_of(g);
  CHECK(named(groups, "query").units == 2);
  CHECK(map_of(named(groups, "query"), "query.weight", axis::out) == indices{0, 0, 0, 1, 1, 1});
  CHECK(map_of(named(groups, "query"), "out.weight", axis::in) == indices{0, 0, 0, 1, 1, 1});
}

TEST_CASE("a gate is tied to the channels that it multiplies", "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {3, 4, 4});
  g.convolution("conv", "image", {.out_channels = 4});
  g.convolution("squeeze", g.global_average_pooling("pool", "conv"), {.out_channels = 2});
  g.convolution("excite", "squeeze", {.out_channels = 4});
  g.convolution("next", g.multiply("gated", {"conv", "excite"}), {.out_channels = 2});
  const std::vector<coupling> groups = groups_of(g);
  CHECK(prunus::explain(named(groups, "conv"), 3) ==
        "dropping conv:3 also drops squeeze.in:3, excite:3 and next.in:3");
}

TEST_CASE("every axis of every trained tensor belongs to exactly one coupling",
          "[structure][coupling]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    random_graph::network net = random_graph::random_network(random);
    prunus::couple(net.model,
                   net.graph);  // accepts: every map covers its axis with units that exist
    std::map<std::pair<std::string, axis>, int> seen;
    for (const coupling& group : net.model.couplings()) {
      std::vector<int> used(static_cast<std::size_t>(group.units));
      for (const coupling::member& m : group.members) {
        ++seen[{m.parameter, m.axis}];
        for (Index unit : m.unit_of) used[static_cast<std::size_t>(unit)] = 1;
      }
      if (!group.members.empty()) CHECK(used == std::vector<int>(used.size(), 1));
    }
    for (const auto& node : net.resolved.nodes)
      for (const auto& p : node.parameters) {
        const bool statistic = p.name.find("running") != p.name.npos;
        CHECK(seen[{p.name, axis::out}] == (statistic ? 0 : 1));
        const bool has_in = (p.shape.size() == 2 && p.axes == prunus::layout("OI")) ||
                            (p.shape.size() == 4 && p.shape[1] > 1);
        if (has_in) CHECK(seen[{p.name, axis::in}] == 1);
        if (p.shape.size() == 1) CHECK(seen[{p.name, axis::in}] == 0);
      }
  }
}

TEST_CASE("couple names a parameter that the model lacks and changes nothing",
          "[structure][coupling]") {
  prunus::graph g;
  g.input("image", {3, 1, 1});
  g.linear("fc", "image", {.out_features = 2});
  std::vector<float> weight(6), bias(2);
  prunus::model<float> net;
  net.add("fc.weight", prunus::view(weight, {2, 3}));
  const support::thrown lacking =
      support::error_of<prunus::argument_error>([&] { prunus::couple(net, g); });
  CHECK(lacking.code == prunus::errc::unknown_name);
  CHECK(lacking.says("fc.bias"));
  CHECK(net.couplings().empty());
  net.add("fc.bias", prunus::view(bias));
  prunus::couple(net, g);
  CHECK(net.couplings().size() == 2);
}

TEST_CASE("explain refuses a unit that does not exist", "[structure][coupling]") {
  const coupling group{"conv", 2, {}};
  CHECK(prunus::explain(group, 1) == "dropping conv:1 drops no parameter");
  for (Index unit : {2, -1})
    CHECK(support::code_of<prunus::argument_error>([&] { (void)prunus::explain(group, unit); }) ==
          prunus::errc::out_of_range);
}
