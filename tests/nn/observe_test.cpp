// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/criteria/activation_count.hpp>
#include <prunus/nn/adapters/observe.hpp>
#include <prunus/nn/architectures/lenet.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/propagate_dead_units.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/schedule/accuracy_steps.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <cmath>   // std::abs
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using prunus::activation_record;
using prunus::activation_statistics;
using prunus::graph;
using prunus::Index;
namespace nn = prunus::nn;

/// Sums over the values of one node, by the loops of the oracle.
struct naive_sums {
  std::vector<double> active, sum, square;
  Index positions = 0;

  naive_sums(const std::vector<naive::evaluation>& samples, std::size_t node, Index channels)
      : active(static_cast<std::size_t>(channels)), sum(active.size()), square(active.size()) {
    for (const naive::evaluation& sample : samples) {
      const naive::values& values = sample.results[node];
      const std::size_t plane = values.size() / active.size();
      positions += static_cast<Index>(plane);
      for (std::size_t i = 0; i < values.size(); ++i) {
        active[i / plane] += values[i] != 0 ? 1 : 0;
        sum[i / plane] += values[i];
        square[i / plane] += values[i] * values[i];
      }
    }
  }
  [[nodiscard]] bool agrees(const activation_record& r) const {
    bool same = r.active.size() == active.size() && r.positions == positions;
    for (std::size_t c = 0; same && c < active.size(); ++c)
      same = static_cast<double>(r.active[c]) == active[c] &&
             std::abs(r.sum[c] - sum[c]) <= 1e-9 * (1 + r.magnitude[c]) &&
             std::abs(r.square[c] - square[c]) <= 1e-9 * (1 + square[c]);
    return same;
  }
};

graph with_one_output(const graph& declared) {
  graph result;
  for (const prunus::graph_node& node : declared.nodes()) result.add_node(node);
  result.output(declared.nodes().back().name);
  return result;
}

/// Whether `reader` stands between `from` and what others see: the only reader, and a
/// normalisation or an activation.
template <class Operation>
const prunus::resolved_graph::node* only_reader(const prunus::resolved_graph& network,
                                                const prunus::resolved_graph::node& from) {
  if (from.is_output || from.consumers.size() != 1) return nullptr;
  const auto& reader = network.nodes[from.consumers[0]];
  return reader.operation.template is<Operation>() ? &reader : nullptr;
}

}  // namespace

TEST_CASE("a network is observed as the loops see it, on random graphs", "[nn][observe]") {
  Index layers = 0, moved = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    support::random_source random(seed);
    const graph declared = with_one_output(random_graph::builder(random).result());
    const random_graph::network oracle = random_graph::with_random_weights(declared, random);
    nn::network<double> net(declared, {.keep_activations = true});
    for (const auto& tensor : oracle.tensors) net.assign(tensor.name, tensor.view());
    std::vector<double> images;
    std::vector<naive::evaluation> samples;
    for (int n = 0; n < 3; ++n) {
      const naive::named_values given = random_graph::random_inputs(oracle.resolved, random);
      images.insert(images.end(), given.at("image").begin(), given.at("image").end());
      samples.push_back(naive::evaluate(oracle.resolved, naive::tensors_of(oracle.model), given));
    }
    (void)net.forward(images, 3, nn::mode::inference);
    activation_statistics outputs, inputs;
    nn::observe_outputs(net, outputs);
    nn::observe_inputs(net, inputs);
    REQUIRE(outputs.records().size() == inputs.records().size());
    for (const auto& node : oracle.resolved.nodes) {
      const activation_record* out = outputs.find(node.name + ".weight");
      const activation_record* in = inputs.find(node.name + ".weight");
      if (out == nullptr) continue;
      ++layers;
      const prunus::resolved_graph::node* seen = &node;
      while (const auto* next = only_reader<prunus::operation::batch_norm>(oracle.resolved, *seen))
        seen = next;
      if (const auto* next = only_reader<prunus::operation::activation>(oracle.resolved, *seen))
        seen = next;
      moved += seen == &node ? 0 : 1;
      CAPTURE(seed, node.name, seen->name);
      REQUIRE(out->samples == 3);
      const auto& source = oracle.resolved.nodes[node.inputs[0]];
      REQUIRE(naive_sums(samples, oracle.resolved.index_of(seen->name), seen->shape.channels)
                  .agrees(*out));
      REQUIRE(naive_sums(samples, node.inputs[0], source.shape.channels).agrees(*in));
    }
  }
  CHECK(layers > 100);
  CHECK(moved > 30);
}

