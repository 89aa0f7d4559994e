// SPDX-License-Identifier: MIT
#include <prunus/allocation/macs_target.hpp>
#include <prunus/allocation/retained_mass.hpp>
#include <prunus/structure/cost.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"

#include <array>   // std::array
#include <cmath>   // std::ceil
#include <string>  // std::to_string
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::by_retained_mass;
using prunus::errc;
using prunus::retained_mass;
using prunus::score_mass;
using support::ranking;
using units = std::vector<int>;

/// The convolutions of VGG-16 for 32 x 32 images, with any widths.
prunus::graph vgg16_of_small_images(const std::array<Index, 13>& widths) {
  prunus::graph g;
  std::string x = g.input("image", {3, 32, 32});
  for (std::size_t l = 0; l < widths.size(); ++l) {
    const std::string name = "conv" + std::to_string(l + 1);
    x = g.relu(name + "_relu",
               g.convolution(
                   name, x, {.out_channels = widths[l], .kernel = 3, .padding = 1, .bias = false}));
    if (l == 1 || l == 3 || l == 6 || l == 9) x = g.max_pooling("pool_" + name, x, 2, 2);
  }
  return g;
}
constexpr std::array<Index, 13> full{64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512};

/// One score for every filter of every prunable coupling, as a pass would hand them over.
struct scored_network {
  std::vector<std::string> names;
  std::vector<std::vector<double>> scores;
  std::vector<std::vector<std::uint8_t>> keep;
  std::vector<Index> numbers;  ///< of the couplings

  scored_network(const prunus::graph& g, std::uint64_t seed) {
    support::random_source random(seed);
    Index number = -1;
    for (const prunus::coupling& c : prunus::network_structure(g).couplings()) {
      ++number;
      if (!c.prunable()) continue;
      numbers.push_back(number);
      names.push_back(c.name);
      scores.emplace_back();
      const double peak = random.real(1, 20);  // layers differ in how even their scores are
      for (Index u = 0; u < c.units; ++u)
        scores.back().push_back(std::pow(random.real(0, 1), peak));
      keep.emplace_back(static_cast<std::size_t>(c.units), std::uint8_t{1});
    }
  }
  template <class Allocation>
  void allocate(const Allocation& allocation, double target) {
    std::vector<prunus::ranking_group<double>> all;
    for (std::size_t i = 0; i < names.size(); ++i)
      all.push_back({names[i],
                     {scores[i].data(), static_cast<Index>(scores[i].size()), false, names[i]},
                     keep[i],
                     {},
                     nullptr,
                     numbers[i]});
    allocation.allocate(std::span<prunus::ranking_group<double>>(all), target);
  }
};

}  // namespace

TEMPLATE_TEST_CASE("a common epsilon keeps the laws of allocations", "[allocation][retained_mass]",
                   float, double) {
  support::check_allocation_laws<TestType>(by_retained_mass{}, support::count_law::total);
  support::check_allocation_laws<TestType>(by_retained_mass<>{.mass = score_mass::square},
                                           support::count_law::total);
}

TEMPLATE_TEST_CASE("retained_mass revives nothing and empties nothing",
                   "[allocation][retained_mass]", float, double) {
  const retained_mass allocation{.epsilon = 0.4};
  support::check_bad_scores_are_refused<TestType>(allocation);
  support::check_bad_targets_are_refused<TestType>(allocation);
  support::random_source random(81);
  for (int round = 0; round < 100; ++round) {
    const ranking<TestType> before = support::random_ranking<TestType>(random);
    ranking<TestType> after = before;
    after.allocate(retained_mass{.epsilon = random.real(0, 0.99)}, 0.5);
    for (std::size_t e = 0; e < before.entries.size(); ++e) {
      const auto &was = before.entries[e], &is = after.entries[e];
      for (std::size_t u = 0; u < is.keep.size(); ++u) REQUIRE(is.keep[u] <= was.keep[u]);
      REQUIRE(is.kept() >= 1);
      REQUIRE(support::lowest_are_removed(is.scores, was.keep, is.keep));
    }
  }
}

