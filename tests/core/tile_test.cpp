// SPDX-License-Identifier: MIT
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_walk.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/owned_weight.hpp"
#include "support/random_source.hpp"

#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::errc;
using prunus::tile;
using prunus::tile_grid;
using support::naive_grid;
using support::owned_weight;
using support::shape4;

/// The tile of every weight as the walk tells it; -1 where it was not visited or visited twice.
std::vector<Index> walked(const tile_grid& grid) {
  std::vector<Index> tile_of(static_cast<std::size_t>(grid.weights()), -2);
  const auto visit = [&](Index at, Index tile) {
    Index& seen = tile_of.at(static_cast<std::size_t>(at));
    seen = seen == -2 ? tile : -1;
  };
  prunus::detail::walk_tiles(
      grid,
      [&](Index at, Index count, Index tile) {
        for (Index j = 0; j < count; ++j) visit(at + j, tile);
      },
      [&](Index at, Index count, Index tile) {
        for (Index j = 0; j < count; ++j) visit(at + j, tile + j);
      });
  return tile_of;
}

Index runs_of(const tile_grid& grid) {
  Index runs = 0;
  const auto count = [&](Index, Index, Index) { ++runs; };
  prunus::detail::walk_tiles(grid, count, count);
  return runs;
}

}  // namespace

TEST_CASE("the named granularities have the tiles of the field", "[core][tile]") {
  owned_weight<float> w("OIHW", {8, 6, 3, 5});
  CHECK(tile_grid(w.view(), prunus::element).size() == 720);
  CHECK(tile_grid(w.view(), prunus::kernel_2d).size() == 48);
  CHECK(tile_grid(w.view(), prunus::filter).size() == 8);
  CHECK(tile_grid(w.view(), prunus::channel).size() == 6);
  CHECK(tile_grid(w.view(), prunus::stripe).size() == 8 * 15);
  CHECK(tile_grid(w.view(), prunus::layer).size() == 1);
  CHECK(tile_grid(w.view(), prunus::block(4, 1)).size() == 2 * 6 * 15);
  CHECK(tile_grid(w.view(), prunus::head(4)).size() == 2);
}

TEST_CASE("tiles that do not divide the weight are smaller at the ends", "[core][tile]") {
  owned_weight<float> w("OIHW", {5, 7, 1, 1});
  const tile_grid grid(w.view(), prunus::block(2, 3));
  CHECK(grid.count(axis::out) == 3);
  CHECK(grid.count(axis::in) == 3);
  CHECK(grid.size() == 9);
  CHECK_FALSE(grid.is_regular());
  const std::vector<Index> expected{6, 6, 2, 6, 6, 2, 3, 3, 1};
  for (Index t = 0; t < 9; ++t) CHECK(grid.weights_in(t) == expected[static_cast<std::size_t>(t)]);
}

TEST_CASE("a grid knows its strides and what it spans", "[core][tile]") {
  owned_weight<float> w("HWIO", {8, 6, 3, 5});
  const tile_grid filters(w.view(), prunus::filter);
  CHECK(filters.spans_all_but(axis::out));
  CHECK_FALSE(filters.spans_all_but(axis::in));
  CHECK_FALSE(filters.is_elementwise());
  CHECK(filters.is_regular());
  CHECK(filters.stride(axis::out) == 1);
  const tile_grid kernels(w.view(), prunus::kernel_2d);
  CHECK(kernels.stride(axis::out) == 1);
  CHECK(kernels.stride(axis::in) == 8);
  CHECK(kernels.count(axis::in) == 6);
  CHECK(kernels.count(axis::height) == 1);
  CHECK(tile_grid(w.view(), prunus::element).is_elementwise());
  CHECK(tile_grid(w.view(), prunus::element).stride(axis::height) == 240);
  CHECK(tile_grid(w.view(), tile{100, 100, 100, 100}).size() == 1);
}

TEST_CASE("a negative tile is refused by the name of its axis", "[core][tile]") {
  owned_weight<float> w("OIHW", {2, 2, 2, 2});
  const support::thrown error = support::error_of<prunus::argument_error>([&] {
    (void)tile_grid(w.view(), tile{1, 1, -1, 1});
  });
  CHECK(error.code == errc::out_of_range);
  CHECK(error.says("height"));
}

TEST_CASE("the walk visits every weight once, in the tile that index arithmetic gives",
          "[core][tile]") {
  support::random_source random(11);
  for (int round = 0; round < 400; ++round) {
    const shape4 shape{random.between(1, 7), random.between(1, 6), random.between(1, 4),
                       random.between(1, 4)};
    const auto order = static_cast<std::size_t>(random.between(0, 7));
    owned_weight<float> owner(support::memory_orders[order], shape);
    const auto w = owner.view();
    const tile wanted = random.chance(0.4)
                            ? support::tiles_to_try()[static_cast<std::size_t>(random.between(
                                  0, static_cast<Index>(support::tiles_to_try().size()) - 1))]
                            : tile{random.between(0, 4), random.between(0, 4), random.between(0, 4),
                                   random.between(0, 4)};
    CAPTURE(round, shape.out, shape.in, shape.height, shape.width, support::memory_orders[order],
            wanted.out, wanted.in, wanted.height, wanted.width);
    const tile_grid grid(w, wanted);
    const naive_grid naive(w, wanted);
    const std::vector<Index> tile_of = walked(grid);

    bool right = grid.size() == naive.size() && grid.counts() == naive.count;
    std::vector<Index> weights(static_cast<std::size_t>(naive.size()), 0);
    support::for_each_position(shape, [&](Index o, Index i, Index h, Index x) {
      const Index expected = naive.at(o, i, h, x);
      right = right && tile_of[static_cast<std::size_t>(&w(o, i, h, x) - w.data)] == expected;
      ++weights[static_cast<std::size_t>(expected)];
    });
    bool regular = true;
    for (Index t = 0; t < grid.size(); ++t) {
      right = right && grid.weights_in(t) == weights[static_cast<std::size_t>(t)];
      regular = regular && weights[static_cast<std::size_t>(t)] == weights.front();
    }
    REQUIRE(right);
    REQUIRE(grid.is_regular() == regular);
    REQUIRE(grid.is_elementwise() == (grid.size() == shape.size()));
  }
}

TEST_CASE("runs of the walk are as long as the grid allows", "[core][tile]") {
  owned_weight<float> oihw("OIHW", {8, 6, 3, 3}), hwio("HWIO", {8, 6, 3, 3});
  CHECK(runs_of(tile_grid(oihw.view(), prunus::element)) == 1);
  CHECK(runs_of(tile_grid(oihw.view(), prunus::layer)) == 1);
  CHECK(runs_of(tile_grid(oihw.view(), prunus::filter)) == 8);
  CHECK(runs_of(tile_grid(oihw.view(), prunus::kernel_2d)) == 48);
  CHECK(runs_of(tile_grid(hwio.view(), prunus::filter)) == 54);  // eight filters in each run
  CHECK(runs_of(tile_grid(hwio.view(), prunus::kernel_2d)) == 9);
}
