// SPDX-License-Identifier: MIT
#include <prunus/nn/random.hpp>
#include <prunus/nn/training/minibatches.hpp>

#include "support/catch.hpp"

#include <array>    // std::array
#include <cmath>    // std::abs
#include <cstddef>  // std::size_t
#include <vector>   // std::vector

using prunus::nn::counter_random;

TEST_CASE("counter_random is Philox 4x32-10", "[nn][random]") {
  // Known answers that the authors publish with their code: counter and key of all zeros, and of
  // all ones.
  using block = std::array<std::uint32_t, 4>;
  CHECK(counter_random(0, 0).block(0) == block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  CHECK(counter_random(ones, ones).block(ones) ==
        block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
}

TEST_CASE("counter_random has the moments of its distributions", "[nn][random]") {
  const counter_random random(7, 3);
  constexpr std::uint64_t count = 20000;
  double uniform = 0, normal = 0, square = 0;
  std::array<int, 7> below{};
  for (std::uint64_t i = 0; i < count; ++i) {
    const double u = random.uniform(i), z = random.normal(i);
    REQUIRE((u >= 0 && u < 1));
    uniform += u;
    normal += z;
    square += z * z;
    ++below[static_cast<std::size_t>(random.below(7, i))];
  }
  // Five standard errors.
  CHECK(std::abs(uniform / count - 0.5) < 0.0103);
  CHECK(std::abs(normal / count) < 0.0354);
  CHECK(std::abs(square / count - 1) < 0.05);
  for (int hits : below) CHECK(std::abs(hits - count / 7.0) < 5 * 50);
}

TEST_CASE("shuffled_order is a permutation and a function of seed and epoch", "[nn][random]") {
  std::vector<prunus::Index> a(100), b(100), c(100);
  prunus::nn::shuffled_order(a, 1, 2);
  prunus::nn::shuffled_order(b, 1, 2);
  prunus::nn::shuffled_order(c, 1, 3);
  CHECK(a == b);
  CHECK(a != c);
  std::vector<bool> seen(100);
  for (prunus::Index i : a) seen[static_cast<std::size_t>(i)] = true;
  for (bool s : seen) CHECK(s);
}