TEMPLATE_TEST_CASE("retained mass worked out by hand", "[allocation][retained_mass]", float,
                   double) {
  // Total 32: 28.8 must stay, 10 + 8 + 6 + 4 = 28 is too little, with 2 it is 30.
  ranking<TestType> mass, energy;
  mass.add("w", {4, TestType(0.5), 10, 1, 8, 2, TestType(0.5), 6});
  energy = mass;
  mass.allocate(retained_mass{.epsilon = 0.1}, 0.5);
  CHECK(mass.entries[0].kept_units() == units{0, 2, 4, 5, 7});
  // Squares: total 221.5, 199.35 must stay, 100 + 64 = 164 is too little, with 36 it is 200.
  energy.allocate(retained_mass{.epsilon = 0.1, .mass = score_mass::square}, 0.5);
  CHECK(energy.entries[0].kept_units() == units{2, 4, 7});
}

TEST_CASE("thresholds lie midway", "[allocation][retained_mass]") {
  const std::vector<double> scales{0.8, 0.02, 1, 0.03, 0.5, 0.01};
  const retained_mass energy{.epsilon = 1e-3, .mass = score_mass::square};
  CHECK(std::abs(energy.threshold(std::span<const double>(scales)) - 0.265) < 1e-15);
  CHECK(retained_mass{.epsilon = 0}.threshold(std::span<const double>(scales)) == 0);
}

TEST_CASE("no smaller set of units holds the mass", "[allocation][retained_mass]") {
  support::random_source random(82);
  for (int round = 0; round < 60; ++round) {
    const Index n = random.between(1, 10);
    std::vector<double> scores;
    for (Index u = 0; u < n; ++u) scores.push_back(static_cast<double>(random.between(0, 20)));
    const double epsilon = random.real(0, 0.95);
    double total = 0;
    for (double m : scores) total += m;
    Index fewest = n;
    for (unsigned subset = 0; subset < 1U << n; ++subset) {
      double held = 0;
      Index size = 0;
      for (Index u = 0; u < n; ++u)
        if ((subset >> u & 1U) != 0) {
          held += scores[static_cast<std::size_t>(u)];
          ++size;
        }
      if (held >= (1 - epsilon) * total) fewest = std::min(fewest, size);
    }
    ranking<double> r, larger;
    r.add("w", scores);
    r.allocate(retained_mass{epsilon}, 0);
    CAPTURE(round, n, epsilon);
    REQUIRE(r.entries[0].kept() == std::max<Index>(fewest, 1));
    for (double& m : scores) m *= 1000;
    larger.add("w", scores);
    larger.allocate(retained_mass{epsilon}, 0);
    REQUIRE(larger.keeps() == r.keeps());
  }
}

TEST_CASE("equal scores lose the share epsilon of the units, zeros all but the floor",
          "[allocation][retained_mass]") {
  for (double epsilon : {0.0, 0.1, 0.25, 0.3, 0.5, 0.9})
    for (Index n : {1, 3, 8, 10, 40}) {
      ranking<float> r;
      r.add("w", std::vector<float>(static_cast<std::size_t>(n), 1.0F));
      r.allocate(retained_mass{epsilon}, 0);
      CAPTURE(epsilon, n);
      CHECK(r.entries[0].kept() ==
            std::max<Index>(
                static_cast<Index>(std::ceil((1 - epsilon) * static_cast<double>(n) - 1e-9)), 1));
    }
  ranking<float> zeros;
  zeros.add("w", {0, 0, 3, 0, 1});
  zeros.add("nothing", {0, 0, 0, 0}, {.min_kept = 2});
  zeros.allocate(retained_mass{.epsilon = 0}, 0);
  CHECK(zeros.entries[0].kept_units() == units{2, 4});
  CHECK(zeros.entries[1].kept_units() == units{2, 3});
}

