// SPDX-License-Identifier: MIT
#include "support/operation_laws.hpp"

#include <prunus/structure/operation.hpp>

#include "support/catch.hpp"

#include <string>
#include <vector>

namespace {

namespace operation = prunus::operation;
using prunus::Index;
using support::check_operation_laws;

}  // namespace

TEST_CASE("inputs keep the laws", "[structure][operation]") {
  check_operation_laws(operation::input{{3, 4, 5}}, {}, {.different = operation::input{{3, 4, 4}}});
}

TEST_CASE("convolutions keep the laws", "[structure][operation]") {
  using operation::convolution;
  check_operation_laws(convolution{.out_channels = 5}, {{4, 3, 3}},
                       {.different = convolution{.out_channels = 5, .bias = false}});
  check_operation_laws(
      convolution{.out_channels = 4, .kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 0}},
      {{3, 5, 4}}, {.different = convolution{.out_channels = 4, .kernel = {3, 2}}});
  check_operation_laws(convolution{.out_channels = 3, .kernel = 3, .stride = 2, .bias = false},
                       {{4, 5, 6}});
  check_operation_laws(convolution{.out_channels = 4, .kernel = 3, .padding = 1, .bias = false},
                       {{4, 4, 3}});
}

TEST_CASE("grouped convolutions keep the laws", "[structure][operation]") {
  using operation::convolution;
  check_operation_laws(convolution{.out_channels = 6, .groups = 2}, {{8, 3, 3}},
                       {.different = convolution{.out_channels = 6}});
  check_operation_laws(
      convolution{.out_channels = 6, .kernel = 3, .padding = 1, .groups = 3, .bias = false},
      {{9, 4, 3}});
}

TEST_CASE("depth-wise convolutions keep the laws", "[structure][operation]") {
  using operation::convolution;
  check_operation_laws(convolution{.out_channels = 4, .kernel = 3, .padding = 1, .groups = 4},
                       {{4, 4, 3}}, {.different = convolution{.out_channels = 4, .groups = 4}});
  check_operation_laws(
      convolution{.out_channels = 8, .kernel = 3, .stride = 2, .groups = 4, .bias = false},
      {{4, 5, 5}});
}

TEST_CASE("linear layers keep the laws", "[structure][operation]") {
  using operation::linear;
  check_operation_laws(linear{.out_features = 5}, {{6, 1, 1}},
                       {.different = linear{.out_features = 4}});
  check_operation_laws(linear{.out_features = 4, .bias = false}, {{5, 3, 2}});
}

TEST_CASE("normalisations keep the laws", "[structure][operation]") {
  check_operation_laws(operation::batch_norm{}, {{5, 3, 3}},
                       {.different = operation::batch_norm{.epsilon = 1e-3}});
  check_operation_laws(operation::batch_norm{.epsilon = 0.5}, {{4, 1, 1}});
  check_operation_laws(operation::layer_norm{}, {{5, 3, 2}},
                       {.different = operation::layer_norm{.epsilon = 1e-3}});
}

TEST_CASE("activations keep the laws", "[structure][operation]") {
  using enum operation::activation_function;
  for (const operation::activation_function f :
       {identity, relu, leaky_relu, relu6, sigmoid, tanh, silu, gelu, hard_swish})
    check_operation_laws(operation::activation{f}, {{5, 3, 3}},
                         {.different = operation::activation{f, 0.3}});
  check_operation_laws(operation::activation{leaky_relu, 0.3}, {{4, 2, 3}});
}

TEST_CASE("sums and products keep the laws", "[structure][operation]") {
  check_operation_laws(operation::add{}, {{5, 3, 3}, {5, 3, 3}});
  check_operation_laws(operation::add{}, {{4, 2, 3}, {4, 2, 3}, {4, 2, 3}});
  check_operation_laws(operation::multiply{}, {{5, 3, 3}, {5, 3, 3}});
  check_operation_laws(operation::multiply{}, {{5, 3, 3}, {5, 1, 1}});
  check_operation_laws(operation::multiply{}, {{4, 1, 1}, {4, 3, 2}, {4, 1, 1}});
}

TEST_CASE("what joins and widens keeps the laws", "[structure][operation]") {
  check_operation_laws(operation::concat{}, {{3, 3, 3}, {4, 3, 3}});
  check_operation_laws(operation::concat{}, {{3, 2, 3}, {3, 2, 3}, {2, 2, 3}});
  check_operation_laws(operation::pad_channels{.before = 2, .after = 1}, {{4, 3, 3}},
                       {.different = operation::pad_channels{.before = 1, .after = 2}});
  check_operation_laws(operation::pad_channels{.after = 3}, {{3, 2, 2}});
  check_operation_laws(operation::pad_channels{.before = 3}, {{3, 2, 2}});
}

