// SPDX-License-Identifier: MIT
#include <prunus/allocation/depth_distribution.hpp>
#include <prunus/allocation/per_layer.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/structure/network_structure.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"
#include "support/known_networks.hpp"

#include <algorithm>  // std::fill, std::fill_n, std::max
#include <array>      // std::array
#include <cmath>      // std::abs, std::floor, std::round
#include <string>     // std::string
#include <utility>    // std::pair
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::depth_distribution;
using prunus::depth_shape;
using prunus::errc;
using prunus::ranking_group;

constexpr std::array<depth_shape, 5> shapes{depth_shape::uniform, depth_shape::increasing,
                                            depth_shape::decreasing, depth_shape::low_high_low,
                                            depth_shape::high_low_high};

/// A chain of 1 x 1 convolutions of these names and widths on 4 x 4 positions, and a linear layer
/// behind it, whose outputs may not go.
prunus::graph chain(const std::vector<std::pair<std::string, Index>>& layers) {
  prunus::graph g;
  std::string x = g.input("image", {3, 4, 4});
  for (const auto& [name, width] : layers)
    x = g.convolution(name, x, {.out_channels = width, .kernel = 1});
  g.linear("last of all", g.flatten("flat", x), {.out_features = 4});
  return g;
}

/// The distribution over a network that has the entries for couplings, so that the laws of all
/// allocations can be tried on it.
struct over_a_chain {
  depth_shape shape;

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double target) const {
    std::vector<std::pair<std::string, Index>> layers;
    std::vector<ranking_group<T>> couplings(units.begin(), units.end());
    for (ranking_group<T>& u : couplings) {
      layers.emplace_back(std::string(u.name), u.size());
      u.grid = nullptr;
      u.coupling = static_cast<Index>(layers.size());  // behind the input
    }
    depth_distribution(chain(layers), shape)
        .allocate(std::span<ranking_group<T>>(couplings), target);
  }
};

/// VGG-16 for 224 x 224 images and 10 classes.
prunus::graph vgg16_for_10_classes() {
  const prunus::graph for_1000 = known_networks::vgg16();
  prunus::graph g;
  for (prunus::graph_node node : for_1000.nodes()) {
    if (node.name == "fc3") node.operation = prunus::operation::linear{.out_features = 10};
    g.add_node(std::move(node));
  }
  return g;
}

/// Whole units by an allocation, counted on the graph.
class vgg16_units {
 public:
  vgg16_units() : graph_(vgg16_for_10_classes()), counter_(graph_) {
    for (const prunus::coupling& c : prunus::network_structure(graph_).couplings()) {
      names_.push_back(c.name);
      prunable_.push_back(c.prunable());
      keep_.emplace_back(static_cast<std::size_t>(c.units), std::uint8_t{1});
      scores_.emplace_back(static_cast<std::size_t>(c.units), 1.0F);
    }
  }
  const prunus::graph& graph() const { return graph_; }
  prunus::cost dense() const { return counter_.cost(); }

  template <class Allocation>
  prunus::cost left_by(const Allocation& allocation, double target) {
    std::vector<ranking_group<float>> units;
    std::vector<std::span<const std::uint8_t>> kept;
    for (std::size_t k = 0; k < names_.size(); ++k) {
      std::fill(keep_[k].begin(), keep_[k].end(), std::uint8_t{1});
      kept.push_back(keep_[k]);
      if (prunable_[k])
        units.push_back({names_[k],
                         {scores_[k].data(), static_cast<Index>(scores_[k].size()), false, ""},
                         keep_[k],
                         {},
                         nullptr,
                         static_cast<Index>(k)});
    }
    allocation.allocate(std::span<ranking_group<float>>(units), target);
    return counter_.cost_of_kept(kept);
  }
  /// Per cent of the MACs and of the parameters that are removed, to one decimal.
  template <class Allocation>
  std::pair<double, double> cut_by(const Allocation& allocation, double target) {
    const prunus::cost left = left_by(allocation, target);
    const auto percent = [](Index now, Index before) {
      return std::round(1000 * (1 - static_cast<double>(now) / static_cast<double>(before))) / 10;
    };
    return {percent(left.macs, dense().macs), percent(left.parameters, dense().parameters)};
  }

