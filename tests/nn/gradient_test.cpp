// SPDX-License-Identifier: MIT
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"

#include <algorithm>   // std::max
#include <cmath>       // std::abs
#include <functional>  // std::function
#include <memory>      // std::unique_ptr
#include <string>      // std::string
#include <vector>      // std::vector

namespace {

using prunus::graph;
using prunus::Index;
using prunus::operation::activation;
namespace nn = prunus::nn;

std::vector<double> normal_numbers(Index count, std::uint64_t stream) {
  const nn::counter_random random(5, stream);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = random.normal(i);
  return values;
}

struct test_case {
  std::string name;
  std::function<void(graph&)>
      build;  // from "x", 4 x 6 x 5, which a convolution made so that it has a gradient
};

/// Every operation between two convolutions, so that both its parameters and the way through it are
/// differentiated.
std::vector<test_case> all_operations() {
  const auto on_x = [](std::string name, prunus::any_operation op) {
    return test_case{name, [=](graph& g) { g.node("y", op, {"x"}); }};
  };
  const auto function = [&](std::string name, prunus::operation::activation_function kind) {
    return on_x(name, activation{kind, 0.1});
  };
  using namespace prunus::operation;
  return {
      on_x("convolution", convolution{.out_channels = 3, .kernel = 3, .stride = 2, .padding = 1}),
      on_x("convolution in groups",
           convolution{.out_channels = 8, .kernel = {3, 2}, .padding = {0, 1}, .groups = 4}),
      on_x("linear at every position", linear{.out_features = 3}),
      {"linear",
       [](graph& g) {
         g.linear("y", g.relu("r", g.linear("d", g.flatten("f", "x"), {.out_features = 20})),
                  {.out_features = 3});
       }},
      {"two linear layers on one input",
       [](graph& g) {
         g.flatten("f", "x");
         g.add("y", {g.linear("a", "f", {.out_features = 7}),
                     g.linear("b", "f", {.out_features = 7, .bias = false})});
       }},
      on_x("batch_norm", batch_norm{}),
      {"batch_norm with relu", [](graph& g) { g.relu("y", g.batch_norm("n", "x")); }},
      {"batch_norm twice on one input",
       [](graph& g) {
         g.add("y", {g.batch_norm("n", "x"), g.batch_norm("m", "x")});
       }},
      on_x("layer_norm", layer_norm{}),
      function("identity", activation_function::identity),
      function("relu", activation_function::relu),
      function("leaky_relu", activation_function::leaky_relu),
      function("relu6", activation_function::relu6),
      function("sigmoid", activation_function::sigmoid),
      function("tanh", activation_function::tanh),
      function("silu", activation_function::silu),
      function("gelu", activation_function::gelu),
      function("hard_swish", activation_function::hard_swish),
      {"add",
       [](graph& g) {
         g.add("y", {g.relu("r", "x"), "x", g.batch_norm("n", "x")});
       }},
      {"add of one twice",
       [](graph& g) {
         g.add("y", {"x", "x"});
       }},
      {"a residual block",
       [](graph& g) {
         g.relu("r", "x");
         g.convolution("c", "r", {.out_channels = 4, .kernel = 3, .padding = 1, .bias = false});
         g.relu("y", g.add("a", {g.batch_norm("n", "c"), "r"}));
       }},
      {"multiply",
       [](graph& g) {
         g.multiply("y", {"x", g.activation("s", "x", {activation_function::sigmoid})});
       }},
      {"squeeze and excite",
       [](graph& g) {
         const std::string s =
             g.linear("d", g.global_average_pooling("p", "x"), {.out_features = 4});
         g.multiply("y", {"x", g.activation("s", s, {activation_function::sigmoid})});
       }},
      {"concat",
       [](graph& g) {
         g.concat("y", {"x", g.activation("t", "x", {activation_function::tanh}), "x"});
       }},
      on_x("pad_channels", pad_channels{2, 1}),
      {"a shortcut of padded channels beside another reader",
       [](graph& g) {
         const std::string c =
             g.convolution("c", "x", {.out_channels = 7, .kernel = 3, .stride = 2, .padding = 1});
         g.add("y", {c, g.pad_channels("p", g.max_pooling("s", "x", 1, 2), {1, 2})});
       }},
      on_x("flatten", flatten{}),
      on_x("flatten channels last", flatten{.channels_last = true}),
      on_x("max pooling of 2 x 2", pooling{}),
      on_x("max pooling with overlap", pooling{pooling_function::max, 3, 2, 1}),
      {"max pooling beside another reader",
       [](graph& g) {
         g.concat("y", {g.max_pooling("p", "x", 2, 2), g.average_pooling("q", "x", 2, 2)});
       }},
      on_x("average pooling", pooling{pooling_function::average, {3, 2}, {2, 1}, 1}),
      on_x("global average pooling", global_pooling{pooling_function::average}),
      on_x("global max pooling", global_pooling{pooling_function::max}),
      on_x("upsampling", upsampling{{2, 3}}),
      {"split and merge heads",
       [](graph& g) {
         g.merge_heads(
             "y", g.activation("t", g.split_heads("s", "x", 2), {activation_function::tanh}), 2);
       }},
      {"attention",
       [](graph& g) {
         g.linear("q", "x", {.out_features = 6});
         g.linear("k", "x", {.out_features = 6});
         g.linear("v", "x", {.out_features = 4});
         g.attention("y", "q", "k", "v", 2);
       }},
      {"attention of a tensor to itself", [](graph& g) { g.attention("y", "x", "x", "x", 2); }},
      {"attention to other positions",
       [](graph& g) {
         g.max_pooling("p", "x", 2, 2);
         g.attention("y", "x", "p", "p", 1);
       }},
      on_x("positions", position_embedding{}),
      {"positions behind an activation",
       [](graph& g) {
         g.relu("y",
                g.position_embedding("p", g.activation("t", "x", {activation_function::tanh})));
       }},
      on_x("dropout", dropout{0.4}),
  };
}

graph around(const test_case& one) {
  graph g;
  g.input("image", {2, 6, 5});
  g.convolution("x", "image", {.out_channels = 4, .kernel = 1});
  one.build(g);
  g.convolution("z", "y", {.out_channels = 2, .kernel = 1});
  return g;
}

}  // namespace

