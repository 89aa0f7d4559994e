// SPDX-License-Identifier: MIT
#include <prunus/adaptive/mask_sets.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace {

using prunus::errc;
using prunus::Index;
using prunus::mask_sets;
using prunus::named_mask;
using support::code_of;

random_graph::network small_network() {
  prunus::graph g;
  g.input("image", {2, 6, 6});
  g.convolution("conv1", "image", {.out_channels = 6, .kernel = 3, .padding = 1});
  g.convolution("conv2", g.relu("relu1", "conv1"), {.out_channels = 5, .kernel = 3});
  g.linear("fc", g.flatten("flat", g.relu("relu2", "conv2")), {.out_features = 3});
  random_graph::source random(1);
  return random_graph::with_random_weights(g, random);
}

/// Removes the first `filters` filters of a convolution, weight and bias.
std::vector<named_mask> first_filters(const random_graph::network& net, const std::string& layer,
                                      Index filters) {
  std::vector<named_mask> masks;
  for (const std::string& name : {layer + ".weight", layer + ".bias"}) {
    named_mask m{name, prunus::mask(prunus::tile_grid(net.model[name].weight, prunus::filter))};
    for (Index f = 0; f < filters; ++f) m.mask.set(f, false);
    masks.push_back(m);
  }
  return masks;
}

std::vector<std::vector<double>> values_of(const random_graph::network& net) {
  std::vector<std::vector<double>> all;
  for (const auto& t : net.tensors) all.push_back(t.values);
  return all;
}

}  // namespace

TEST_CASE("switching gives exactly the masked weights, in any order", "[gates][mask_sets]") {
  random_graph::network net = small_network();
  const auto dense = values_of(net);
  // Each set masked by hand, from the dense weights.
  std::vector<std::vector<named_mask>> masks{first_filters(net, "conv1", 2),
                                             first_filters(net, "conv2", 3),
                                             first_filters(net, "conv1", 5)};
  for (const named_mask& m : first_filters(net, "conv2", 1)) masks[2].push_back(m);
  std::vector<std::vector<std::vector<double>>> expected;
  for (const auto& set : masks) {
    random_graph::network twin = small_network();
    for (const named_mask& m : set) m.mask.apply(twin.model[m.name].weight);
    expected.push_back(values_of(twin));
  }
  mask_sets<double> sets(net.model);
  for (const auto& set : masks) {
    const Index number = sets.add("set " + std::to_string(sets.size()), set);
    CHECK(values_of(net) == dense);  // adding leaves the network dense
    sets.activate(number);
  }
  CHECK(sets.name(1) == "set 1");
  for (const Index set : {0, 2, 1, 1, 0, 2, 0}) {
    sets.activate(set);
    CHECK(sets.active() == set);
    CHECK(values_of(net) == expected[static_cast<std::size_t>(set)]);
  }
  sets.activate(mask_sets<double>::dense);
  CHECK(values_of(net) == dense);
}

TEST_CASE("a compacted set gives the outputs of the masked network for less work",
          "[gates][mask_sets]") {
  random_graph::network net = small_network();
  mask_sets<double> sets(net.model);
  const Index easy = sets.add("easy", first_filters(net, "conv1", 4));
  const Index hard = sets.add("hard", first_filters(net, "conv1", 1));
  sets.activate(hard);
  const auto in_force = values_of(net);
  const auto small = sets.compacted(easy, net.graph);
  CHECK(sets.active() == hard);
  CHECK(values_of(net) == in_force);
  CHECK(small.plan.removed.size() == 4);
  CHECK(small.plan.after.macs < small.plan.before.macs / 2);

  sets.activate(easy);
  random_graph::source random(2);
  const auto inputs = random_graph::random_inputs(net.resolved, random);
  const prunus::resolved_graph smaller = prunus::resolve(small.graph);
  const auto masked = naive::evaluate(net.resolved, naive::tensors_of(net.model), inputs);
  const auto compacted = naive::evaluate(smaller, naive::tensors_of(small.tensors), inputs);
  REQUIRE(masked.results.back().size() == 3);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(std::abs(masked.results.back()[i] - compacted.results.back()[i]) < 1e-12);
}

TEST_CASE("masks of other weights, unknown names and numbers are refused", "[gates][mask_sets]") {
  random_graph::network net = small_network();
  const auto dense = values_of(net);
  mask_sets<double> sets(net.model);
  const Index easy = sets.add("easy", first_filters(net, "conv1", 4));
  const auto add = [&](std::vector<named_mask> masks, const char* name) {
    (void)sets.add(name, std::move(masks));
  };
  CHECK(code_of<prunus::argument_error>([&] { add({}, "easy"); }) == errc::duplicate_name);
  auto masks = first_filters(net, "conv2", 1);
  masks.push_back({"conv3.weight", masks[0].mask});
  CHECK(code_of<prunus::argument_error>([&] { add(masks, "hard"); }) == errc::unknown_name);
  masks.back().name = "conv1.weight";
  CHECK(code_of<prunus::shape_error>([&] { add(masks, "hard"); }) == errc::shape_mismatch);
  CHECK(sets.size() == 1);
  for (const Index wrong : {easy + 1, Index{-2}}) {
    CHECK(code_of<prunus::argument_error>([&] { sets.activate(wrong); }) == errc::out_of_range);
    CHECK(code_of<prunus::argument_error>([&] { (void)sets.name(wrong); }) == errc::out_of_range);
    CHECK(code_of<prunus::argument_error>([&] { (void)sets.compacted(wrong, net.graph); }) ==
          errc::out_of_range);
  }
  CHECK(values_of(net) == dense);
}
