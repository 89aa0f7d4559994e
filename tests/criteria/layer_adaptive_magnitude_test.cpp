// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/criteria/layer_adaptive_magnitude.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include "support/catch.hpp"
#include "support/criterion_laws.hpp"
#include "support/random_source.hpp"
#include "support/toy_network.hpp"

#include <algorithm>   // std::sort
#include <cmath>       // std::abs, std::isfinite, std::round
#include <functional>  // std::greater
#include <limits>      // std::numeric_limits
#include <span>        // std::span
#include <vector>      // std::vector

namespace {

using prunus::layer_adaptive_magnitude;
using support::scores_of;

}  // namespace

TEMPLATE_TEST_CASE("layer-adaptive magnitude keeps the laws of criteria",
                   "[criteria][layer_adaptive_magnitude]", float, double, Eigen::half,
                   Eigen::bfloat16) {
  // (NaN in one tile leaves the others finite; see the laws.)
  support::check_criterion_laws<TestType>(layer_adaptive_magnitude{},
                                          {.scale = support::scale_law::unchanged});
}

TEST_CASE("only float weights are ranked by layer-adaptive magnitude without scores",
          "[criteria][layer_adaptive_magnitude]") {
  STATIC_REQUIRE(prunus::ranks_elements_unscored<layer_adaptive_magnitude, float>);
  STATIC_REQUIRE_FALSE(prunus::ranks_elements_unscored<layer_adaptive_magnitude, double>);
  STATIC_REQUIRE_FALSE(prunus::ranks_elements_unscored<layer_adaptive_magnitude, Eigen::half>);
}

TEMPLATE_TEST_CASE("layer-adaptive magnitude worked out by hand",
                   "[criteria][layer_adaptive_magnitude]", float, double) {
  std::vector<TestType> values{-3, 1, 0, 2, 1, 5};
  const prunus::parameter<TestType> p{"w", prunus::view(values, {3, 2})};
  // Squares 9 1 0 4 1 25; no smaller than each: 34, 40 (both ones count), 40, 38, 40, 25.
  const std::vector<double> expected{9.0 / 34, 1.0 / 40, 0, 4.0 / 38, 1.0 / 40, 1};
  const auto scores = scores_of(layer_adaptive_magnitude{}, p, prunus::element);
  for (std::size_t t = 0; t < expected.size(); ++t)
    CHECK(support::nearly(scores[t], static_cast<TestType>(expected[t])));
  // Rows: 10, 4, 26; no smaller: 36, 40, 26.
  const auto rows = scores_of(layer_adaptive_magnitude{}, p, prunus::filter);
  CHECK(support::nearly(rows[0], static_cast<TestType>(10.0 / 36)));
  CHECK(support::nearly(rows[1], static_cast<TestType>(4.0 / 40)));
  CHECK(rows[2] == 1);
}

TEST_CASE("layer-adaptive magnitude is what a double loop gives",
          "[criteria][layer_adaptive_magnitude]") {
  for (const prunus::tile& tile : support::tiles_to_try()) {
    support::criterion_subject<double> subject("HWIO", {5, 4, 3, 2}, 9);
    const auto w = subject.weight.view();
    const support::naive_grid grid(w, tile);
    std::vector<double> squares(static_cast<std::size_t>(grid.size()), 0.0);
    support::for_each_position(subject.shape, [&](auto o, auto i, auto h, auto x) {
      squares[static_cast<std::size_t>(grid.at(o, i, h, x))] += w(o, i, h, x) * w(o, i, h, x);
    });
    const auto scores = scores_of(layer_adaptive_magnitude{}, subject.parameter(), tile);
    for (std::size_t t = 0; t < squares.size(); ++t) {
      double no_smaller = 0;
      for (const double other : squares)
        if (other >= squares[t]) no_smaller += other;
      const double expected = squares[t] > 0 ? squares[t] / no_smaller : 0;
      REQUIRE(std::abs(scores[t] - expected) < 1e-12);
    }
  }
}

TEST_CASE("a layer of zeros scores zero, and the largest weight of a layer goes last",
          "[criteria][layer_adaptive_magnitude]") {
  std::vector<float> zeros(4, 0.0F);
  const prunus::parameter<float> p{"w", prunus::view(zeros, {2, 2})};
  CHECK(scores_of(layer_adaptive_magnitude{}, p, prunus::element) == std::vector<float>(4, 0.0F));

  support::toy_network<float> toy;
  for (float& x : toy.conv1) x *= 1e-4F;  // a layer of small weights would vanish by magnitude
  const prunus::pruned done = prunus::prune(
      toy.net, prunus::pass{layer_adaptive_magnitude{}, prunus::element, prunus::global{}}, 0.9);
  for (const auto& layer_report : done.report.parameters) CHECK(layer_report.kept >= 5);
}

TEST_CASE("many scores are sorted from the largest down, with their places",
          "[criteria][layer_adaptive_magnitude]") {
  support::random_source random(81);
  for (const std::size_t size : {0U, 1U, 3000U, 4096U, 4097U, 9000U}) {
    std::vector<float> scores;
    for (std::size_t i = 0; i < size; ++i) {
      const double value = std::abs(random.gaussian());
      scores.push_back(static_cast<float>(random.chance(0.1)   ? 0.0
                                          : random.chance(0.1) ? std::round(value)
                                          : random.chance(0.5) ? 1 + value * 1e-4
                                                               : value * 1e-40));
    }
    if (size > 10) scores[7] = std::numeric_limits<float>::infinity();  // stays out
    std::vector<float> expected;
    for (const float score : scores)
      if (std::isfinite(score)) expected.push_back(score);
    std::sort(expected.begin(), expected.end(), std::greater<>{});
    prunus::detail::with_descending_scores(std::span<const float>(scores), [&](const auto& order) {
      REQUIRE(order.size() == expected.size());
      for (std::size_t i = 0; i < order.size(); ++i) {
        REQUIRE(order[i].score == expected[i]);
        REQUIRE(scores[static_cast<std::size_t>(order[i].place)] == expected[i]);
      }
    });
  }
}
