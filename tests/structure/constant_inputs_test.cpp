// SPDX-License-Identifier: MIT
#include <prunus/structure/constant_inputs.hpp>

#include "support/catch.hpp"

#include <limits>
#include <vector>

namespace {

using prunus::channel_value;
using values = std::vector<channel_value>;

prunus::constant_inputs inputs_of(const std::vector<const values*>& inputs,
                                  bool ignore_padding = false) {
  const auto channels = static_cast<prunus::Index>(inputs.front()->size());
  const prunus::tensor_shape shape{channels, 2, 2};
  return {inputs, std::vector(inputs.size(), shape), shape, {}, {}, 9, ignore_padding};
}

}  // namespace

TEST_CASE("a combination is known as far as all that it is made of", "[structure]") {
  const channel_value two = channel_value::of(2), nearly = channel_value::of(3, true),
                      broken = channel_value::broken(4), any = channel_value::anything();
  const auto sum = [](const channel_value& a, const channel_value& b) {
    const values left{a}, right{b};
    return inputs_of({&left, &right}).combined(0, [](double x, double y) { return x + y; });
  };
  CHECK((sum(two, two).is_constant() && sum(two, two).value == 4 && !sum(two, two).approximate));
  CHECK((sum(two, nearly).value == 5 && sum(two, nearly).approximate));
  CHECK((sum(nearly, two).value == 5 && sum(nearly, two).approximate));
  for (const channel_value& known : {two, nearly, broken}) {
    CHECK(sum(known, any).is_alive());
    CHECK(sum(any, known).is_alive());
  }
  CHECK(sum(two, broken).broken_at == 4);
  CHECK(sum(broken, two).broken_at == 4);
  CHECK_FALSE(sum(broken, two).is_constant());
}

TEST_CASE("constants are mapped, and nothing else", "[structure]") {
  const values given{channel_value::of(2), channel_value::broken(4), channel_value::anything(),
                     channel_value::of(0, true)};
  const values out = inputs_of({&given}).mapped(
      [](prunus::Index c, double x) { return x + static_cast<double>(c) + 1; });
  CHECK((out[0].value == 3 && !out[0].approximate));
  CHECK(out[1].broken_at == 4);
  CHECK(out[2].is_alive());
  CHECK((out[3].value == 4 && out[3].approximate));
  CHECK(
      inputs_of({&given})
          .mapped([](prunus::Index, double) { return std::numeric_limits<double>::infinity(); })[0]
          .is_alive());
}

TEST_CASE("what breaks at the border is a constant where padding is ignored", "[structure]") {
  const values given{channel_value::of(2)};
  const channel_value broken = inputs_of({&given}).broken(5);
  CHECK((!broken.is_constant() && !broken.is_alive() && broken.broken_at == 9));
  const channel_value ignored = inputs_of({&given}, true).broken(5);
  CHECK((ignored.is_constant() && ignored.value == 5 && ignored.approximate));
}

TEST_CASE("anything is said of every channel of the result", "[structure]") {
  const values given{channel_value::of(2), channel_value::of(3)};
  const values out = inputs_of({&given}).anything();
  REQUIRE(out.size() == 2);
  for (const channel_value& v : out) CHECK(v.is_alive());
}
