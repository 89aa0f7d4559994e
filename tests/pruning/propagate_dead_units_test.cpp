// SPDX-License-Identifier: MIT
#include <prunus/pruning/propagate_dead_units.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <cmath>    // std::abs
#include <cstddef>  // std::size_t
#include <vector>   // std::vector

namespace {

using prunus::dead_constants;
using prunus::graph;
using prunus::Index;
using prunus::propagate_dead_units;

/// Two inputs, three rectified neurons of which the second has lost its weights, two outputs.
struct dead_neuron {
  std::vector<double> first{.5, .3, 0, 0, 0, -.9}, first_bias{.1, .7, -.2};
  std::vector<double> second{1, 2, 3, 4, 5, 6}, second_bias{.25, .5};
  graph declared;
  prunus::model<double> net;
  explicit dead_neuron(bool with_bias = true) {
    declared.input("x", {2, 1, 1});
    declared.linear("fc1", "x", {.out_features = 3});
    declared.linear("fc2", declared.relu("relu", "fc1"), {.out_features = 2, .bias = with_bias});
    net.add("fc1.weight", prunus::view(first, {3, 2}));
    net.add("fc1.bias", prunus::view(first_bias));
    net.add("fc2.weight", prunus::view(second, {2, 3}));
    if (with_bias) net.add("fc2.bias", prunus::view(second_bias));
  }
  [[nodiscard]] naive::values outputs() const {
    return naive::evaluate(prunus::resolve(declared), naive::tensors_of(net), {{"x", {1, -2}}})
        .results.back();
  }
};

bool same(const naive::values& a, const naive::values& b) {
  bool near = a.size() == b.size();
  for (std::size_t i = 0; near && i < a.size(); ++i)
    near = std::abs(a[i] - b[i]) <= 1e-9 * (1 + std::abs(a[i]));
  return near;
}

Index zeros_of(const prunus::model<double>& net) {
  Index zeros = 0;
  for (const auto& p : net.parameters())
    for (Index i = 0; i < p.weight.size(); ++i) zeros += p.weight.data[i] == 0 ? 1 : 0;
  return zeros;
}

}  // namespace

TEST_CASE("what reads a dead neuron is zeroed and its constant folded",
          "[pruning][propagate_dead_units]") {
  dead_neuron example;
  const naive::values before = example.outputs();
  const prunus::named_masks found = propagate_dead_units(example.declared, example.net);
  REQUIRE(found.size() == 1);
  CHECK(found["fc2.weight"].kept() == 2);
  CHECK_FALSE(found["fc2.weight"][1]);
  CHECK(example.second == std::vector<double>{1, 0, 3, 4, 0, 6});
  CHECK(example.second_bias[0] == Approx(.25 + 2 * .7));
  CHECK(example.second_bias[1] == Approx(.5 + 5 * .7));
  CHECK(example.first_bias == std::vector<double>{.1, .7, -.2});
  CHECK(same(example.outputs(), before));

  const std::vector<double> bias = example.second_bias;
  propagate_dead_units(example.declared, example.net);
  CHECK(example.second_bias == bias);

  example.second[1] = 8;  // training moves what is not held
  prunus::hold(example.net, found);
  CHECK(example.second[1] == 0);
}

TEST_CASE("the constant of a dead neuron can be dropped as the authors do",
          "[pruning][propagate_dead_units]") {
  dead_neuron example;
  const naive::values before = example.outputs();
  propagate_dead_units(example.declared, example.net, dead_constants::drop);
  CHECK(example.second == std::vector<double>{1, 0, 3, 4, 0, 6});
  CHECK(example.second_bias == std::vector<double>{.25, .5});
  const naive::values after = example.outputs();
  CHECK(before[0] - after[0] == Approx(2 * .7));
  CHECK(before[1] - after[1] == Approx(5 * .7));
}

TEST_CASE("a constant that nothing can take over stays where it is, unless it is dropped",
          "[pruning][propagate_dead_units]") {
  dead_neuron example(false);
  const naive::values before = example.outputs();
  CHECK(propagate_dead_units(example.declared, example.net).empty());
  CHECK(same(example.outputs(), before));
  CHECK(propagate_dead_units(example.declared, example.net, dead_constants::drop).size() == 1);
  CHECK(example.second == std::vector<double>{1, 0, 3, 4, 0, 6});

  dead_neuron silent(false);  // a constant of 0 needs nobody to take it over
  silent.first_bias[1] = -.7;
  CHECK(propagate_dead_units(silent.declared, silent.net).size() == 1);
  CHECK(silent.second == std::vector<double>{1, 0, 3, 4, 0, 6});
}

TEST_CASE("folding keeps the function of random pruned networks",
          "[pruning][propagate_dead_units]") {
  Index found = 0, gained = 0;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    support::random_source random(seed);
    random_graph::network network = random_graph::random_network(random);
    random_graph::zero_random_units(network, random);
    const naive::named_values inputs = random_graph::random_inputs(network.resolved, random);
    const auto outputs = [&] {
      std::vector<naive::values> all;
      const naive::evaluation result =
          naive::evaluate(network.resolved, naive::tensors_of(network.model), inputs);
      for (std::size_t n = 0; n < network.resolved.nodes.size(); ++n)
        if (network.resolved.nodes[n].is_output) all.push_back(result.results[n]);
      return all;
    };
    const std::vector<naive::values> before = outputs();
    const Index zeros = zeros_of(network.model);
    found += static_cast<Index>(propagate_dead_units(network.graph, network.model).size());
    gained += zeros_of(network.model) - zeros;
    const std::vector<naive::values> after = outputs();
    CAPTURE(seed);
    REQUIRE(before.size() == after.size());
    for (std::size_t k = 0; k < before.size(); ++k) REQUIRE(same(before[k], after[k]));
    const Index now = zeros_of(network.model);
    propagate_dead_units(network.graph, network.model);
    REQUIRE(zeros_of(network.model) == now);
  }
  CHECK(found > 50);
  CHECK(gained > 500);
}

TEST_CASE("a model without a tensor of the graph is refused", "[pruning][propagate_dead_units]") {
  dead_neuron example;
  prunus::model<double> incomplete;
  incomplete.add("fc1.weight", prunus::view(example.first, {3, 2}));
  CHECK(support::code_of<prunus::argument_error>([&] {
          propagate_dead_units(example.declared, incomplete);
        }) == prunus::errc::unknown_name);
}
