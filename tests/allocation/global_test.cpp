// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"

#include <tuple>   // std::tuple
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::global;
using prunus::limits;
using prunus::rounding;
using prunus::score_scaling;
using support::ranking;
using units = std::vector<int>;

/// One unit after the other in the order of the law, passing over entries that are at their floor.
template <class T>
void remove_one_by_one(ranking<T>& r, Index wanted) {
  std::vector<std::tuple<int, T, std::size_t, std::size_t>> order;
  for (std::size_t e = 0; e < r.entries.size(); ++e)
    for (std::size_t u = 0; u < r.entries[e].scores.size(); ++u)
      order.push_back({r.entries[e].keep[u], r.entries[e].scores[u], e, u});
  std::sort(order.begin(), order.end());
  wanted -= r.removed();
  for (const auto& [live, score, e, u] : order) {
    auto& entry = r.entries[e];
    if (live == 0 || wanted <= 0) continue;
    if (entry.kept() <= std::max<Index>(entry.limits.min_kept, 1)) continue;
    entry.keep[u] = 0;
    --wanted;
  }
}

}  // namespace

TEMPLATE_TEST_CASE("global keeps the laws of allocations", "[allocation][global]", float, double) {
  support::check_allocation_laws<TestType>(global{}, support::count_law::total);
  support::check_allocation_laws<TestType>(global{.scaling = score_scaling::mean},
                                           support::count_law::total);
}