TEST_CASE("the gradient of every operation agrees with central differences", "[nn][gradient]") {
  const bool keep = GENERATE(false, true);
  constexpr Index batch = 5;
  for (const test_case& one : all_operations()) {
    CAPTURE(one.name, keep);
    nn::network<double> net(around(one), {.shards = 2, .keep_activations = keep});
    const std::vector<double> images = normal_numbers(batch * net.input_size(), 1);
    const std::vector<double> direction = normal_numbers(batch * net.output_size(), 2);
    // Scales and shifts that differ, so that nothing cancels by symmetry.
    Index stream = 10;
    for (const auto& p : net.model().parameters())
      if (p.weight.rank == 1 && p.options.gradient.data != nullptr) {
        const std::vector<double> noise =
            normal_numbers(p.weight.size(), static_cast<std::uint64_t>(stream++));
        for (Index i = 0; i < p.weight.size(); ++i)
          p.weight.data[i] += 0.3 * noise[static_cast<std::size_t>(i)];
      }
    const auto objective = [&] {
      net.set_training_passes(7);  // the same dropout each time
      const auto out = net.forward(images, batch, nn::mode::training);
      double sum = 0;
      for (Index i = 0; i < out.size(); ++i)
        sum += out.data()[i] * direction[static_cast<std::size_t>(i)];
      return sum;
    };
    objective();
    net.backward(direction);
    for (const auto& p : net.model().parameters()) {
      if (p.options.gradient.data == nullptr) continue;
      const Index step = std::max<Index>(1, p.weight.size() / 6);
      for (Index i = 0; i < p.weight.size(); i += step) {
        CAPTURE(p.name, i);
        const double gradient = p.options.gradient.data[i], before = p.weight.data[i];
        constexpr double h = 1e-6;
        p.weight.data[i] = before + h;
        const double above = objective();
        p.weight.data[i] = before - h;
        const double below = objective();
        p.weight.data[i] = before;
        CHECK(std::abs(gradient - (above - below) / (2 * h)) < 1e-6 * (10 + std::abs(gradient)));
      }
    }
  }
}
