// SPDX-License-Identifier: MIT
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/linf_norm.hpp>

#include "support/catch.hpp"
#include "support/criterion_laws.hpp"

#include <algorithm>  // std::max
#include <cmath>      // std::abs, std::isfinite, std::isnan, std::sqrt
#include <limits>     // std::numeric_limits
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::l1_norm;
using prunus::l2_norm;
using prunus::linf_norm;
using support::scores_of;

struct naive_norms {
  double sum = 0, squares = 0, largest = 0;
};

/// One loop over positions, in double.
template <class S>
std::vector<naive_norms> naive_norms_of(support::criterion_subject<S>& subject,
                                        const prunus::tile& tile) {
  const auto w = subject.weight.view();
  const support::naive_grid grid(w, tile);
  std::vector<naive_norms> norms(static_cast<std::size_t>(grid.size()));
  support::for_each_position(subject.shape, [&](Index o, Index i, Index h, Index x) {
    naive_norms& n = norms[static_cast<std::size_t>(grid.at(o, i, h, x))];
    const double value = static_cast<double>(static_cast<float>(w(o, i, h, x)));
    n.sum += std::abs(value);
    n.squares += value * value;
    n.largest = std::max(n.largest, std::abs(value));
  });
  return norms;
}

}  // namespace

TEMPLATE_TEST_CASE("the norms keep the laws of criteria", "[criteria][norms]", float, double,
                   Eigen::half, Eigen::bfloat16) {
  support::check_criterion_laws<TestType>(l1_norm{});
  support::check_criterion_laws<TestType>(l2_norm{});
  support::check_criterion_laws<TestType>(linf_norm{});
}

TEMPLATE_TEST_CASE("the norms of filters worked out by hand", "[criteria][norms]", float, double) {
  std::vector<TestType> values{3, 4, TestType(0.6), TestType(0.8), 0, -2, -1, -1};
  const prunus::parameter<TestType> p{"w", prunus::view(values, {4, 2})};
  const auto is = [](const auto& scores, std::vector<double> expected) {
    bool same = scores.size() == expected.size();
    for (std::size_t i = 0; same && i < expected.size(); ++i)
      same = support::nearly(scores[i], static_cast<TestType>(expected[i]));
    return same;
  };
  CHECK(is(scores_of(l1_norm{}, p, prunus::filter), {7, 1.4, 2, 2}));
  CHECK(is(scores_of(l2_norm{}, p, prunus::filter), {5, 1, 2, std::sqrt(2.0)}));
  CHECK(is(scores_of(linf_norm{}, p, prunus::filter), {4, 0.8, 2, 1}));
  CHECK(is(scores_of(l1_norm{}, p, prunus::channel), {4.6, 7.8}));
  CHECK(is(scores_of(l2_norm{}, p, prunus::channel), {std::sqrt(10.36), std::sqrt(21.64)}));
  CHECK(is(scores_of(linf_norm{}, p, prunus::channel), {3, 4}));
  CHECK(is(scores_of(l1_norm{}, p, prunus::layer), {12.4}));
  CHECK(is(scores_of(linf_norm{}, p, prunus::block(3, 2)), {4, 1}));  // the last block is smaller
  for (const auto& scores :
       {scores_of(l1_norm{}, p, prunus::element), scores_of(l2_norm{}, p, prunus::element),
        scores_of(linf_norm{}, p, prunus::element)})
    CHECK(is(scores, {3, 4, 0.6, 0.8, 0, 2, 1, 1}));
}

TEMPLATE_TEST_CASE("the norms agree with plain loops on random shapes, tiles and layouts",
                   "[criteria][norms]", float, double, Eigen::half) {
  support::random_source random(31);
  for (int round = 0; round < 60; ++round) {
    const support::shape4 shape{random.between(1, 9), random.between(1, 20), random.between(1, 3),
                                random.between(1, 5)};
    const auto order = support::memory_orders[static_cast<std::size_t>(random.between(0, 7))];
    const prunus::tile tile{random.between(0, 4), random.between(0, 4), random.between(0, 3),
                            random.between(0, 3)};
    support::criterion_subject<TestType> subject(order, shape, random.bits());
    CAPTURE(round, order, shape.out, shape.in, shape.height, shape.width, tile.out, tile.in,
            tile.height, tile.width);
    const auto expected = naive_norms_of(subject, tile);
    const auto p = subject.parameter();
    const auto l1 = scores_of(l1_norm{}, p, tile);
    const auto l2 = scores_of(l2_norm{}, p, tile);
    const auto linf = scores_of(linf_norm{}, p, tile);
    using score = prunus::score_of<TestType>;
    bool right = l1.size() == expected.size();
    for (std::size_t t = 0; right && t < expected.size(); ++t)
      right = support::nearly(l1[t], static_cast<score>(expected[t].sum)) &&
              support::nearly(l2[t], static_cast<score>(std::sqrt(expected[t].squares))) &&
              linf[t] == static_cast<score>(expected[t].largest);
    REQUIRE(right);
  }
}