 private:
  prunus::graph graph_;
  prunus::network_structure counter_;
  std::vector<std::string> names_;
  std::vector<bool> prunable_;
  std::vector<std::vector<std::uint8_t>> keep_;
  std::vector<std::vector<float>> scores_;
};

/// Multiply-adds of that network when each layer loses the whole units next to its rate, halves up:
/// one loop over the layers.
Index vgg16_macs(const depth_distribution& allocation, double target) {
  constexpr std::array<Index, 15> widths{64,  64,  128, 128, 256, 256,  256, 512,
                                         512, 512, 512, 512, 512, 4096, 4096};
  constexpr std::array<Index, 15> sides{224, 224, 112, 112, 56, 56, 56, 28,
                                        28,  28,  14,  14,  14, 1,  1};
  constexpr std::array<std::string_view, 15> names{"conv1",  "conv2",  "conv3",  "conv4", "conv5",
                                                   "conv6",  "conv7",  "conv8",  "conv9", "conv10",
                                                   "conv11", "conv12", "conv13", "fc1",   "fc2"};
  const std::vector<double> rates = allocation.rates(names, target);
  Index macs = 0, in = 3;
  for (std::size_t l = 0; l < 15; ++l) {
    const Index out =
        widths[l] -
        static_cast<Index>(std::floor(rates[l] * static_cast<double>(widths[l]) + 0.5 + 1e-9));
    const Index window = l < 13 ? 9 : l == 13 ? 49 : 1;  // fc1 reads planes of 7 x 7
    macs += sides[l] * sides[l] * window * in * out;
    in = out;
  }
  return macs + in * 10;
}

/// The rates of 13 convolutions; hidden linear layers lose the global rate.
prunus::per_layer published(const std::vector<double>& convolutions, double rate) {
  prunus::per_layer list;
  for (std::size_t l = 0; l < convolutions.size(); ++l)
    list.list.push_back({"conv" + std::to_string(l + 1), convolutions[l]});
  list.list.push_back({"fc1", rate});
  list.list.push_back({"fc2", rate});
  return list;
}
double largest(const prunus::per_layer& list) {
  double most = 0;
  for (const prunus::per_layer::entry& e : list.list) most = std::max(most, e.sparsity);
  return most;
}

}  // namespace

TEMPLATE_TEST_CASE("depth distributions keep the laws of allocations",
                   "[allocation][depth_distribution]", float, double) {
  support::check_allocation_laws<TestType>(over_a_chain{depth_shape::uniform},
                                           support::count_law::each_entry);
  for (depth_shape shape : shapes)
    support::check_allocation_laws<TestType>(over_a_chain{shape}, support::count_law::its_own);
}

TEST_CASE("equal multiply-adds worked out by hand", "[allocation][depth_distribution]") {
  // conv1 3 -> 4, 3 x 3, on 8 x 8: 6912 MACs; conv2 4 -> 8, 3 x 3, on 4 x 4: 4608 MACs. Half of
  // both leaves 3456 + 1152 = 4608. With rates .75 s and .25 s: 864 s^2 - 9792 s + 6912 = 0.
  prunus::graph g;
  g.input("image", {3, 8, 8});
  g.convolution("conv1", "image", {.out_channels = 4, .kernel = 3, .padding = 1});
  g.convolution("conv2", "conv1", {.out_channels = 8, .kernel = 3, .stride = 2, .padding = 1});
  const depth_distribution allocation(g, std::vector<double>{0.75, 0.25});
  const std::array<std::string_view, 2> names{"conv1", "conv2"};
  const std::vector<double> rates = allocation.rates(names, 0.5);
  CHECK(std::abs(rates[0] / 0.75 - 0.756360) < 5e-7);
  CHECK(std::abs(rates[0] - 0.567270) < 5e-7);
  CHECK(std::abs(rates[1] - 0.189090) < 5e-7);
  CHECK(std::abs(6912 * (1 - rates[0]) + 4608 * (1 - rates[0]) * (1 - rates[1]) - 4608) < 1e-9);

  // Whole units: 4 * .567 = 2.27 and 8 * .189 = 1.51, so 2 of each, those with the lowest scores.
  std::vector<float> scores1{3, 1, 4, 1.5F}, scores2{2, 7, 1, 8, 2, 8, 1, 8};
  std::vector<std::uint8_t> keep1(4, 1), keep2(8, 1);
  std::vector<ranking_group<float>> units{
      {"conv1", {scores1.data(), 4, false, ""}, keep1, {}, nullptr, 1},
      {"conv2", {scores2.data(), 8, false, ""}, keep2, {}, nullptr, 2}};
  allocation.allocate(std::span<ranking_group<float>>(units), 0.5);
  CHECK(keep1 == std::vector<std::uint8_t>{1, 0, 1, 0});
  CHECK(keep2 == std::vector<std::uint8_t>{1, 1, 0, 1, 1, 1, 0, 1});
}