TEST_CASE("what moves positions keeps the laws", "[structure][operation]") {
  using enum operation::pooling_function;
  using operation::pooling;
  check_operation_laws(operation::flatten{}, {{4, 3, 2}},
                       {.different = operation::flatten{.channels_last = true}});
  check_operation_laws(operation::flatten{.channels_last = true}, {{4, 3, 2}});
  for (const operation::pooling_function f : {max, average}) {
    check_operation_laws(pooling{.function = f}, {{4, 4, 5}},
                         {.different = pooling{.function = f, .stride = 1}});
    check_operation_laws(pooling{.function = f, .kernel = {3, 2}, .stride = {2, 1}, .padding = 1},
                         {{4, 5, 4}});
    check_operation_laws(operation::global_pooling{f}, {{5, 3, 4}},
                         {.different = operation::global_pooling{f == max ? average : max}});
  }
  check_operation_laws(operation::upsampling{.factor = {2, 3}}, {{4, 2, 2}},
                       {.different = operation::upsampling{}});
  check_operation_laws(operation::dropout{.rate = 0.3}, {{4, 3, 3}},
                       {.different = operation::dropout{.rate = 0.4}});
}

TEST_CASE("what a transformer is made of keeps the laws", "[structure][operation]") {
  check_operation_laws(operation::split_heads{.heads = 3}, {{6, 3, 1}},
                       {.different = operation::split_heads{.heads = 2}});
  check_operation_laws(operation::split_heads{.heads = 4}, {{4, 2, 2}});
  check_operation_laws(operation::merge_heads{.features = 2}, {{3, 4, 2}},
                       {.different = operation::merge_heads{.features = 4}});
  check_operation_laws(operation::attention{.heads = 3}, {{6, 4, 1}, {6, 4, 1}, {6, 4, 1}},
                       {.different = operation::attention{.heads = 2}});
  check_operation_laws(operation::attention{.heads = 2}, {{4, 2, 1}, {4, 3, 1}, {6, 3, 1}});
  check_operation_laws(operation::embedding{.vocabulary = 5, .features = 4}, {{1, 4, 1}},
                       {.different = operation::embedding{.vocabulary = 4, .features = 4}});
  check_operation_laws(operation::position_embedding{}, {{5, 4, 1}});
}

TEST_CASE("opaque operations keep the laws, and all that they touch", "[structure][operation]") {
  const operation::opaque mystery{
      .name = "mystery",
      .shape = {4, 2, 2},
      .tensors = {{.name = "weight", .shape = {3, 2}, .axes = prunus::layout("OI")}},
      .work = 7};
  operation::opaque other = mystery;
  other.name = "another";
  naive::evaluator oracle;
  oracle.teach<operation::opaque>([](const operation::opaque& op, const naive::shapes&) {
    const naive::shape s{op.shape.channels, op.shape.height, op.shape.width};
    return naive::operation{
        s, {{"weight", {3, 2}}}, [s, op](const naive::tensors& in, const naive::named_values& p) {
          double sum = 0;  // of everything
          for (const naive::tensor& t : in)
            for (const double x : t.data) sum += x * p.at("weight").at(1);
          return naive::computed{
              naive::filled(s, [&](Index c, Index y,
                                   Index x) { return sum * static_cast<double>(c + y - x); }),
              op.work};
        }};
  });
  check_operation_laws(mystery, {{5, 3, 3}}, {.oracle = oracle, .different = other});
  check_operation_laws(mystery, {{5, 3, 3}, {2, 1, 4}}, {.oracle = oracle});

  prunus::graph g;
  g.input("image", {2, 3, 3});
  g.convolution("before", "image", {.out_channels = 5});
  g.opaque("middle", {g.relu("rectify", "before")}, mystery);
  g.convolution("after", "middle", {.out_channels = 3});
  g.linear("fc", g.flatten("vector", "after"), {.out_features = 2});
  random_graph::source random(1);
  random_graph::network net = random_graph::with_random_weights(g, random);
  for (const char* layer : {"before", "after"})
    for (double& w : net.tensors[std::string(layer) + ".weight"].values) w = 0;
  const prunus::plan plan = prunus::plan_removal(net.structure, net.model);
  for (const prunus::plan::removal& r : plan.removed) CHECK(r.coupling == "after");
  REQUIRE(plan.removed.size() == 2);  // and not the last one
  CHECK(plan.opaque == std::vector<prunus::plan::opaque_node>{{"middle", "opaque", 5}});
  CHECK(prunus::to_text(plan).find("the 5 channels that reach middle: nothing is known of how "
                                   "opaque uses them") != std::string::npos);
  CHECK(plan.find("middle.weight") == nullptr);
  for (const char* kept : {"before", "middle"}) {
    const Index k = net.structure.find_coupling(kept);
    REQUIRE(k >= 0);
    CHECK_FALSE(net.structure.couplings()[static_cast<std::size_t>(k)].prunable());
  }
  CHECK(net.structure.couplings()[static_cast<std::size_t>(net.structure.find_coupling("after"))]
            .prunable());
  // A caller who names them does not get them either.
  const prunus::plan asked =
      prunus::plan_removal(net.structure, {{"before", {0, 1}}, {"middle", {2}}, {"after", {1}}});
  CHECK(asked.removed.size() == 1);
  CHECK(asked.kept.size() == 3);
  for (const prunus::plan::kept_channel& k : asked.kept)
    CHECK(k.reason == prunus::keep_reason::opaque);
}
