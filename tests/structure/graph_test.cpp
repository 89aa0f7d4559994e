// SPDX-License-Identifier: MIT
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <string>
#include <vector>

namespace {

using prunus::errc;
using prunus::extent2;
using prunus::graph;
using prunus::tensor_shape;
namespace operation = prunus::operation;
using names = std::vector<std::string>;

names names_of(const graph& g) {
  names result;
  for (const prunus::graph_node& node : g.nodes()) result.push_back(node.name);
  return result;
}
/// The attributes of the node declared last, which must be an O.
template <class O>
O last(const graph& g) {
  const O* op = g.nodes().back().operation.template as<O>();
  REQUIRE(op != nullptr);
  return *op;
}

}  // namespace

TEST_CASE("a new graph is empty", "[structure][graph]") {
  const graph g;
  CHECK(g.nodes().empty());
  CHECK(g.outputs().empty());
}

TEST_CASE("every node is kept with its name and its inputs, in the order of declaration",
          "[structure][graph]") {
  graph g;
  CHECK(g.input("x", {3, 8, 8}) == "x");
  CHECK(g.convolution("conv", "x", {.out_channels = 4}) == "conv");
  CHECK(g.batch_norm("bn", "conv") == "bn");
  CHECK(g.layer_norm("ln", "bn") == "ln");
  CHECK(g.activation("act", "ln", {}) == "act");
  CHECK(g.relu("relu", "act") == "relu");
  CHECK(g.add("sum", {"relu", "act", "ln"}) == "sum");
  CHECK(g.multiply("product", {"sum", "act"}) == "product");
  CHECK(g.concat("both", {"sum", "product"}) == "both");
  CHECK(g.pad_channels("pad", "both", {1, 2}) == "pad");
  CHECK(g.max_pooling("max", "pad", 2, 2) == "max");
  CHECK(g.average_pooling("mean", "max", 2, 2) == "mean");
  CHECK(g.upsampling("up", "mean", 2) == "up");
  CHECK(g.split_heads("split", "up", 1) == "split");
  CHECK(g.merge_heads("merge", "split", 1) == "merge");
  CHECK(g.attention("attention", "up", "merge", "split", 1) == "attention");
  CHECK(g.embedding("table", "x", {.vocabulary = 5, .features = 2}) == "table");
  CHECK(g.position_embedding("places", "table") == "places");
  CHECK(g.dropout("drop", "places", 0.5) == "drop");
  CHECK(g.global_average_pooling("gap", "drop") == "gap");
  CHECK(g.global_max_pooling("gmp", "drop") == "gmp");
  CHECK(g.flatten("flat", "gmp") == "flat");
  CHECK(g.linear("fc", "flat", {.out_features = 2}) == "fc");

  CHECK(names_of(g) == names{"x",    "conv",    "bn",    "ln",        "act",   "relu",
                             "sum",  "product", "both",  "pad",       "max",   "mean",
                             "up",   "split",   "merge", "attention", "table", "places",
                             "drop", "gap",     "gmp",   "flat",      "fc"});
  CHECK(g.nodes()[0].inputs.empty());
  CHECK(g.nodes()[1].inputs == names{"x"});
  CHECK(g.nodes()[6].inputs == names{"relu", "act", "ln"});
  CHECK(g.nodes()[7].inputs == names{"sum", "act"});
  CHECK(g.nodes()[8].inputs == names{"sum", "product"});
  CHECK(g.nodes()[15].inputs == names{"up", "merge", "split"});
  CHECK(g.nodes()[22].inputs == names{"flat"});
}

TEST_CASE("calls can be nested", "[structure][graph]") {
  graph g;
  g.linear("fc", g.flatten("flat", g.relu("relu", g.input("x", {2, 1, 1}))), {.out_features = 3});
  CHECK(names_of(g) == names{"x", "relu", "flat", "fc"});
  CHECK(g.nodes()[3].inputs == names{"flat"});
}

