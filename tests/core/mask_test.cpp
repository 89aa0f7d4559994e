// SPDX-License-Identifier: MIT
#include <prunus/core/mask.hpp>

#include "support/allocation_counter.hpp"
#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/owned_weight.hpp"
#include "support/random_source.hpp"

#include <cmath>   // std::isnan
#include <limits>  // std::numeric_limits
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::mask;
using prunus::tile_grid;
using support::code_of;
using support::naive_grid;
using support::owned_weight;
using support::shape4;

mask random_mask(const tile_grid& grid, support::random_source& random) {
  mask m(grid);
  for (Index t = 0; t < m.size(); ++t) m.set(t, random.chance(0.5));
  return m;
}

template <class S>
S bits_of_nan() {
  return static_cast<S>(std::numeric_limits<float>::quiet_NaN());
}

const shape4 ragged{5, 4, 3, 3};

}  // namespace

TEMPLATE_TEST_CASE(
    "applying a mask zeroes the removed tiles and touches nothing else, in every layout",
    "[core][mask]", float, double, Eigen::half, Eigen::bfloat16) {
  support::random_source random(3);
  for (std::string_view order : support::memory_orders)
    for (const prunus::tile& shape : support::tiles_to_try()) {
      owned_weight<TestType> owner(order, ragged);
      for (TestType& value : owner.values) value = TestType(random.gaussian() + 8);
      const auto before = owner.values;
      const auto w = owner.view();
      const mask m = random_mask(tile_grid(w, shape), random);
      m.apply(w);

      const naive_grid naive(w, shape);
      bool right = true;
      Index kept = 0;
      support::for_each_position(ragged, [&](Index o, Index i, Index h, Index x) {
        const auto at = static_cast<std::size_t>(&w(o, i, h, x) - w.data);
        const bool keep = m[naive.at(o, i, h, x)];
        right = right && owner.values[at] == (keep ? before[at] : TestType(0));
        kept += keep ? 1 : 0;
      });
      CAPTURE(order, shape.out, shape.in, shape.height, shape.width);
      REQUIRE(right);
      REQUIRE(m.weights_kept() == kept);
    }
}

TEMPLATE_TEST_CASE("removed weights become exactly zero even where they are NaN or infinite",
                   "[core][mask]", float, double, Eigen::half, Eigen::bfloat16) {
  for (const prunus::tile& shape : {prunus::element, prunus::filter, prunus::channel}) {
    owned_weight<TestType> owner("OIHW", {4, 3, 1, 1});
    for (TestType& value : owner.values) value = bits_of_nan<TestType>();
    owner.values[5] = TestType(std::numeric_limits<float>::infinity());
    mask m(tile_grid(owner.view(), shape));
    for (Index t = 0; t < m.size(); ++t) m.set(t, false);
    m.apply(owner.view());
    for (TestType value : owner.values) CHECK(static_cast<float>(value) == 0);
  }
  owned_weight<TestType> owner("OIHW", {4, 3, 1, 1});
  for (TestType& value : owner.values) value = bits_of_nan<TestType>();
  mask(tile_grid(owner.view(), prunus::element)).apply(owner.view());
  for (TestType value : owner.values) CHECK(std::isnan(static_cast<float>(value)));
}

TEMPLATE_TEST_CASE("scaling multiplies the removed tiles only, in every layout", "[core][mask]",
                   float, double, Eigen::half) {
  support::random_source random(4);
  for (std::string_view order : support::memory_orders)
    for (const prunus::tile& shape : support::tiles_to_try()) {
      owned_weight<TestType> owner(order, ragged);
      for (TestType& value : owner.values)
        value = TestType(static_cast<float>(random.between(1, 64)));
      const auto before = owner.values;
      const auto w = owner.view();
      const mask m = random_mask(tile_grid(w, shape), random);
      m.scale_removed(w, 0.25);
      const naive_grid naive(w, shape);
      bool right = true;
      support::for_each_position(ragged, [&](Index o, Index i, Index h, Index x) {
        const auto at = static_cast<std::size_t>(&w(o, i, h, x) - w.data);
        const float factor = m[naive.at(o, i, h, x)] ? 1.0F : 0.25F;
        right = right &&
                static_cast<float>(owner.values[at]) == static_cast<float>(before[at]) * factor;
      });
      CAPTURE(order);
      REQUIRE(right);
    }
}

TEST_CASE("applying and scaling allocate nothing", "[core][mask]") {
  owned_weight<float> owner("HWIO", ragged);
  const auto w = owner.view();
  CHECK(support::allocations_of([] { std::vector<int> probe(8); }) == 1);  // the counter counts
  for (const prunus::tile& shape : support::tiles_to_try()) {
    mask m(tile_grid(w, shape));
    m.set(0, false);
    CHECK(support::allocations_of([&] {
            m.apply(w);
            m.scale_removed(w, 0.5);
            (void)m.weights_kept();
          }) == 0);
  }
}

TEST_CASE("a mask counts what it keeps", "[core][mask]") {
  owned_weight<float> owner("OIHW", {5, 4, 1, 1});
  mask m(tile_grid(owner.view(), prunus::head(2)));  // tiles of 8, 8 and 4 weights
  CHECK(m.size() == 3);
  CHECK(m.kept() == 3);
  CHECK(m.weights_kept() == 20);
  CHECK(m.sparsity() == 0);
  m.set(2, false);
  CHECK(m.removed() == 1);
  CHECK(m.sparsity() == Approx(1.0 / 3));
  CHECK(m.weights_kept() == 16);
  m.set(2, true);
  m.set(0, false);
  CHECK(m.weights_kept() == 12);
  CHECK(mask().size() == 0);
  CHECK(mask().sparsity() == 0);
}