TEMPLATE_TEST_CASE("single weights are ranked by the norms without a score being written",
                   "[criteria][norms]", l1_norm, l2_norm, linf_norm) {
  STATIC_REQUIRE(prunus::ranks_elements_unscored<TestType, float>);
  STATIC_REQUIRE(prunus::ranks_elements_unscored<TestType, double>);
  STATIC_REQUIRE_FALSE(prunus::ranks_elements_unscored<TestType, Eigen::half>);  // scores are float
  std::vector<float> values{-3, 0.5F, -0.0F, 2};
  const prunus::parameter<float> p{"w", prunus::view(values, {2, 2})};
  const prunus::score_source<float> source = TestType::element_source(p);
  REQUIRE(source.size == 4);
  CHECK(source.name == "w");
  const auto scores = scores_of(TestType{}, p, prunus::element);
  for (Index i = 0; i < 4; ++i) CHECK(source[i] == scores[static_cast<std::size_t>(i)]);
}

TEST_CASE("all weights zero score zero", "[criteria][norms]") {
  std::vector<float> values(6, -0.0F);
  const prunus::parameter<float> p{"w", prunus::view(values, {2, 3})};
  for (const auto& scores :
       {scores_of(l1_norm{}, p, prunus::filter), scores_of(l2_norm{}, p, prunus::filter),
        scores_of(linf_norm{}, p, prunus::filter)})
    CHECK(scores == std::vector<float>{0, 0});
}

TEST_CASE("infinite weights make infinite scores", "[criteria][norms]") {
  std::vector<double> values{1, -std::numeric_limits<double>::infinity(), 2, 3};
  const prunus::parameter<double> p{"w", prunus::view(values, {2, 2})};
  for (const auto& scores :
       {scores_of(l1_norm{}, p, prunus::filter), scores_of(l2_norm{}, p, prunus::filter),
        scores_of(linf_norm{}, p, prunus::filter)}) {
    CHECK(scores[0] == std::numeric_limits<double>::infinity());
    CHECK(std::isfinite(scores[1]));
  }
}

TEST_CASE("NaN anywhere in a long filter shows in its score alone", "[criteria][norms]") {
  const Index length = 1300;
  for (const Index at : {0, 511, 512, 1299})
    for (const Index wrong : {0, 2, 3}) {
      std::vector<float> values(static_cast<std::size_t>(4 * length), 1.0F);
      values[static_cast<std::size_t>(wrong * length + at)] =
          std::numeric_limits<float>::quiet_NaN();
      const prunus::parameter<float> p{"w", prunus::view(values, {4, length})};
      for (const auto& scores :
           {scores_of(l1_norm{}, p, prunus::filter), scores_of(l2_norm{}, p, prunus::filter),
            scores_of(linf_norm{}, p, prunus::filter)})
        for (Index f = 0; f < 4; ++f)
          CHECK(std::isnan(scores[static_cast<std::size_t>(f)]) == (f == wrong));
    }
}

TEST_CASE("a scale of all weights leaves the L2 norms their order", "[criteria][norms]") {
  for (int power = -120; power <= 120; power += 8) {
    std::vector<float> values{3, 4, 1, 1, 0, 0, 6, 0};
    for (float& v : values) v = std::ldexp(v, power);
    const prunus::parameter<float> p{"w", prunus::view(values, {4, 2})};
    const auto scores = scores_of(l2_norm{}, p, prunus::filter);
    CHECK(scores[0] == std::ldexp(5.0f, power));
    CHECK(scores[1] == std::ldexp(std::sqrt(2.0f), power));
    CHECK(scores[2] == 0);
    CHECK(scores[3] == std::ldexp(6.0f, power));
  }
}