TEST_CASE("every function declares the operation that it is called after", "[structure][graph]") {
  graph g;
  g.input("x", {3, 8, 7});
  CHECK(last<operation::input>(g).shape == tensor_shape{3, 8, 7});
  g.convolution("conv", "x",
                {.out_channels = 6,
                 .kernel = {3, 2},
                 .stride = {2, 1},
                 .padding = {1, 0},
                 .groups = 3,
                 .bias = false});
  const auto conv = last<operation::convolution>(g);
  CHECK(conv.out_channels == 6);
  CHECK(conv.kernel == extent2{3, 2});
  CHECK(conv.stride == extent2{2, 1});
  CHECK(conv.padding == extent2{1, 0});
  CHECK(conv.groups == 3);
  CHECK_FALSE(conv.bias);
  g.linear("fc", "x", {.out_features = 5, .bias = false});
  CHECK(last<operation::linear>(g).out_features == 5);
  CHECK_FALSE(last<operation::linear>(g).bias);
  g.batch_norm("bn", "x", {.epsilon = 0.5, .momentum = 0.25});
  CHECK(last<operation::batch_norm>(g).epsilon == 0.5);
  CHECK(last<operation::batch_norm>(g).momentum == 0.25);
  g.layer_norm("ln", "x", {.epsilon = 0.125});
  CHECK(last<operation::layer_norm>(g).epsilon == 0.125);
  g.activation("leaky", "x", {operation::activation_function::leaky_relu, 0.2});
  CHECK(last<operation::activation>(g).function == operation::activation_function::leaky_relu);
  CHECK(last<operation::activation>(g).slope == 0.2);
  g.relu("relu", "x");
  CHECK(last<operation::activation>(g).function == operation::activation_function::relu);
  g.add("sum", {"x", "x"});
  CHECK(g.nodes().back().operation.is<operation::add>());
  g.multiply("product", {"x", "x"});
  CHECK(g.nodes().back().operation.is<operation::multiply>());
  g.concat("both", {"x", "x"});
  CHECK(g.nodes().back().operation.is<operation::concat>());
  g.pad_channels("pad", "x", {.before = 1, .after = 2});
  CHECK(last<operation::pad_channels>(g).before == 1);
  CHECK(last<operation::pad_channels>(g).after == 2);
  g.flatten("flat", "x");
  CHECK_FALSE(last<operation::flatten>(g).channels_last);
  g.flatten("last", "x", {.channels_last = true});
  CHECK(last<operation::flatten>(g).channels_last);
  g.max_pooling("max", "x", {3, 2}, {2, 1}, {1, 0});
  CHECK(last<operation::pooling>(g).function == operation::pooling_function::max);
  CHECK(last<operation::pooling>(g).kernel == extent2{3, 2});
  CHECK(last<operation::pooling>(g).stride == extent2{2, 1});
  CHECK(last<operation::pooling>(g).padding == extent2{1, 0});
  g.average_pooling("mean", "x", 3, 2);
  CHECK(last<operation::pooling>(g).function == operation::pooling_function::average);
  CHECK(last<operation::pooling>(g).kernel == extent2{3, 3});
  CHECK(last<operation::pooling>(g).stride == extent2{2, 2});
  CHECK(last<operation::pooling>(g).padding == extent2{0, 0});
  g.global_average_pooling("gap", "x");
  CHECK(last<operation::global_pooling>(g).function == operation::pooling_function::average);
  g.global_max_pooling("gmp", "x");
  CHECK(last<operation::global_pooling>(g).function == operation::pooling_function::max);
  g.upsampling("up", "x", {2, 3});
  CHECK(last<operation::upsampling>(g).factor == extent2{2, 3});
  g.split_heads("split", "x", 3);
  CHECK(last<operation::split_heads>(g).heads == 3);
  g.merge_heads("merge", "x", 4);
  CHECK(last<operation::merge_heads>(g).features == 4);
  g.attention("attention", "x", "x", "x", 3);
  CHECK(last<operation::attention>(g).heads == 3);
  g.embedding("table", "x", {.vocabulary = 11, .features = 4});
  CHECK(last<operation::embedding>(g).vocabulary == 11);
  CHECK(last<operation::embedding>(g).features == 4);
  g.position_embedding("places", "x");
  CHECK(g.nodes().back().operation.is<operation::position_embedding>());
  g.dropout("drop", "x", 0.25);
  CHECK(last<operation::dropout>(g).rate == 0.25);
}

TEST_CASE("a name is taken once, and the graph stays as it was", "[structure][graph]") {
  graph g;
  g.input("image", {3, 8, 8});
  g.convolution("conv", "image", {.out_channels = 4});
  for (const char* taken : {"image", "conv"}) {
    const support::thrown error =
        support::error_of<prunus::argument_error>([&] { g.relu(taken, "conv"); });
    CHECK(error.code == errc::duplicate_name);
    CHECK(error.says(taken));
    CHECK(names_of(g) == names{"image", "conv"});
    CHECK(g.nodes()[1].operation.is<operation::convolution>());
  }
  g.relu("Conv", "conv");  // another name
  CHECK(g.nodes().size() == 3);
}

TEST_CASE("a node needs a name, and the graph stays as it was", "[structure][graph]") {
  graph g;
  g.input("image", {3, 8, 8});
  CHECK(support::code_of<prunus::argument_error>([&] { g.relu("", "image"); }) ==
        errc::unknown_name);
  CHECK(support::code_of<prunus::argument_error>([&] {
          g.input("", {1, 1, 1});
        }) == errc::unknown_name);
  CHECK(names_of(g) == names{"image"});
}

TEST_CASE("nodes may be declared before what they read", "[structure][graph]") {
  graph g;
  g.relu("relu", "later");
  g.input("later", {1, 1, 1});
  CHECK(names_of(g) == names{"relu", "later"});
}

TEST_CASE("outputs are kept in the order in which they are marked", "[structure][graph]") {
  graph g;
  g.relu("b", g.relu("a", g.input("x", {1, 1, 1})));
  g.output("b");
  g.output("a");
  CHECK(g.outputs() == names{"b", "a"});
}

TEST_CASE("a graph is a value", "[structure][graph]") {
  graph g;
  g.input("x", {1, 1, 1});
  graph copy = g;
  copy.relu("relu", "x");
  copy.output("relu");
  CHECK(names_of(g) == names{"x"});
  CHECK(g.outputs().empty());
  CHECK(names_of(copy) == names{"x", "relu"});
}