TEST_CASE("every shape costs the multiply-adds of the even rate and has its form",
          "[allocation][depth_distribution]") {
  support::random_source random(11);
  for (int round = 0; round < 30; ++round) {
    std::vector<std::pair<std::string, Index>> layers;
    for (Index l = random.between(1, 9); l > 0; --l)
      layers.emplace_back("w" + std::to_string(l), random.between(1, 40));
    const prunus::graph g = chain(layers);
    std::vector<std::string_view> names;
    for (const auto& layer : layers) names.push_back(layer.first);
    const double target = round == 0 ? 0 : random.real(0, 0.99);
    const auto macs = [&](const std::vector<double>& rates) {  // one loop over the chain
      double total = 0, in = 3;
      for (std::size_t l = 0; l < rates.size(); ++l) {
        const double out = static_cast<double>(layers[l].second) * (1 - rates[l]);
        total += 16 * in * out;
        in = out;
      }
      return total + 16 * in * 4;
    };
    const double expected = macs(std::vector<double>(layers.size(), target));
    for (depth_shape shape : shapes) {
      const std::vector<double> p = depth_distribution(g, shape).rates(names, target);
      CAPTURE(round, target, static_cast<int>(shape), layers.size());
      REQUIRE(std::abs(macs(p) - expected) <= 1e-9 * expected);
      const std::size_t n = p.size(), middle = n / 2;
      for (std::size_t l = 0; l < n; ++l) {
        REQUIRE(p[l] >= 0);
        REQUIRE(p[l] <= std::max(0.95, target));
        if (shape == depth_shape::uniform) REQUIRE(std::abs(p[l] - target) < 1e-9);
        if (l == 0) continue;
        if (shape == depth_shape::increasing) REQUIRE(p[l] >= p[l - 1]);
        if (shape == depth_shape::decreasing) REQUIRE(p[l] <= p[l - 1]);
        if (shape == depth_shape::low_high_low)
          REQUIRE((l <= (n - 1) / 2 ? p[l] >= p[l - 1] : l > middle ? p[l] <= p[l - 1] : true));
        if (shape == depth_shape::high_low_high)
          REQUIRE((l <= (n - 1) / 2 ? p[l] <= p[l - 1] : l > middle ? p[l] >= p[l - 1] : true));
      }
      if (n > 2 && shape == depth_shape::increasing && target > 0 && p.back() < 0.94)
        REQUIRE(std::abs(p.back() / p.front() - 2) < 1e-9);  // the contrast
    }
  }
}

TEST_CASE("shares cost what as many whole units cost", "[allocation][depth_distribution]") {
  const prunus::graph g = known_networks::resnet50();
  const prunus::network_structure network(g);
  support::random_source random(12);
  for (int round = 0; round < 3; ++round) {
    std::vector<double> shares;
    std::vector<std::vector<std::uint8_t>> keep;
    std::vector<std::span<const std::uint8_t>> views;
    for (const prunus::coupling& c : network.couplings()) {
      const Index removed = random.between(0, c.units - 1);
      shares.push_back(static_cast<double>(removed) / static_cast<double>(c.units));
      keep.emplace_back(static_cast<std::size_t>(c.units), std::uint8_t{1});
      std::fill_n(keep.back().begin(), removed, std::uint8_t{0});
    }
    for (const auto& k : keep) views.emplace_back(k);
    const auto expected = static_cast<double>(network.cost_of_kept(views).macs);
    CHECK(std::abs(network.macs_at(shares) - expected) <= 1e-9 * expected);
  }
}

