// SPDX-License-Identifier: MIT
#include <prunus/allocation/erdos_renyi_kernel.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"

#include <cmath>    // std::abs
#include <cstddef>  // std::size_t
#include <string>   // std::string
#include <vector>   // std::vector

namespace {

using Eigen::Index;
using prunus::erdos_renyi_kernel;
using prunus::errc;

/// An entry over a weight of this shape (memory order OIHW), cut into tiles.
support::ranking<float>::entry& add_shape(support::ranking<float>& r, std::string name, Index out,
                                          Index in, Index height, Index width,
                                          const prunus::tile& tile = prunus::element) {
  const prunus::weight_view<const float> shape{
      nullptr,
      {out, in, height, width},
      {prunus::axis::out, prunus::axis::in, prunus::axis::height, prunus::axis::width},
      height * width > 1 ? 4 : 2};
  const prunus::tile_grid grid(shape, tile);
  std::vector<float> scores;
  for (Index t = 0; t < grid.size(); ++t) scores.push_back(static_cast<float>((t * 7) % 101));
  auto& added = r.add(std::move(name), std::move(scores));
  added.grid = grid;
  return added;
}

struct shape {
  Index out, in, height, width;
  double size() const { return static_cast<double>(out * in * height * width); }
  double raw() const {
    return static_cast<double>(out + in + (height > 1 ? height : 0) + (width > 1 ? width : 0)) /
           size();
  }
};

/// The published procedure: layers whose share would exceed 1 are made dense, one after the other.
std::vector<double> densities(const std::vector<shape>& layers, double sparsity) {
  std::vector<bool> dense(layers.size(), false);
  for (;;) {
    double to_keep = 0, divisor = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      to_keep += (1 - sparsity) * layers[l].size() - (dense[l] ? layers[l].size() : 0);
      divisor += dense[l] ? 0 : layers[l].raw() * layers[l].size();
    }
    const double epsilon = divisor > 0 ? to_keep / divisor : 0;
    double largest = 0;
    for (std::size_t l = 0; l < layers.size(); ++l)
      if (!dense[l]) largest = std::max(largest, layers[l].raw());
    if (epsilon * largest <= 1) {
      std::vector<double> result;
      for (std::size_t l = 0; l < layers.size(); ++l)
        result.push_back(dense[l] ? 1 : epsilon * layers[l].raw());
      return result;
    }
    for (std::size_t l = 0; l < layers.size(); ++l)
      dense[l] = dense[l] || layers[l].raw() == largest;
  }
}

}  // namespace

TEMPLATE_TEST_CASE("the Erdos-Renyi-kernel allocation keeps the laws of allocations",
                   "[allocation][erdos_renyi_kernel]", float, double) {
  support::check_allocation_laws<TestType>(erdos_renyi_kernel{}, support::count_law::total);
}

TEST_CASE("Erdos-Renyi-kernel shares worked out by hand", "[allocation][erdos_renyi_kernel]") {
  // 4 x 3 x 3 x 3: 13 / 108. 10 x 20: 30 / 200.
  const auto kept = [](double sparsity) {
    support::ranking<float> r;
    add_shape(r, "conv", 4, 3, 3, 3);
    add_shape(r, "fc", 10, 20, 1, 1);
    r.allocate(erdos_renyi_kernel{}, sparsity);
    return std::vector<Index>{r.entries[0].kept(), r.entries[1].kept()};
  };
  CHECK(kept(0.5) == std::vector<Index>{47, 107});   // 154 / 43 = 3.581: 46.56 and 107.44
  CHECK(kept(0.05) == std::vector<Index>{93, 200});  // 293 / 43 = 6.814: fc would keep 204
  CHECK(kept(0) == std::vector<Index>{108, 200});
}

TEST_CASE("shares agree with the published procedure", "[allocation][erdos_renyi_kernel]") {
  support::random_source random(3);
  for (int round = 0; round < 100; ++round) {
    std::vector<shape> layers;
    support::ranking<float> r;
    for (Index l = random.between(1, 5); l > 0; --l) {
      const Index kernel = random.between(1, 3);
      layers.push_back({random.between(1, 20), random.between(1, 20), kernel, kernel});
      const shape& s = layers.back();
      add_shape(r, "w" + std::to_string(l), s.out, s.in, s.height, s.width);
    }
    const double sparsity = random.real(0, 0.9);
    bool too_few = false;  // where a share falls below the one unit that must stay
    const std::vector<double> expected = densities(layers, sparsity);
    for (std::size_t l = 0; l < layers.size(); ++l)
      too_few = too_few || expected[l] * layers[l].size() < 1;
    if (too_few) continue;
    r.allocate(erdos_renyi_kernel{}, sparsity);
    REQUIRE(r.removed() == support::rounded_half_up(sparsity * static_cast<double>(r.size())));
    for (std::size_t l = 0; l < layers.size(); ++l) {
      CAPTURE(round, sparsity, l);
      REQUIRE(std::abs(static_cast<double>(r.entries[l].kept()) - expected[l] * layers[l].size()) <
              1.5);
    }
  }
}

TEST_CASE("kernels are shared out as single weights are", "[allocation][erdos_renyi_kernel]") {
  support::ranking<float> r;
  add_shape(r, "conv1", 8, 3, 3, 3, prunus::kernel_2d);   // 17 / 216 of 24 kernels
  add_shape(r, "conv2", 16, 8, 3, 3, prunus::kernel_2d);  // 30 / 1152 of 128 kernels
  r.allocate(erdos_renyi_kernel{}, 0.75);                 // 38 kept; 1.8889 : 3.3333
  CHECK(r.entries[0].kept() == 14);                       // 13.74
  CHECK(r.entries[1].kept() == 24);                       // 24.26
}

TEST_CASE("limits come before the proportion, and the others make up for them",
          "[allocation][erdos_renyi_kernel]") {
  support::ranking<float> r;
  add_shape(r, "conv", 4, 3, 3, 3).limits = {.min_kept = 100};
  add_shape(r, "fc", 10, 20, 1, 1);
  r.allocate(erdos_renyi_kernel{}, 0.5);
  CHECK(r.entries[0].kept() == 100);
  CHECK(r.entries[1].kept() == 54);
}

TEST_CASE("coupled filters and limits that keep too many are refused",
          "[allocation][erdos_renyi_kernel]") {
  std::vector<float> scores{1, 2, 3};
  std::vector<std::uint8_t> keep(3, 1);
  std::vector<prunus::ranking_group<float>> units{
      {"conv1", {scores.data(), 3, false, "conv1"}, keep, {}, nullptr}};
  CHECK(support::code_of<prunus::argument_error>([&] {
          erdos_renyi_kernel{}.allocate(std::span<prunus::ranking_group<float>>(units), 0.5);
        }) == errc::unsupported);
  support::ranking<float> r;
  add_shape(r, "conv", 4, 3, 3, 3).limits = {.min_kept = 100};
  CHECK(support::code_of<prunus::argument_error>([&] { r.allocate(erdos_renyi_kernel{}, 0.5); }) ==
        errc::unreachable_target);
  CHECK(r.removed() == 0);
}