TEST_CASE("global ranks all entries as one", "[allocation][global]") {
  ranking<float> r;
  r.add("small", {0.1F, 0.2F, 0.3F, 5});
  r.add("large", {4, 10, 11, 12});
  r.allocate(global{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{3});
  CHECK(r.entries[1].kept_units() == units{1, 2, 3});
}

TEST_CASE("of equal scores those of earlier entries go first", "[allocation][global]") {
  ranking<float> r;
  r.add("a", {1, 1, 3});
  r.add("b", {1, 1, 3});
  r.allocate(global{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{2});
  CHECK(r.entries[1].kept_units() == units{1, 2});
}

TEST_CASE("dividing by the mean makes entries comparable", "[allocation][global]") {
  const auto fill = [](ranking<float>& r) {
    r.add("small", {1, 2, 3, 6});       // mean 3: 1/3, 2/3, 1, 2
    r.add("large", {50, 80, 90, 180});  // mean 100: 0.5, 0.8, 0.9, 1.8
  };
  ranking<float> as_is, scaled;
  fill(as_is);
  fill(scaled);
  as_is.allocate(global{}, 0.5);
  scaled.allocate(global{.scaling = score_scaling::mean}, 0.5);
  CHECK(as_is.entries[0].kept_units() == units{3});  // one unit of the entry stays
  CHECK(as_is.entries[1].kept_units() == units{1, 2, 3});
  CHECK(scaled.entries[0].kept_units() == units{2, 3});
  CHECK(scaled.entries[1].kept_units() == units{2, 3});
}

TEST_CASE("the mean is that of the live units", "[allocation][global]") {
  ranking<double> r;
  r.add("a", {0, 0, 2, 6, 4}).set_gone(0);      // live 0, 2, 6, 4: mean 3: 0, .67, 2, 1.33
  r.add("b", {10, 20, 30, 40, 0}).set_gone(4);  // mean 25: 0.4, 0.8, 1.2, 1.6
  r.allocate(global{.scaling = score_scaling::mean}, 0.5);
  CHECK(r.entries[0].kept_units() == units{3, 4});
  CHECK(r.entries[1].kept_units() == units{1, 2, 3});
}

TEST_CASE("an entry of zeros goes first under scaling, down to its floor", "[allocation][global]") {
  ranking<float> r;
  r.add("zeros", {0, 0, 0, 0});
  r.add("others", {1, 2, 3, 4});
  r.allocate(global{.scaling = score_scaling::mean}, 0.5);
  CHECK(r.entries[0].kept_units() == units{3});
  CHECK(r.entries[1].kept_units() == units{1, 2, 3});
}

TEST_CASE("what the limits of an entry hold back, the others give", "[allocation][global]") {
  ranking<float> r;
  r.add("protected", {1, 2, 3, 4, 5}, {.min_kept = 4});
  r.add("free", {10, 20, 30, 40, 50});
  r.allocate(global{}, 0.5);  // 5 of 10: one from the first, four from the second
  CHECK(r.entries[0].kept_units() == units{1, 2, 3, 4});
  CHECK(r.entries[1].kept_units() == units{4});
}

TEST_CASE("targets that the limits cannot reach are refused with what can be reached",
          "[allocation][global]") {
  ranking<float> r;
  r.add("a", {1, 2, 3, 4, 5}, {.min_kept = 4});
  r.add("b", {1, 2, 3, 4, 5}, {.min_kept = 3});
  const support::thrown error =
      support::error_of<prunus::argument_error>([&] { r.allocate(global{}, 0.5); });
  CHECK(error.code == errc::unreachable_target);
  CHECK(error.says("0.3"));
  CHECK(r.removed() == 0);
  r.allocate(global{}, 0.3);
  CHECK(r.removed() == 3);
}

TEMPLATE_TEST_CASE("global agrees with removing one by one, with floors and units that are gone",
                   "[allocation][global]", float, double) {
  support::random_source random(51);
  int checked = 0;
  for (int round = 0; round < 300; ++round) {
    ranking<TestType> r = support::random_ranking<TestType>(random);
    Index removable = 0;
    for (auto& e : r.entries) {
      if (random.chance(0.5)) e.limits.min_kept = random.between(0, e.size());
      removable += std::max(e.size() - std::max<Index>(e.limits.min_kept, 1), e.removed());
    }
    const double sparsity = random.real(0, 0.95);
    const Index wanted = support::rounded_half_up(sparsity * static_cast<double>(r.size()));
    if (std::max(wanted, r.removed()) > removable) continue;
    ranking<TestType> expected = r;
    remove_one_by_one(expected, wanted);
    r.allocate(global{}, sparsity);
    CAPTURE(round, sparsity);
    REQUIRE(r.keeps() == expected.keeps());
    ++checked;
  }
  CHECK(checked > 100);
}

TEST_CASE("widths are rounded at the end", "[allocation][global]") {
  std::vector<float> low, high;
  for (int i = 0; i < 16; ++i) {
    low.push_back(static_cast<float>(i));
    high.push_back(static_cast<float>(100 + i));
  }
  ranking<float> r;
  r.add("low", low, {.multiple_of = 4, .round = rounding::nearest});
  r.add("high", high, {.multiple_of = 4, .round = rounding::up});
  r.allocate(global{}, 0.3125);  // 10 of 32: six of the first are left, which rounds up to eight
  CHECK(r.entries[0].kept() == 8);
  CHECK(r.entries[0].kept_units().front() == 8);
  CHECK(r.entries[1].kept() == 16);
}

TEST_CASE("magnitudes are ranked where they lie", "[allocation][global]") {
  std::vector<float> a{-3, 0.5F, -0.25F, 2}, b{1, -1, 4, -5};
  std::vector<std::uint8_t> keep_a(4, 1), keep_b(4, 1);
  std::vector<prunus::ranking_group<float>> entries{
      {"a", {a.data(), 4, true, "a"}, keep_a, {}, nullptr},
      {"b", {b.data(), 4, true, "b"}, keep_b, {}, nullptr}};
  global{}.allocate(std::span<prunus::ranking_group<float>>(entries), 0.375);
  CHECK(keep_a == std::vector<std::uint8_t>{1, 0, 0, 1});
  CHECK(keep_b == std::vector<std::uint8_t>{0, 1, 1, 1});
}

TEST_CASE("exactly k of many scores go, whatever the ties", "[allocation][global]") {
  support::random_source random(52);
  ranking<float> r;
  for (int e = 0; e < 3; ++e) {
    std::vector<float> scores;
    for (int i = 0; i < 9000; ++i) scores.push_back(static_cast<float>(random.between(0, 5)));
    r.add("w" + std::to_string(e), scores);
  }
  for (double sparsity : {0.1, 0.33, 0.5, 0.9}) {  // growing: what is gone stays gone
    const auto before = r.keeps();
    r.allocate(global{}, sparsity);
    REQUIRE(r.removed() == support::rounded_half_up(sparsity * 27000));
    for (std::size_t e = 0; e < 3; ++e)
      for (std::size_t u = 0; u < 9000; ++u) {
        if (r.entries[e].keep[u] > before[e][u]) FAIL("unit " << u << " came back");
        if (r.entries[e].keep[u] == 0) r.entries[e].set_gone(static_cast<Index>(u));
      }
  }
}
