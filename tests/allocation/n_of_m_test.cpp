// SPDX-License-Identifier: MIT
#include <prunus/allocation/n_of_m.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"
#include "support/owned_weight.hpp"

#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::n_of_m;
using support::ranking;
using units = std::vector<int>;

}  // namespace

TEMPLATE_TEST_CASE("n_of_m keeps the laws of allocations", "[allocation][n_of_m]", float, double) {
  support::check_allocation_laws<TestType>(n_of_m{}, support::count_law::its_own);
  support::check_allocation_laws<TestType>(n_of_m{1, 3}, support::count_law::its_own);
}

TEST_CASE("two of four neighbours along the input stay", "[allocation][n_of_m]") {
  ranking<float> r;
  r.add_matrix("w", 2,
               {1, 4, 3, 2, 8, 7, 6, 5,  //
                5, 5, 5, 5, 0, 1, 0, 1});
  r.allocate(n_of_m{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{1, 2, 4, 5, 10, 11, 13, 15});  // of ties the lower goes
}

TEST_CASE("the pattern does not depend on the target", "[allocation][n_of_m]") {
  for (double target : {0.0, 0.2, 0.9}) {
    ranking<float> r;
    r.add_matrix("w", 1, {1, 4, 3, 2});
    r.allocate(n_of_m{}, target);
    CHECK(r.removed() == 2);
  }
}

TEST_CASE("a last group of fewer than m keeps up to n", "[allocation][n_of_m]") {
  ranking<float> r;
  r.add("three", {1, 4, 3, 2, 7, 5, 6});
  r.add("two", {1, 4, 3, 2, 7, 5});
  r.add("one", {1, 4, 3, 2, 7});
  r.allocate(n_of_m{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{1, 2, 4, 6});
  CHECK(r.entries[1].kept_units() == units{1, 2, 4, 5});
  CHECK(r.entries[2].kept_units() == units{1, 2, 4});
}

TEST_CASE("units that are gone are among those that go", "[allocation][n_of_m]") {
  ranking<float> r;
  auto& e = r.add("w", {0, 0, 0, 5, 6, 7, 8, 9});
  e.keep[1] = 0;                            // scores as low as its neighbours
  for (Index u : {4, 5, 6}) e.set_gone(u);  // more than the pattern takes
  r.allocate(n_of_m{}, 0.5);
  CHECK(r.entries[0].kept_units() == units{2, 3, 7});
}

TEST_CASE("the groups lie along the input axis in every memory order", "[allocation][n_of_m]") {
  const support::shape4 shape{3, 10, 2, 2};
  for (std::string_view order : support::memory_orders)
    for (const prunus::tile& tile : {prunus::element, prunus::kernel_2d, prunus::block(2, 1)}) {
      support::owned_weight<float> owner(order, shape);
      const prunus::tile_grid grid(owner.view(), tile);
      const support::naive_grid naive(owner.view(), tile);
      support::random_source random(61);
      // Scores by position, so that they are the same in every memory order.
      std::vector<float> scores(static_cast<std::size_t>(grid.size()));
      support::for_each_position(shape, [&](Index o, Index i, Index h, Index w) {
        scores[static_cast<std::size_t>(naive.at(o, i, h, w))] =
            static_cast<float>(random.between(0, 3));
      });
      std::vector<std::uint8_t> keep(scores.size(), 1);
      std::vector<prunus::ranking_group<float>> entries{
          {"w", {scores.data(), grid.size(), false, "w"}, keep, {}, &grid}};
      n_of_m{2, 4}.allocate(std::span<prunus::ranking_group<float>>(entries), 0.5);

      bool right = true;
      support::for_each_position(shape, [&](Index o, Index i, Index h, Index w) {
        const auto at = [&](Index in) { return static_cast<std::size_t>(naive.at(o, in, h, w)); };
        const Index first = i / 4 * 4, last = std::min<Index>(first + 4, shape.in);
        Index better = 0;  // of its group, those that stay before this one
        for (Index other = first; other < last; ++other)
          better +=
              scores[at(other)] > scores[at(i)] || (scores[at(other)] == scores[at(i)] && other > i)
                  ? 1
                  : 0;
        right = right && (keep[at(i)] != 0) == (better < 2);
      });
      CAPTURE(order, tile.out, tile.height);
      REQUIRE(right);
    }
}

TEST_CASE("impossible patterns and wide tiles are refused", "[allocation][n_of_m]") {
  ranking<float> r;
  r.add("w", {1, 2, 3, 4, 5, 6, 7, 8});
  for (n_of_m wrong : {n_of_m{0, 4}, n_of_m{5, 4}, n_of_m{-1, 2}})
    CHECK(support::code_of<prunus::argument_error>([&] { r.allocate(wrong, 0.5); }) ==
          errc::out_of_range);
  support::owned_weight<float> owner("OIHW", {2, 4, 1, 1});
  r.entries[0].grid = prunus::tile_grid(owner.view(), prunus::tile{1, 2, 1, 1});
  CHECK(support::code_of<prunus::argument_error>([&] { r.allocate(n_of_m{}, 0.5); }) ==
        errc::unsupported);
  auto coupled = r.units();
  coupled[0].grid = nullptr;
  CHECK(support::code_of<prunus::argument_error>([&] {
          n_of_m{}.allocate(std::span<prunus::ranking_group<float>>(coupled), 0.5);
        }) == errc::unsupported);
  CHECK(r.removed() == 0);
  r.entries[0].grid = prunus::tile_grid(owner.view(), prunus::element);
  r.allocate(n_of_m{4, 4}, 0.5);  // all of four: nothing goes
  CHECK(r.removed() == 0);
}
