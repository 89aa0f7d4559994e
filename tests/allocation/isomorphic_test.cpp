// SPDX-License-Identifier: MIT
#include <prunus/allocation/isomorphic.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"

#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::pair
#include <vector>       // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::isomorphic;
using prunus::ranking_group;

/// A residual network: a stem, two blocks of two convolutions around one stream, a classifier; and
/// a depth-wise convolution behind.
prunus::graph residual_network() {
  prunus::graph g;
  g.input("image", {3, 8, 8});
  std::string x = g.convolution("stem", "image", {.out_channels = 4, .kernel = 3, .padding = 1});
  for (const std::string block : {"one.", "two."}) {
    const std::string y = g.convolution(block + "conv1", x,
                                        {.out_channels = block == "one." ? 6 : 8,
                                         .kernel = block == "one." ? 3 : 1,
                                         .padding = block == "one." ? 1 : 0});
    const std::string z =
        g.convolution(block + "conv2", g.relu(block + "relu", y), {.out_channels = 4, .kernel = 1});
    x = g.add(block + "add", {z, x});
  }
  x = g.convolution("wide", x, {.out_channels = 6, .kernel = 1});
  x = g.convolution("depthwise", x, {.out_channels = 6, .kernel = 3, .padding = 1, .groups = 6});
  x = g.convolution("narrow", x, {.out_channels = 5, .kernel = 1});
  g.linear("fc", g.flatten("flat", x), {.out_features = 4});
  return g;
}

Index number_in_residual_network(std::string_view coupling) {
  Index number = 0;
  for (const prunus::coupling& c : prunus::network_structure(residual_network()).couplings()) {
    if (c.name == coupling) return number;
    ++number;
  }
  return -1;
}

/// Over a graph in which every entry is the channels between two 1 x 1 convolutions.
struct over_a_chain {
  template <class T>
  void allocate(std::span<ranking_group<T>> units, double target) const {
    prunus::graph g;
    std::string x = g.input("image", {3, 4, 4});
    std::vector<ranking_group<T>> couplings(units.begin(), units.end());
    Index number = 0;  // of the input
    for (ranking_group<T>& u : couplings) {
      x = g.convolution(std::string(u.name), x, {.out_channels = u.size(), .kernel = 1});
      u.grid = nullptr;
      u.coupling = ++number;
    }
    g.convolution("last of all", x, {.out_channels = 2, .kernel = 1});
    isomorphic(g).allocate(std::span<ranking_group<T>>(couplings), target);
  }
};

struct entries {
  std::vector<std::string> names;
  std::vector<std::vector<float>> scores;
  std::vector<std::vector<std::uint8_t>> keep;
  std::vector<prunus::limits> limits;

  void add(std::string name, std::vector<float> values) {
    names.push_back(std::move(name));
    keep.emplace_back(values.size(), std::uint8_t{1});
    scores.push_back(std::move(values));
    limits.emplace_back();
  }
  std::vector<ranking_group<float>> units() {
    std::vector<ranking_group<float>> result;
    for (std::size_t i = 0; i < names.size(); ++i)
      result.push_back({names[i],
                        {scores[i].data(), static_cast<Index>(scores[i].size()), false, names[i]},
                        keep[i],
                        limits[i],
                        nullptr,
                        number_in_residual_network(names[i])});
    return result;
  }
  template <class Allocation>
  void allocate(const Allocation& allocation, double sparsity) {
    auto all = units();
    allocation.allocate(std::span<ranking_group<float>>(all), sparsity);
  }
  Index kept(std::size_t i) const { return std::count(keep[i].begin(), keep[i].end(), 1); }
};

}  // namespace

TEMPLATE_TEST_CASE("isomorphic keeps the laws of allocations", "[allocation][isomorphic]", float,
                   double) {
  support::check_allocation_laws<TestType>(over_a_chain{}, support::count_law::its_own);
}

TEST_CASE("couplings of the same structure share a class", "[allocation][isomorphic]") {
  const isomorphic allocation(residual_network());
  const auto same = [&](const char* a, const char* b) {
    return allocation.class_of(a) == allocation.class_of(b);
  };
  CHECK(same("one.conv1", "two.conv1"));     // widths and kernels do not matter
  CHECK_FALSE(same("one.conv1", "stem"));    // the residual stream
  CHECK_FALSE(same("one.conv1", "wide"));    // a depth-wise convolution in between
  CHECK_FALSE(same("one.conv1", "narrow"));  // read by a linear layer
  CHECK_FALSE(same("image", "stem"));
  CHECK(support::code_of<prunus::argument_error>([&] { (void)allocation.class_of("nobody"); }) ==
        errc::unknown_name);
}

TEST_CASE("units compete within their class alone", "[allocation][isomorphic]") {
  entries e;
  e.add("one.conv1", {1, 2, 3, 4, 5, 6});
  e.add("two.conv1", {10, 20, 30, 40, 50, 60, 70, 80});
  e.add("narrow", {1000, 2000, 3000, 4000, 5000});
  e.allocate(isomorphic(residual_network()), 0.4);
  CHECK(e.kept(0) == 1);  // round(.4 * 14) = 6 go: five of the small, and never the last
  CHECK(e.kept(1) == 7);
  CHECK(e.kept(2) == 3);  // round(.4 * 5) = 2, however large
}

TEST_CASE("a class of one coupling is a layer of its own", "[allocation][isomorphic]") {
  support::random_source random(8);
  for (int round = 0; round < 50; ++round) {
    entries e;
    std::vector<float> a, b;
    for (int i = 0; i < 6; ++i) a.push_back(static_cast<float>(random.between(0, 3)));
    for (int i = 0; i < 8; ++i) b.push_back(static_cast<float>(random.between(0, 3)));
    e.add("one.conv1", a);
    e.add("two.conv1", b);
    entries expected = e;
    const double sparsity = random.real(0, 0.8);
    e.allocate(isomorphic(residual_network()), sparsity);
    expected.allocate(prunus::global{}, sparsity);  // one class: the same as one ranking
    REQUIRE(e.keep == expected.keep);
  }
}

TEST_CASE("limits hold a class back without an error", "[allocation][isomorphic]") {
  entries e;
  e.add("narrow", {1, 2, 3, 4, 5});
  e.limits[0] = {.min_kept = 4};
  e.allocate(isomorphic(residual_network()), 0.9);
  CHECK(e.kept(0) == 4);
}

TEST_CASE("what is no coupling of the graph is refused", "[allocation][isomorphic]") {
  entries e;
  e.add("one.conv1", {1, 2, 3, 4, 5, 6});
  e.add("narrow", {1, 2, 3});  // has 5 units
  CHECK(support::code_of<prunus::argument_error>(
            [&] { e.allocate(isomorphic(residual_network()), 0.5); }) == errc::unsupported);
  CHECK(e.kept(0) == 6);
}
