// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>

#include "support/allocation_laws.hpp"
#include "support/archetypes.hpp"
#include "support/catch.hpp"

#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::limits;
using prunus::rounding;
using prunus::uniform;
using support::ranking;
using units = std::vector<int>;

std::vector<float> ascending(Index size) {
  std::vector<float> scores;
  for (Index i = 0; i < size; ++i) scores.push_back(static_cast<float>(i));
  return scores;
}

/// How many of `size` units stay at this sparsity and these limits, `gone` of them being gone.
Index kept_of(Index size, double sparsity, limits l, Index gone = 0) {
  ranking<float> r;
  auto& e = r.add("w", ascending(size), l);
  for (Index u = 0; u < gone; ++u) e.set_gone(u);
  r.allocate(uniform{}, sparsity);
  return r.entries[0].kept();
}

}  // namespace

TEMPLATE_TEST_CASE("uniform keeps the laws of allocations", "[allocation][uniform]", float,
                   double) {
  support::check_allocation_laws<TestType>(uniform{}, support::count_law::each_entry);
}

TEST_CASE("an allocation that offers only what the concept promises is one",
          "[allocation][concept]") {
  STATIC_REQUIRE(prunus::allocation<support::archetype_allocation, float>);
  STATIC_REQUIRE(prunus::allocation<support::archetype_allocation, double>);
  STATIC_REQUIRE_FALSE(prunus::allocation<int, float>);
}

TEST_CASE("uniform removes the same share of every entry", "[allocation][uniform]") {
  ranking<float> r;
  r.add("a", {5, 1, 4, 2, 3});
  r.add("b", {50, 10, 40, 20});
  r.allocate(uniform{}, 0.5);  // 2.5 rounds up to 3, 2 stays 2
  CHECK(r.entries[0].kept_units() == units{0, 2});
  CHECK(r.entries[1].kept_units() == units{0, 2});
}

TEST_CASE("of equal scores the lower index goes first", "[allocation][uniform]") {
  ranking<float> r;
  r.add("w", {1, 1, 0, 1, 1, 2});
  r.allocate(uniform{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{3, 4, 5});
}

TEST_CASE("of equal scores those that are gone go first", "[allocation][uniform]") {
  ranking<float> r;
  auto& e =
      r.add("w", {0, 0, 0, 0, 0, 2});  // as magnitudes score: what is gone is zero, like others
  e.keep[3] = e.keep[4] = 0;
  r.allocate(uniform{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{1, 2, 5});
}

TEST_CASE("at least one unit stays", "[allocation][uniform]") {
  ranking<float> r;
  r.add("one", {1});
  r.add("three", {1, 3, 2});
  r.allocate(uniform{}, 0.99);
  CHECK(r.entries[0].kept_units() == units{0});
  CHECK(r.entries[1].kept_units() == units{1});
  CHECK(kept_of(10, 0.99, {.min_kept = 0}) == 1);
}

TEST_CASE("a floor comes before the target", "[allocation][uniform]") {
  CHECK(kept_of(10, 0.9, {.min_kept = 4}) == 4);
  CHECK(kept_of(10, 0.5, {.min_kept = 4}) == 5);
  CHECK(kept_of(10, 0.9, {.min_kept = 12}) == 10);  // more than there are: all stay
}

TEST_CASE("kept numbers are multiples of a width, rounded as asked", "[allocation][uniform]") {
  const auto kept = [](double sparsity, rounding round) {
    return kept_of(32, sparsity, {.multiple_of = 8, .round = round});
  };
  // 32 units; at sparsity 0.4375 the target is 18 kept.
  CHECK(kept(0.4375, rounding::up) == 24);
  CHECK(kept(0.4375, rounding::down) == 16);
  CHECK(kept(0.4375, rounding::nearest) == 16);
  CHECK(kept(0.375, rounding::nearest) == 24);  // 20: halfway goes up
  CHECK(kept(0.5, rounding::up) == 16);         // 16 is a multiple already
  CHECK(kept(0.5, rounding::down) == 16);
  CHECK(kept(0.9, rounding::down) == 8);  // 3: zero is no choice
  CHECK(kept(0.9, rounding::nearest) == 8);
  CHECK(kept(0.0, rounding::down) == 32);
}

TEST_CASE("where the width does not divide, all units are a width, too", "[allocation][uniform]") {
  CHECK(kept_of(10, 0.0, {.multiple_of = 4, .round = rounding::up}) == 10);
  CHECK(kept_of(10, 0.1, {.multiple_of = 4, .round = rounding::up}) == 10);  // 9: the next is all
  CHECK(kept_of(10, 0.1, {.multiple_of = 4, .round = rounding::down}) == 8);
  CHECK(kept_of(3, 0.5, {.multiple_of = 8, .round = rounding::nearest}) ==
        3);  // fewer than a width
}

TEST_CASE("floor and width hold together", "[allocation][uniform]") {
  CHECK(kept_of(32, 0.9, {.min_kept = 9, .multiple_of = 8, .round = rounding::down}) == 16);
  CHECK(kept_of(32, 0.7, {.min_kept = 8, .multiple_of = 8, .round = rounding::down}) == 8);
}

TEST_CASE("what is gone does not come back for a width", "[allocation][uniform]") {
  // 13 of 32 are gone: 19 live. 24 cannot be had, 16 can.
  CHECK(kept_of(32, 0.4, {.multiple_of = 8, .round = rounding::up}, 13) == 16);
  // Between 16, which the floor forbids, and 24 all that live stay.
  CHECK(kept_of(32, 0.4, {.min_kept = 18, .multiple_of = 8}, 13) == 19);
  // 30 of 32 are gone: not even one width lives.
  CHECK(kept_of(32, 0.4, {.multiple_of = 8, .round = rounding::up}, 30) == 2);
}

TEST_CASE("half of an odd number rounds up", "[allocation][uniform]") {
  for (Index n : {1, 3, 5, 7, 9}) {
    ranking<double> r;
    std::vector<double> scores;
    for (Index i = 0; i < n; ++i) scores.push_back(static_cast<double>(i));
    r.add("w", scores);
    r.allocate(uniform{}, 0.5);
    CHECK(r.removed() == std::min((n + 1) / 2, n - 1));
  }
}

TEST_CASE("uniform may round the number that goes down or up", "[allocation][uniform]") {
  const auto removed = [](Index size, double sparsity, rounding round) {
    ranking<double> r;
    std::vector<double> scores;
    for (Index u = 0; u < size; ++u) scores.push_back(static_cast<double>(u));
    r.add("w", scores);
    r.allocate(uniform{.round = round}, sparsity);
    return r.entries[0].removed();
  };
  CHECK(removed(4, 0.9, rounding::down) == 3);
  CHECK(removed(4, 0.2, rounding::down) == 0);
  CHECK(removed(4, 0.2, rounding::nearest) == 1);
  CHECK(removed(4, 0.2, rounding::up) == 1);
  CHECK(removed(4, 0.9, rounding::up) == 3);  // one always stays
  // 100 times 0.29 falls short of 29 in double, 10 times 0.7 does not: both are whole numbers.
  for (rounding round : {rounding::down, rounding::nearest, rounding::up}) {
    CHECK(removed(100, 0.29, round) == 29);
    CHECK(removed(10, 0.7, round) == 7);
    CHECK(removed(7, 0, round) == 0);
  }
}
