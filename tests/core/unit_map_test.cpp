// SPDX-License-Identifier: MIT
#include <prunus/core/unit_map.hpp>

#include "support/catch.hpp"

#include <span>    // std::span
#include <vector>  // std::vector

using prunus::Index;
using prunus::unit_map;

TEST_CASE("a map of units reads like the list it was made of", "[core][unit_map]") {
  const std::vector<Index> units{2, 0, 1, 1};
  const unit_map map = units, same{2, 0, 1, 1}, other{2, 0, 1};
  CHECK(map.size() == 4);
  CHECK(map[3] == 1);
  CHECK(std::vector<Index>(map.begin(), map.end()) == units);
  CHECK(map == same);
  CHECK(map == units);
  CHECK_FALSE(map == other);
  CHECK(unit_map{}.empty());
  CHECK(unit_map{} == unit_map(std::vector<Index>{}));
  const std::span<const Index> seen = map;
  CHECK(seen.size() == 4);
}

TEST_CASE("copies of a map of units share its memory", "[core][unit_map]") {
  const unit_map map(std::vector<Index>(1000, 3));
  const unit_map copy = map;
  CHECK(copy.begin() == map.begin());
}