TEST_CASE("masks of any tile join into a mask over single weights", "[core][mask]") {
  support::random_source random(5);
  for (std::string_view order : support::memory_orders) {
    owned_weight<float> owner(order, ragged);
    const auto w = owner.view();
    mask joined(tile_grid(w, prunus::element));
    std::vector<bool> expected(owner.values.size(), true);
    for (const prunus::tile& shape : {prunus::filter, prunus::block(3, 2), prunus::element}) {
      mask m(tile_grid(w, shape));
      for (Index t = 0; t < m.size(); ++t) m.set(t, random.chance(0.8));
      joined.remove_where_removed(m);
      const naive_grid naive(w, shape);
      support::for_each_position(ragged, [&](Index o, Index i, Index h, Index x) {
        if (!m[naive.at(o, i, h, x)])
          expected[static_cast<std::size_t>(&w(o, i, h, x) - w.data)] = false;
      });
    }
    bool right = true;
    for (std::size_t at = 0; at < expected.size(); ++at)
      right = right && joined[static_cast<Index>(at)] == expected[at];
    CAPTURE(order);
    CHECK(right);
    CHECK(joined.removed() > 0);
  }
}

TEST_CASE("a mask refuses weights and masks of another shape, layout or tile", "[core][mask]") {
  owned_weight<float> a("OIHW", {4, 4, 2, 2}), other_layout("IOHW", {4, 4, 2, 2}),
      larger("OIHW", {4, 5, 2, 2});
  mask filters(tile_grid(a.view(), prunus::filter)), elements(tile_grid(a.view(), prunus::element));
  const auto wrong = [](auto call) { return code_of<prunus::shape_error>(call); };
  CHECK(wrong([&] { filters.apply(other_layout.view()); }) == errc::shape_mismatch);
  CHECK(wrong([&] { filters.apply(larger.view()); }) == errc::shape_mismatch);
  CHECK(wrong([&] { filters.scale_removed(larger.view(), 0.5); }) == errc::shape_mismatch);
  CHECK(wrong([&] { filters.remove_where_removed(elements); }) == errc::shape_mismatch);
  CHECK(wrong([&] {
          elements.remove_where_removed(mask(tile_grid(other_layout.view(), prunus::filter)));
        }) == errc::shape_mismatch);
}

TEST_CASE("a saved mask is the same mask again", "[core][mask]") {
  support::random_source random(6);
  for (std::string_view order : support::memory_orders)
    for (const prunus::tile& shape : support::tiles_to_try()) {
      owned_weight<float> owner(order, ragged);
      const tile_grid grid(owner.view(), shape);
      const mask saved = random_mask(grid, random);
      prunus::archive_writer out;
      saved.save(out);
      prunus::archive_reader in(out.bytes(), "memory");
      mask loaded(grid);
      loaded.load(in, "w");
      REQUIRE(loaded == saved);
      REQUIRE(in.at_end());
    }
}

TEST_CASE("a mask cut short, of another grid or another kind is refused and nothing changes",
          "[core][mask]") {
  owned_weight<float> owner("OIHW", ragged), other("OIHW", {5, 4, 3, 4});
  support::random_source random(8);
  const tile_grid grid(owner.view(), prunus::kernel_2d);
  const mask saved = random_mask(grid, random);
  prunus::archive_writer out;
  saved.save(out);

  const mask untouched = random_mask(grid, random);
  const std::string pieces = support::pieces_of(out.bytes());
  for (std::size_t length = 0; length < pieces.size(); ++length) {
    const std::string bytes = support::sealed(pieces.substr(0, length));
    prunus::archive_reader in(bytes, "memory");
    mask target = untouched;
    CAPTURE(length);
    REQUIRE(code_of<prunus::file_error>([&] { target.load(in, "w"); }) == errc::truncated);
    REQUIRE(target == untouched);
  }
  for (const tile_grid& wrong :
       {tile_grid(owner.view(), prunus::filter), tile_grid(other.view(), prunus::kernel_2d)}) {
    prunus::archive_reader in(out.bytes(), "memory");
    mask target(wrong);
    const support::thrown problem =
        support::error_of<prunus::shape_error>([&] { target.load(in, "conv1.weight"); });
    CHECK(problem.code == errc::shape_mismatch);
    CHECK(problem.says("memory: the mask of conv1.weight"));
  }
  prunus::archive_writer foreign;
  foreign.tag("prunus pass 1");
  prunus::archive_reader in(foreign.bytes(), "memory");
  mask target(grid);
  CHECK(code_of<prunus::file_error>([&] { target.load(in, "conv1.weight"); }) == errc::malformed);

  std::string marked = pieces;
  marked.back() = '\xff';  // bits behind the last tile
  const std::string odd = support::sealed(marked);
  prunus::archive_reader more(odd, "memory");
  CHECK(code_of<prunus::file_error>([&] { target.load(more, "conv1.weight"); }) == errc::malformed);
}

TEST_CASE("no flipped bit of a saved mask is taken for another mask", "[core][mask]") {
  owned_weight<float> owner("OIHW", ragged);
  support::random_source random(9);
  mask target = random_mask(tile_grid(owner.view(), prunus::kernel_2d), random);
  prunus::archive_writer out;
  target.save(out);
  CHECK(support::flips_taken(out.bytes(), [&](const std::string& bytes) {
          prunus::archive_reader in(bytes, "flipped");
          target.load(in, "w");
        }) == 0);
}