TEST_CASE("a target of units takes the least epsilon that reaches it",
          "[allocation][retained_mass]") {
  support::random_source random(83);
  for (int round = 0; round < 40; ++round) {
    ranking<double> by_target = support::random_ranking<double>(random, false);
    for (auto& e : by_target.entries)
      for (double& s : e.scores) s = random.real(0.01, 1);
    const ranking<double> start = by_target;
    Index removable = 0;
    for (const auto& e : start.entries) removable += e.size() - 1;
    const double target = random.real(0, 0.8);
    const Index wanted = support::rounded_half_up(target * static_cast<double>(start.size()));
    if (wanted > removable) continue;
    by_target.allocate(by_retained_mass{}, target);
    double low = 0, high = 1;  // epsilon by bisection
    for (int step = 0; step < 60; ++step) {
      const double middle = (low + high) / 2;
      ranking<double> trial = start;
      trial.allocate(retained_mass{middle}, 0);
      (trial.removed() >= wanted ? high : low) = middle;
    }
    if (high == 1) continue;  // only with every layer at its floor
    ranking<double> by_epsilon = start;
    by_epsilon.allocate(retained_mass{high}, 0);
    CAPTURE(round, target, high);
    REQUIRE(by_target.keeps() == by_epsilon.keeps());
  }
}

TEST_CASE("the published widths of VGG-16 cost the published share of multiply-adds",
          "[allocation][retained_mass]") {
  const auto macs = [](const std::array<Index, 13>& widths) {
    return prunus::cost_of(prunus::resolve(vgg16_of_small_images(widths))).macs;
  };
  const Index before = macs(full);
  const Index after = macs({32, 64, 128, 128, 256, 256, 256, 256, 256, 256, 256, 256, 256});
  CHECK(before == 313196544);  // 313.20 M
  CHECK(after == 206143488);   // 206.14 M: 34.18 % fewer
  CHECK(std::abs(1 - static_cast<double>(after) / static_cast<double>(before) - 0.3418) < 5e-5);
}

TEST_CASE("one epsilon reaches a share of the multiply-adds", "[allocation][retained_mass]") {
  const prunus::graph g = vgg16_of_small_images(full);
  const prunus::network_structure counter(g);
  const auto macs_left = [&](const scored_network& s) {
    std::vector<std::vector<std::uint8_t>> all;
    for (const prunus::coupling& c : prunus::network_structure(g).couplings()) {
      all.emplace_back(static_cast<std::size_t>(c.units), std::uint8_t{1});
      for (std::size_t i = 0; i < s.names.size(); ++i)
        if (s.names[i] == c.name) all.back() = s.keep[i];
    }
    const std::vector<std::span<const std::uint8_t>> kept(all.begin(), all.end());
    return static_cast<double>(counter.cost_of_kept(kept).macs) /
           static_cast<double>(counter.cost().macs);
  };
  scored_network by_macs(g, 84);
  by_macs.allocate(
      by_retained_mass{prunus::macs_target{g, {.scaling = prunus::score_scaling::none}}}, 0.53);
  CHECK(macs_left(by_macs) <= 0.47);
  CHECK(macs_left(by_macs) > 0.465);
  double low = 0, high = 1;
  for (int step = 0; step < 50; ++step) {
    const double middle = (low + high) / 2;
    scored_network trial(g, 84);
    trial.allocate(retained_mass{middle}, 0);
    (macs_left(trial) <= 0.47 ? high : low) = middle;
  }
  scored_network by_epsilon(g, 84);
  by_epsilon.allocate(retained_mass{high}, 0);
  // The same but for the last units, where cheaper ones come closer to the target.
  CHECK(macs_left(by_macs) >= macs_left(by_epsilon));
  Index differ = 0;
  for (std::size_t i = 0; i < by_macs.keep.size(); ++i)
    differ += std::abs(std::count(by_macs.keep[i].begin(), by_macs.keep[i].end(), 1) -
                       std::count(by_epsilon.keep[i].begin(), by_epsilon.keep[i].end(), 1));
  CHECK(differ <= 4);
}

TEST_CASE("what is no mass is refused and nothing is written", "[allocation][retained_mass]") {
  ranking<float> r;
  r.add("conv1", {1, 2, 3});
  r.add("conv2", {1, -2, 3});
  for (int form = 0; form < 2; ++form) {
    const support::thrown error = support::error_of<prunus::argument_error>([&] {
      if (form == 0)
        r.allocate(retained_mass{0.5}, 0.5);
      else
        r.allocate(by_retained_mass{}, 0.5);
    });
    CHECK(error.code == errc::out_of_range);
    CHECK(error.says("conv2"));
    CHECK(r.removed() == 0);
  }
  for (double wrong : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(support::code_of<prunus::argument_error>([&] { r.allocate(retained_mass{wrong}, 0); }) ==
          errc::out_of_range);
}