TEST_CASE("the published lists for VGG-16 cost nearly the same multiply-adds",
          "[allocation][depth_distribution][per_layer]") {
  vgg16_units vgg;
  CHECK(vgg.dense().macs == 15'466'209'280);
  CHECK(vgg.dense().parameters == 134'301'514);

  struct policy {
    double rate;
    std::vector<double> rates;
    double macs, parameters;  // per cent removed; parameters 0: not given
  };
  const std::vector<policy> policies{
      {.5, std::vector<double>(13, .5), 74.9, 75.0},
      {.5, {.15, .35, .4, .4, .5, .5, .5, .7, .7, .7, .7, .7, .7}, 74.4, 84.1},
      {.5, {.65, .65, .55, .55, .5, .5, .5, .45, .44, .43, .36, .35, .35}, 74.7, 68.2},
      {.5, {.3, .3, .42, .42, .65, .65, .65, .6, .6, .6, .3, .3, .3}, 74.4, 67.0},
      {.5, {.6, .6, .53, .53, .4, .4, .4, .5, .5, .51, .63, .64, .64}, 74.5, 80.8},
      {.3, std::vector<double>(13, .3), 50.8, 0},
      {.3, {.15, .15, .2, .2, .3, .3, .3, .43, .43, .44, .45, .45, .46}, 51.3, 0},
      {.3, {.45, .45, .35, .35, .3, .3, .3, .25, .25, .25, .16, .16, .13}, 51.3, 0},
      {.3, {.15, .15, .3, .3, .45, .45, .45, .28, .28, .27, .2, .19, .15}, 50.9, 0},
      {.3, {.4, .4, .2, .2, .3, .3, .3, .3, .3, .3, .37, .37, .36}, 51.3, 0},
      {.2, std::vector<double>(13, .2), 36.0, 0},
      {.2, {.15, .15, .17, .17, .2, .2, .2, .22, .22, .22, .3, .3, .31}, 36.1, 0},
      {.2, {.35, .35, .25, .25, .2, .2, .2, .13, .13, .12, .1, .1, .09}, 35.7, 0},
      {.2, {.15, .15, .15, .15, .34, .34, .34, .15, .15, .15, .1, .09, .09}, 35.9, 0},
      {.2, {.35, .35, .2, .2, .11, .11, .1, .19, .2, .2, .31, .31, .31}, 35.7, 0},
  };
  for (const policy& p : policies) {
    const prunus::per_layer list = published(p.rates, p.rate);
    const auto [macs, parameters] = vgg.cut_by(list, largest(list));
    CAPTURE(p.rate, p.rates[0], p.macs);
    CHECK(std::abs(macs - p.macs) < 1e-9);
    if (p.parameters > 0) CHECK(std::abs(parameters - p.parameters) < 1e-9);
  }
}

TEST_CASE("the shapes cut VGG-16 as evenly as the published lists",
          "[allocation][depth_distribution]") {
  vgg16_units vgg;
  for (const double rate : {0.2, 0.3, 0.5}) {
    const auto even = static_cast<double>(vgg.left_by(prunus::uniform{}, rate).macs);
    for (depth_shape shape : shapes) {
      const depth_distribution allocation(vgg.graph(), shape, {.at_target = {"fc*"}});
      const Index macs = vgg.left_by(allocation, rate).macs;
      const auto left = static_cast<double>(macs);
      CAPTURE(rate, static_cast<int>(shape), left / even);
      CHECK(std::abs(left / even - 1) < 0.02);  // what rounding to whole units makes of it:
      CHECK(macs == vgg16_macs(allocation, rate));
    }
  }
}

TEST_CASE("published lists scaled to other rates leave the units worked out by hand",
          "[allocation][depth_distribution][per_layer]") {
  // Rates in whole per cent: trunc(rate at 50 * wanted / 50), as the calculator that came after the
  // paper has it. Of n units round(n * rate) go, halves up: at 30 per cent the increasing list
  // keeps 56, 49, 93, 93, 179, 179, 179, 328, 328, 328, 307, 297 and 297 filters and 2867 neurons
  // twice.
  struct scaled {
    double rate;
    std::vector<double> rates;
    Index macs, parameters;
  };
  const std::vector<scaled> lists{
      {.2,
       {.08, .16, .18, .18, .2, .2, .2, .24, .24, .24, .27, .28, .28},
       9'891'638'012,
       78'381'774},
      {.3,
       {.12, .24, .27, .27, .3, .3, .3, .36, .36, .36, .4, .42, .42},
       7'560'949'746,
       55'837'566},
      {.5, {.2, .4, .46, .46, .5, .5, .5, .6, .6, .6, .68, .7, .7}, 3'895'459'232, 21'870'400},
      {.2,
       {.28, .28, .24, .24, .2, .2, .2, .16, .16, .16, .13, .13, .12},
       9'872'680'794,
       93'712'738},
      {.3, {.42, .42, .37, .37, .3, .3, .3, .24, .24, .24, .2, .2, .19}, 7'536'594'884, 75'194'411},
      {.5, {.7, .7, .62, .62, .5, .5, .5, .4, .4, .4, .34, .34, .32}, 3'905'306'664, 44'599'813},
  };
  vgg16_units vgg;
  for (const scaled& one : lists) {
    const prunus::per_layer list = published(one.rates, one.rate);
    const prunus::cost left = vgg.left_by(list, largest(list));
    CAPTURE(one.rate, one.rates[0]);
    CHECK(left.macs == one.macs);
    CHECK(left.parameters == one.parameters);
  }
}

TEST_CASE("couplings can stay at the target", "[allocation][depth_distribution]") {
  const prunus::graph g = chain({{"a", 10}, {"b", 20}, {"c", 30}});
  const std::array<std::string_view, 3> names{"c", "a", "b"};  // in any order
  const std::vector<double> p =
      depth_distribution(g, depth_shape::increasing, {.contrast = 3, .at_target = {"b"}})
          .rates(names, 0.4);
  CHECK(p[2] == 0.4);
  CHECK(std::abs(p[0] / p[1] - 3) < 1e-9);
  CHECK(p[1] < 0.4);
  CHECK(p[0] > 0.4);
}

TEST_CASE("what a depth distribution cannot do is refused", "[allocation][depth_distribution]") {
  const prunus::graph g = chain({{"a", 10}, {"b", 20}});
  const auto code = [](auto call) { return support::code_of<prunus::argument_error>(call); };
  CHECK(code([&] { depth_distribution(g, depth_shape::uniform, {.contrast = 0.5}); }) ==
        errc::out_of_range);
  CHECK(code([&] { depth_distribution(g, depth_shape::uniform, {.most = 1}); }) ==
        errc::out_of_range);
  CHECK(code([&] { depth_distribution(g, std::vector<double>{1, -1}); }) == errc::out_of_range);
  const std::array<std::string_view, 2> names{"a", "b"}, unknown{"a", "z"};
  const depth_distribution shaped(g, depth_shape::increasing);
  CHECK(code([&] { (void)shaped.rates(names, 1.0); }) == errc::out_of_range);
  CHECK(code([&] { (void)shaped.rates(unknown, 0.5); }) == errc::unknown_name);
  CHECK(code([&] { (void)depth_distribution(g, std::vector<double>{1}).rates(names, 0.5); }) ==
        errc::out_of_range);
  // Without a rate in b, even a at its most costs 0.05 of 480 + 0.05 of 3200 + 1280 MACs.
  CHECK(code([&] {
          (void)depth_distribution(g, std::vector<double>{1, 0}).rates(names, 0.9);
        }) == errc::unreachable_target);
  support::ranking<float> alone;
  alone.add("a", std::vector<float>(10, 1.0F));
  CHECK(code([&] { alone.allocate(shaped, 0.5); }) == errc::unsupported);  // it is no coupling
}