TEST_CASE("the outputs of a layer are taken behind its normalisation and activation",
          "[nn][observe]") {
  graph g;
  g.input("image", {1, 1, 2});
  g.convolution("conv", "image", {.out_channels = 1, .bias = false});
  g.relu("relu", g.batch_norm("bn", "conv", {.epsilon = 1}));
  g.linear("fc", g.flatten("flat", "relu"), {.out_features = 1});
  nn::network<float> net(g, {.keep_activations = true});
  net.model()["conv.weight"].weight.data[0] = 1;
  net.model()["bn.running_var"].weight.data[0] = 3;
  net.model()["bn.bias"].weight.data[0] = -1;
  (void)net.forward(std::vector<float>{1, 6}, 1, nn::mode::inference);  // -> -0.5, 2 -> 0, 2
  activation_statistics outputs, inputs;
  nn::observe_outputs(net, outputs, 0.5);
  nn::observe_inputs(net, inputs);
  CHECK(outputs["conv.weight"].active == std::vector<std::int64_t>{1});
  CHECK(outputs["conv.weight"].sum == std::vector<double>{2});
  CHECK(outputs["conv.weight"].weighted == std::vector<double>{1});
  CHECK(outputs["conv.weight"].positions == 2);
  CHECK(inputs["conv.weight"].sum == std::vector<double>{7});
  CHECK(inputs["fc.weight"].sum == std::vector<double>{0, 2});
  CHECK(inputs["fc.weight"].positions == 1);
}

TEST_CASE("training can be observed batch by batch", "[nn][observe]") {
  nn::network<float> net(nn::lenet({1, 32, 32}, 10), {.keep_activations = true});
  nn::optimizer optimize(net, nn::sgd{});
  const std::vector<float> images(4 * 32 * 32, 0.5F);
  const std::vector<int> labels{1, 2, 3, 4};
  activation_statistics outputs;
  for (int step = 0; step < 2; ++step)
    nn::train_step(net, optimize, std::span<const float>(images), std::span<const int>(labels),
                   0.01, [&] { nn::observe_outputs(net, outputs); });
  CHECK(outputs.records().size() == 5);
  CHECK(outputs["conv1.weight"].samples == 8);
  CHECK(outputs["conv1.weight"].positions == 8 * 32 * 32);
  CHECK(outputs["fc1.weight"].channels() == 120);
}

TEST_CASE("a dense network is pruned by activation while it learns", "[nn][observe]") {
  // The class of a sample is which of its four quarters holds larger numbers.
  support::random_source random(3);
  std::vector<float> images;
  std::vector<int> labels;
  for (int sample = 0; sample < 64; ++sample) {
    labels.push_back(sample % 4);
    for (int i = 0; i < 16; ++i)
      images.push_back(static_cast<float>(random.real(0, 0.5) + (i / 4 == sample % 4 ? 0.5 : 0)));
  }
  graph g;
  g.input("image", {16, 1, 1});
  g.relu("relu1", g.linear("fc1", "image", {.out_features = 24}));
  g.relu("relu2", g.linear("fc2", "relu1", {.out_features = 16}));
  g.linear("fc3", "relu2", {.out_features = 4});
  nn::network<float> net(g, {.keep_activations = true});
  nn::optimizer optimize(net, nn::sgd{.momentum = 0});

  activation_statistics outputs;
  prunus::scheduler scheduler{net.model()};
  scheduler.add(
      prunus::accuracy_steps{.final_sparsity = 0.7},
      prunus::pass{prunus::activation_count{outputs}, prunus::element, prunus::global{}}.within(
          {.exclude = {"fc3.weight"}}));
  const std::span<const float> all(images);
  double accuracy = 0;
  int events = 0;
  for (Index epoch = 0; epoch < 60 && (accuracy < 0.98 || events == 0); ++epoch) {
    nn::train_step(net, optimize, all, std::span<const int>(labels), 0.2,
                   [&] { nn::observe_outputs(net, outputs); });
    scheduler.hold();
    accuracy = nn::evaluate(net, all, std::span<const int>(labels)).accuracy;
    if (scheduler.step({.step = epoch, .epoch = epoch, .accuracy = accuracy}).pruned()) {
      ++events;
      prunus::propagate_dead_units(g, net.model());
    }
  }
  CHECK(events >= 1);
  CHECK(accuracy >= 0.9);
  const double total = 24 * 16 + 16 * 24;
  Index zeros = 0;
  for (const char* name : {"fc1.weight", "fc2.weight"}) {
    const auto& weight = net.model()[name].weight;
    for (Index i = 0; i < weight.size(); ++i) zeros += weight.data[i] == 0 ? 1 : 0;
  }
  CHECK(scheduler.sparsity() == Approx(0.7).margin(1 / total));
  CHECK(static_cast<double>(zeros) >= 0.7 * total - 1);
}

TEST_CASE("a network that keeps nothing cannot be observed", "[nn][observe]") {
  graph g;
  g.input("x", {2, 1, 1});
  g.linear("fc", "x", {.out_features = 2});
  activation_statistics outputs;
  nn::network<float> keeps_nothing(g), not_run(g, {.keep_activations = true});
  (void)keeps_nothing.forward(std::vector<float>{1, 2}, 1, nn::mode::inference);
  for (const auto* net : {&keeps_nothing, &not_run})
    CHECK(support::code_of<prunus::state_error>([&] { nn::observe_outputs(*net, outputs); }) ==
          prunus::errc::wrong_order);
  CHECK(outputs.empty());
}
