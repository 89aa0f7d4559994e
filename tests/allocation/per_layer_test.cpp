// SPDX-License-Identifier: MIT
#include <prunus/allocation/per_layer.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"

#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::per_layer;
using support::ranking;

ranking<float> three_layers() {
  ranking<float> r;
  for (const char* name : {"conv1.weight", "conv2.weight", "fc.weight"}) {
    std::vector<float> scores;
    for (int i = 0; i < 10; ++i) scores.push_back(static_cast<float>(i));
    r.add(name, scores);
  }
  return r;
}

std::vector<Index> removed_at(const per_layer& allocation, double target) {
  ranking<float> r = three_layers();
  r.allocate(allocation, target);
  return {r.entries[0].removed(), r.entries[1].removed(), r.entries[2].removed()};
}

using counts = std::vector<Index>;

}  // namespace

TEMPLATE_TEST_CASE("per_layer keeps the laws of allocations", "[allocation][per_layer]", float,
                   double) {
  // Everything listed at one sparsity grows with the target: as uniform, up to that sparsity.
  support::check_allocation_laws<TestType>(per_layer{{{"*", 0.999999}}},
                                           support::count_law::its_own);
}

TEST_CASE("every entry has the sparsity that is listed for it", "[allocation][per_layer]") {
  const per_layer list{{{"conv*", 0.3}, {"fc.weight", 0.9}}};
  CHECK(removed_at(list, 0.9) == counts{3, 3, 9});
}

TEST_CASE("the first pattern that fits counts", "[allocation][per_layer]") {
  CHECK(removed_at({{{"conv1.*", 0.1}, {"conv*", 0.5}}}, 0.5) == counts{1, 5, 0});
  CHECK(removed_at({{{"conv*", 0.5}, {"conv1.*", 0.1}}}, 0.5) == counts{5, 5, 0});
}

TEST_CASE("what nothing fits has the sparsity of the others", "[allocation][per_layer]") {
  CHECK(removed_at({{{"conv1.*", 0.4}}, 0.2}, 0.4) == counts{4, 2, 2});
  CHECK(removed_at({{{"conv1.*", 0.4}}}, 0.4) == counts{4, 0, 0});
}

TEST_CASE("the list grows in proportion under a ramp and is never overshot",
          "[allocation][per_layer]") {
  const per_layer list{{{"conv*", 0.4}, {"fc*", 0.8}}};
  CHECK(removed_at(list, 0.0) == counts{0, 0, 0});
  CHECK(removed_at(list, 0.2) == counts{1, 1, 2});
  CHECK(removed_at(list, 0.4) == counts{2, 2, 4});
  CHECK(removed_at(list, 0.8) == counts{4, 4, 8});
  CHECK(removed_at(list, 0.95) == counts{4, 4, 8});
  CHECK(removed_at({{{"*", 0.0}}}, 0.5) == counts{0, 0, 0});
}

TEST_CASE("patterns that fit nothing and wrong sparsities are refused", "[allocation][per_layer]") {
  const auto code = [](const per_layer& list) {
    ranking<float> r = three_layers();
    const auto thrown = support::code_of<prunus::argument_error>([&] { r.allocate(list, 0.5); });
    CHECK(r.removed() == 0);
    return thrown;
  };
  CHECK(code({{{"conv*", 0.5}, {"conv9.weight", 0.5}}}) == errc::unknown_name);
  CHECK(code({{{"conv*", 1.0}}}) == errc::out_of_range);
  CHECK(code({{{"conv*", -0.1}}}) == errc::out_of_range);
  CHECK(code({{{"conv*", 0.5}}, 1.0}) == errc::out_of_range);
}

TEST_CASE("limits come before the list", "[allocation][per_layer]") {
  ranking<float> r = three_layers();
  r.entries[0].limits = {.min_kept = 7};
  r.entries[1].limits = {.multiple_of = 4};
  r.allocate(per_layer{{{"*", 0.5}}}, 0.5);
  CHECK(r.entries[0].kept() == 7);
  CHECK(r.entries[1].kept() == 4);
  CHECK(r.entries[2].kept() == 5);
}
