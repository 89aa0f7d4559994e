// SPDX-License-Identifier: MIT
#include <prunus/allocation/equal_per_filter.hpp>
#include <prunus/criteria/kernel_vector.hpp>
#include <prunus/pruning/pass.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"
#include "support/owned_weight.hpp"

#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::equal_per_filter;
using prunus::errc;
using prunus::threshold_rule;
using support::ranking;
using units = std::vector<int>;

constexpr equal_per_filter strict{.rule = threshold_rule::strict};

/// Two filters of four kernels, scored by hand for `kernel_vector`.
ranking<double> two_filters() {
  ranking<double> r;
  r.add_matrix("w", 2, {2.94, 2.97, 1.998995, 0.98, 2, 2, 0.95, 0.95});
  return r;
}

}  // namespace

TEST_CASE("kernels of two filters worked out by hand", "[allocation][equal_per_filter]") {
  // 0.95 0.95 0.98 1.998995 2 2 2.94 2.97: rank int(0.4 * 8) = 3, four are above it, so half goes.
  ranking<double> r = two_filters();
  r.allocate(strict, 0.4);
  CHECK(r.entries[0].kept_units() == units{0, 1, 4, 5});
  // Rank 4 is 2.0: two are above it, three quarters go.
  r = two_filters();
  r.allocate(strict, 0.5);
  CHECK(r.entries[0].kept_units() == units{1, 5});
  // Exactly four of eight.
  r = two_filters();
  r.allocate(equal_per_filter{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{0, 1, 4, 5});
}

TEMPLATE_TEST_CASE("every filter keeps the same number, never none",
                   "[allocation][equal_per_filter]", float, double) {
  for (const equal_per_filter& allocation : {equal_per_filter{}, strict}) {
    support::check_bad_scores_are_refused<TestType>(allocation);
    support::check_bad_targets_are_refused<TestType>(allocation);
    support::random_source random(92);
    for (int round = 0; round < 80; ++round) {
      const ranking<TestType> before = support::random_ranking<TestType>(random, false);
      ranking<TestType> after = before;
      const double sparsity = random.real(0, 1);
      after.allocate(allocation, sparsity);
      Index total = 0, moved = 0;
      for (const auto& e : after.entries) {
        const Index rows = e.grid.count(prunus::axis::out), columns = e.size() / rows;
        const auto kept_in = [&](Index row) {
          return std::count(e.keep.begin() + row * columns, e.keep.begin() + (row + 1) * columns,
                            std::uint8_t{1});
        };
        REQUIRE(kept_in(0) >= 1);
        for (Index row = 0; row < rows; ++row) {
          REQUIRE(kept_in(row) == kept_in(0));
          for (Index a = row * columns; a < (row + 1) * columns; ++a)
            for (Index b = row * columns; b < (row + 1) * columns; ++b) {
              const auto x = static_cast<std::size_t>(a), y = static_cast<std::size_t>(b);
              const bool in_order =
                  e.scores[x] < e.scores[y] || (e.scores[x] == e.scores[y] && a < b);
              if (e.keep[x] == 0 && e.keep[y] != 0) REQUIRE(in_order);
            }
        }
        total += e.size();
        moved += e.removed();
      }
      if (allocation.rule == threshold_rule::exact_count && after.entries.size() == 1) {
        // One layer: the nearest to exactly k that is equal in all filters.
        const auto& e = after.entries[0];
        const Index rows = e.grid.count(prunus::axis::out);
        const Index wanted = support::rounded_half_up(sparsity * static_cast<double>(total));
        if (moved < total - rows) REQUIRE(2 * std::abs(moved - wanted) <= rows);
      }
    }
  }
}

TEST_CASE("layers share one threshold", "[allocation][equal_per_filter]") {
  ranking<float> r;
  r.add_matrix("low", 2, {1, 2, 3, 4, 5, 6, 7, 8});
  r.add_matrix("high", 2, {11, 12, 13, 14, 15, 16, 17, 18});
  r.allocate(equal_per_filter{}, 0.25);
  CHECK(r.entries[0].kept_units() == units{2, 3, 6, 7});
  CHECK(r.entries[1].kept() == 8);
  r.allocate(equal_per_filter{}, 0.6);
  CHECK(r.entries[0].kept_units() == units{3, 7});  // one of each filter stays
}

TEST_CASE("what is gone goes first and does not come back", "[allocation][equal_per_filter]") {
  ranking<float> r;
  auto& e = r.add_matrix("w", 3, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  e.set_gone(3);
  e.set_gone(5);
  e.set_gone(6);
  e.set_gone(7);
  r.allocate(equal_per_filter{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{1, 2, 4, 10, 11});
}

TEST_CASE("limits count the kernels of a filter", "[allocation][equal_per_filter]") {
  ranking<float> r;
  r.add_matrix("w", 2, {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}, {.min_kept = 2, .multiple_of = 2});
  r.allocate(equal_per_filter{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{2, 3, 4, 5, 8, 9, 10, 11});
  r.allocate(equal_per_filter{}, 0.9);
  CHECK(r.entries[0].kept_units() == units{4, 5, 10, 11});
}

TEST_CASE("filters are found in any layout", "[allocation][equal_per_filter]") {
  support::random_source random(93);
  for (std::string_view order : support::memory_orders) {
    support::owned_weight<float> w(order, {5, 8, 3, 3});
    for (float& x : w.values) x = static_cast<float>(random.real(-1, 1));
    prunus::model<float> net;
    net.add("conv.weight", w.view(), {.prunable = true});
    const prunus::pass pass{prunus::kernel_vector{}, prunus::kernel_2d, equal_per_filter{}};
    prunus::pass_state state = pass.prepare(net);
    pass.prune(net, state, 1, 0.6);
    for (Index f = 0; f < 5; ++f) {
      Index live = 0;
      for (Index c = 0; c < 8; ++c) live += w.view()(f, c, 0, 0) != 0 ? 1 : 0;
      CAPTURE(order, f);
      CHECK(live == 3);
    }
  }
}

TEST_CASE("tiles of several outputs are refused", "[allocation][equal_per_filter]") {
  ranking<float> r;
  auto& e = r.add_matrix("w", 2, {1, 2, 3, 4, 5, 6, 7, 8});
  const prunus::weight_view<const float> shape{
      nullptr,
      {1, 1, 2, 8},
      {prunus::axis::height, prunus::axis::width, prunus::axis::out, prunus::axis::in},
      2};
  e.grid = prunus::tile_grid(shape, prunus::block(2, 1));
  CHECK(support::code_of<prunus::argument_error>([&] { r.allocate(equal_per_filter{}, 0.5); }) ==
        errc::unsupported);
  auto all = r.units();
  all[0].grid = nullptr;
  CHECK(support::code_of<prunus::argument_error>([&] {
          equal_per_filter{}.allocate(std::span<prunus::ranking_group<float>>(all), 0.5);
        }) == errc::unsupported);
}
