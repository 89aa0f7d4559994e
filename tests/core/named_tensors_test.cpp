// SPDX-License-Identifier: MIT
#include <prunus/core/named_tensors.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <string>   // std::string
#include <utility>  // std::move
#include <vector>   // std::vector

namespace {

using prunus::axis;
using prunus::errc;
using prunus::named_tensor;
using prunus::named_tensors;

named_tensor<float> bias(std::string name, std::vector<float> values) {
  const auto size = static_cast<Eigen::Index>(values.size());
  return {std::move(name),
          {1, 1, 1, size},
          {axis::in, axis::height, axis::width, axis::out},
          1,
          std::move(values)};
}

template <class T>
concept taken_by_position = requires(T tensors) {
  tensors[0];
};

}  // namespace

TEST_CASE("tensors are found by name and keep their order", "[core][named_tensors]") {
  named_tensors<float> tensors{bias("b", {1, 2})};
  tensors.push_back(bias("a", {3}));
  named_tensor<float>& last = tensors.emplace_back(bias("c", {4, 5, 6}));
  CHECK(&last == tensors.find("c"));
  CHECK(tensors.size() == 3);
  CHECK_FALSE(tensors.empty());
  std::string order;
  for (const named_tensor<float>& tensor : tensors) order += tensor.name;
  CHECK(order == "bac");

  Eigen::VectorXf values;
  tensors["b"].to(values);
  CHECK(values == Eigen::Vector2f(1, 2));
  tensors["a"].values[0] = 7;
  const named_tensors<float>& seen = tensors;
  CHECK(seen["a"].values == std::vector<float>{7});
  CHECK(seen.find("a") == &seen["a"]);
  CHECK(seen.find("d") == nullptr);
}

TEST_CASE("a name that no tensor has is an error that says how many there are",
          "[core][named_tensors]") {
  const named_tensors<float> tensors{bias("a", {1}), bias("b", {2})};
  const support::thrown wrong =
      support::error_of<prunus::argument_error>([&] { (void)tensors["hidden.weight"]; });
  CHECK(wrong.code == errc::unknown_name);
  CHECK(wrong.says("hidden.weight"));
  CHECK(wrong.says("there are 2"));
}

TEST_CASE("tensors are not taken by their position", "[core][named_tensors]") {
  STATIC_REQUIRE_FALSE(taken_by_position<named_tensors<float>>);
  STATIC_REQUIRE_FALSE(taken_by_position<const named_tensors<float>>);
}
