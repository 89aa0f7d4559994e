// SPDX-License-Identifier: MIT
#include <prunus/structure/graph.hpp>
#include <prunus/structure/operation.hpp>

#include "support/catch.hpp"

#include <string>
#include <utility>
#include <vector>

namespace {

namespace operation = prunus::operation;
using prunus::any_operation;
using prunus::Index;

}  // namespace

TEST_CASE("any operation knows what it is", "[structure][operation]") {
  const any_operation op = operation::linear{.out_features = 5};
  CHECK(op.kind() == "linear");
  CHECK(op.is<operation::linear>());
  CHECK_FALSE(op.is<operation::convolution>());
  REQUIRE(op.as<operation::linear>() != nullptr);
  CHECK(op.as<operation::linear>()->out_features == 5);
  CHECK(op.as<operation::convolution>() == nullptr);
}

TEST_CASE("any operation answers as the one that it holds", "[structure][operation]") {
  const operation::convolution own{.out_channels = 4, .kernel = 3, .groups = 2};
  const any_operation op = own;
  const std::vector<prunus::tensor_shape> inputs{{6, 5, 5}};
  CHECK(op.describe(inputs).shape == prunus::tensor_shape{4, 3, 3});
  CHECK(op.describe(inputs).parameters == own.describe(inputs).parameters);
  CHECK(op.channels(inputs).ties == own.channels(inputs).ties);
  const prunus::kept_channels kept{{1, 0, 1, 0}, {{1, 1, 1, 1, 1, 1}}, false};
  const any_operation smaller = op.shrunk(kept);
  CHECK(smaller == any_operation(own.shrunk(kept)));
  REQUIRE(smaller.is<operation::convolution>());
  CHECK(smaller.as<operation::convolution>()->out_channels == 2);
  CHECK(op.as<operation::convolution>()->out_channels == 4);  // as it was
}

TEST_CASE("copies of any operation share what it holds", "[structure][operation]") {
  const any_operation op = operation::linear{.out_features = 5};
  any_operation copy = op;
  CHECK(copy.as<operation::linear>() == op.as<operation::linear>());
  const any_operation moved = std::move(copy);
  CHECK(moved.as<operation::linear>() == op.as<operation::linear>());
  any_operation other = operation::add{};
  other = op;
  CHECK(other == op);
}

TEST_CASE("operations are equal by kind and attributes", "[structure][operation]") {
  const any_operation five = operation::linear{.out_features = 5};
  CHECK(five == any_operation(operation::linear{.out_features = 5}));
  CHECK_FALSE(five == any_operation(operation::linear{.out_features = 4}));
  CHECK_FALSE(any_operation(operation::add{}) == any_operation(operation::multiply{}));
  CHECK_FALSE(any_operation(operation::multiply{}) == any_operation(operation::add{}));
}

TEST_CASE("every operation of the library is one", "[structure][operation]") {
  // Here and not behind each operation: there every program would pay for it.
  namespace operation = prunus::operation;
  STATIC_REQUIRE(prunus::graph_operation<operation::activation>);
  STATIC_REQUIRE(prunus::graph_operation<operation::add>);
  STATIC_REQUIRE(prunus::graph_operation<operation::attention>);
  STATIC_REQUIRE(prunus::graph_operation<operation::batch_norm>);
  STATIC_REQUIRE(prunus::graph_operation<operation::concat>);
  STATIC_REQUIRE(prunus::graph_operation<operation::convolution>);
  STATIC_REQUIRE(prunus::graph_operation<operation::dropout>);
  STATIC_REQUIRE(prunus::graph_operation<operation::embedding>);
  STATIC_REQUIRE(prunus::graph_operation<operation::flatten>);
  STATIC_REQUIRE(prunus::graph_operation<operation::global_pooling>);
  STATIC_REQUIRE(prunus::graph_operation<operation::input>);
  STATIC_REQUIRE(prunus::graph_operation<operation::layer_norm>);
  STATIC_REQUIRE(prunus::graph_operation<operation::linear>);
  STATIC_REQUIRE(prunus::graph_operation<operation::merge_heads>);
  STATIC_REQUIRE(prunus::graph_operation<operation::multiply>);
  STATIC_REQUIRE(prunus::graph_operation<operation::opaque>);
  STATIC_REQUIRE(prunus::graph_operation<operation::pad_channels>);
  STATIC_REQUIRE(prunus::graph_operation<operation::pooling>);
  STATIC_REQUIRE(prunus::graph_operation<operation::position_embedding>);
  STATIC_REQUIRE(prunus::graph_operation<operation::split_heads>);
  STATIC_REQUIRE(prunus::graph_operation<operation::upsampling>);
}
