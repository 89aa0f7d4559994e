// SPDX-License-Identifier: MIT
#include <prunus/criteria/detail/layer_adaptive/compensated_sum.hpp>
#include <prunus/criteria/detail/layer_adaptive/layer_normalized_source.hpp>
#include <prunus/criteria/detail/layer_adaptive/threshold_finder.hpp>

#include "support/backwards_pool.hpp"
#include "support/catch.hpp"
#include "support/random_source.hpp"

#include <algorithm>    // std::clamp, std::sort, std::upper_bound
#include <cmath>        // std::abs, std::pow, std::round
#include <functional>   // std::greater
#include <limits>       // std::numeric_limits
#include <type_traits>  // std::is_same_v
#include <utility>      // std::swap
#include <vector>       // std::vector

namespace {

using Eigen::Index;
using prunus::detail::compensated_sum;
using prunus::detail::layer_normalized_source;
using support::random_source;

/// The largest of every run scores 1.
struct share_of_no_smaller {
  static double element_score(double square, double no_smaller) {
    return square > 0 ? square / no_smaller : 0;
  }
};
struct square_alone {
  static double element_score(double square, double) { return square; }
};
/// Falls steeply with what is no smaller.
struct damped_square {
  static double element_score(double square, double no_smaller) {
    return square / (1 + no_smaller * no_smaller);
  }
};

enum class values_are { bell, tied, half_zero, heavy_tailed, far_apart, with_outlier, vanishing };

std::vector<float> random_values(random_source& random, values_are kind, Index size) {
  const double scale = std::pow(2.0, static_cast<double>(random.between(-8, 3)));
  std::vector<float> values;
  for (Index i = 0; i < size; ++i) {
    double value = random.gaussian();
    switch (kind) {
      case values_are::bell:
        break;
      case values_are::tied:
        value = std::round(4 * value) / 4;
        break;
      case values_are::half_zero:
        if (random.chance(0.5)) value = random.chance(0.5) ? 0 : -0.0;
        break;
      case values_are::heavy_tailed:
        value = std::pow(value, 7);
        break;
      case values_are::far_apart:
        value *= std::pow(2.0, static_cast<double>(random.between(-12, 3)));
        break;
      case values_are::with_outlier:
        if (i == size / 2) value = 1e3;
        break;
      case values_are::vanishing:
        if (random.chance(0.3))
          value *= std::pow(2.0, static_cast<double>(random.between(-90, -60)));
        break;
    }
    values.push_back(static_cast<float>(scale * value));
  }
  return values;
}

/// Every weight's score by a sort.
template <class Rule>
std::vector<float> naive_scores(const std::vector<float>& weights) {
  std::vector<float> squares;
  for (const float w : weights) squares.push_back(w * w);
  std::vector<float> sorted = squares;
  std::sort(sorted.begin(), sorted.end(), std::greater<>{});
  compensated_sum sum;
  std::vector<double> sums;
  for (const float square : sorted) {
    sum.add(static_cast<double>(square));
    sums.push_back(sum.value());
  }
  std::vector<float> scores;
  for (const float square : squares) {
    const auto behind =
        std::upper_bound(sorted.begin(), sorted.end(), square, std::greater<>{}) - sorted.begin();
    scores.push_back(static_cast<float>(Rule::element_score(
        static_cast<double>(square), sums[static_cast<std::size_t>(behind - 1)])));
  }
  return scores;
}

template <class Rule>
struct ranked_net {
  std::vector<std::vector<float>> weights, scores;
  std::vector<layer_normalized_source<Rule>> sources;
  std::vector<float> all;

  ranked_net(random_source& random, values_are kind, const std::vector<Index>& sizes) {
    for (const Index size : sizes) {
      weights.push_back(random_values(random, kind, size));
      scores.push_back(naive_scores<Rule>(weights.back()));
      all.insert(all.end(), scores.back().begin(), scores.back().end());
    }
    for (const std::vector<float>& w : weights)
      sources.push_back({w.data(), static_cast<Index>(w.size()), "w"});
    std::sort(all.begin(), all.end());
  }

  /// Whether an answer was given; a wrong one fails.
  bool check(Index removed, prunus::pool_ref pool = {}) const {
    prunus::detail::threshold_finder<layer_normalized_source<Rule>> finder(sources, pool);
    const auto cut = finder.find(removed);
    if (!cut) return false;
    const float threshold = all[static_cast<std::size_t>(removed - 1)];
    REQUIRE(cut->threshold == threshold);
    REQUIRE(cut->removed == removed);
    Index all_below = 0, all_equal = 0;
    REQUIRE(finder.each().size() == sources.size());
    for (std::size_t r = 0; r < sources.size(); ++r) {
      Index below = 0, equal = 0;
      bool right = true;
      for (std::size_t i = 0; i < scores[r].size(); ++i) {
        below += scores[r][i] < threshold ? 1 : 0;
        equal += scores[r][i] == threshold ? 1 : 0;
        right = right && (scores[r][i] <= threshold) ==
                             (std::abs(weights[r][i]) <= finder.each()[r].threshold);
      }
      REQUIRE(right);
      REQUIRE(finder.each()[r].below == below);
      REQUIRE(finder.each()[r].equal == equal);
      all_below += below;
      all_equal += equal;
    }
    REQUIRE(cut->below == all_below);
    REQUIRE(cut->equal == all_equal);
    return true;
  }
};

template <class Rule>
void check_everywhere(random_source& random, values_are kind, const std::vector<Index>& sizes) {
  CAPTURE(static_cast<int>(kind), sizes.size());
  const ranked_net<Rule> net(random, kind, sizes);
  const auto total = static_cast<Index>(net.all.size());
  // Elsewhere it may leave the question to written scores, and a pass asks for them then.
  const bool answers = std::is_same_v<Rule, share_of_no_smaller> &&
                       kind != values_are::heavy_tailed && kind != values_are::far_apart &&
                       kind != values_are::vanishing;
  for (const double share : {0.0, 0.03, 0.3, 0.5, 0.501, 0.8, 0.97, 1.0}) {
    const auto removed =
        std::clamp<Index>(static_cast<Index>(share * static_cast<double>(total)), 1, total);
    CAPTURE(share);
    const bool answered = net.check(removed);
    CHECK((answered || !answers || removed == total));
  }
}

}  // namespace

TEST_CASE("an exact sum does not depend on the order", "[criteria][layer_normalized]") {
  random_source random(31);
  std::vector<double> terms;
  for (int i = 0; i < 2000; ++i) {
    const auto x = static_cast<float>(random.gaussian() *
                                      std::pow(2.0, static_cast<double>(random.between(-10, 10))));
    terms.push_back(static_cast<double>(x * x));
  }
  compensated_sum first;
  for (const double x : terms) first.add(x);
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = terms.size(); i > 1; --i)
      std::swap(terms[i - 1],
                terms[static_cast<std::size_t>(random.between(0, static_cast<Index>(i) - 1))]);
    compensated_sum one, other;
    for (std::size_t i = 0; i < terms.size(); ++i) (i % 3 == 0 ? one : other).add(terms[i]);
    one.add(other);
    REQUIRE(one.value() == first.value());
  }
  compensated_sum lost;  // what a double alone would lose
  for (const double x : {0x1p60, 1.0, 1.0, -0x1p60}) lost.add(x);
  CHECK(lost.value() == 2);
}

TEST_CASE("squares are summed exactly, however far apart", "[criteria][layer_normalized]") {
  random_source random(32);
  for (const Index size : {0, 1, 15, 16, 17, 1000, 1024})
    for (const values_are kind : {values_are::bell, values_are::far_apart, values_are::half_zero,
                                  values_are::with_outlier}) {
      const std::vector<float> values = random_values(random, kind, size);
      for (const float from : {0.0F, 0.01F, 0.5F}) {
        compensated_sum expected;
        for (const float x : values)
          if (std::abs(x) >= from) expected.add(static_cast<double>(x * x));
        REQUIRE(prunus::detail::sum_of_squares(values.data(), size, from).value() ==
                expected.value());
      }
    }
}

TEST_CASE("a cut through relative scores is that of scores written and sorted",
          "[criteria][layer_normalized]") {
  random_source random(33);
  for (const values_are kind :
       {values_are::bell, values_are::tied, values_are::half_zero, values_are::heavy_tailed,
        values_are::far_apart, values_are::with_outlier, values_are::vanishing}) {
    for (int round = 0; round < 4; ++round) {
      std::vector<Index> sizes;
      for (Index layers = random.between(1, 6); layers > 0; --layers)
        sizes.push_back(random.between(1, 9) * random.between(1, 300));
      check_everywhere<share_of_no_smaller>(random, kind, sizes);
      check_everywhere<damped_square>(random, kind, sizes);
    }
    check_everywhere<share_of_no_smaller>(random, kind, {60000, 70, 5000, 1, 20000});
    check_everywhere<square_alone>(random, kind, {30000, 9000});
  }
}

TEST_CASE("a cut through zeros takes the zeros alone", "[criteria][layer_normalized]") {
  random_source random(34);
  const ranked_net<share_of_no_smaller> net(random, values_are::half_zero, {20000, 300});
  const auto zeros =
      static_cast<Index>(std::upper_bound(net.all.begin(), net.all.end(), 0.0F) - net.all.begin());
  for (const Index removed : {Index{1}, zeros / 2, zeros - 1, zeros, zeros + 1})
    CHECK(net.check(removed));
  const std::vector<float> nothing(50, 0.0F);
  const std::vector<layer_normalized_source<share_of_no_smaller>> sources{
      {nothing.data(), 50, "zeros"}};
  prunus::detail::threshold_finder<layer_normalized_source<share_of_no_smaller>> finder(sources);
  const auto cut = finder.find(20);
  REQUIRE(cut.has_value());
  CHECK(cut->threshold == 0);
  CHECK(cut->ties() == 20);
  CHECK(cut->equal == 50);
}

TEST_CASE("several threads find the relative cut that one finds", "[criteria][layer_normalized]") {
  random_source random(36);
  for (const values_are kind : {values_are::bell, values_are::half_zero}) {
    const ranked_net<share_of_no_smaller> net(random, kind, {300001, 20, 140000});
    support::backwards_pool pool(3);
    for (const double share : {0.1, 0.5, 0.9, 1.0}) {
      const auto removed = static_cast<Index>(share * static_cast<double>(net.all.size()));
      CAPTURE(share);
      CHECK(net.check(removed, pool));
    }
    CHECK(pool.runs() > 0);
    prunus::detail::threshold_finder<layer_normalized_source<share_of_no_smaller>> finder(
        net.sources, pool);
    CHECK(finder.sees_all_finite());
  }
}

TEST_CASE("squares that are not finite ask for written scores", "[criteria][layer_normalized]") {
  random_source random(35);
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 1e20F})
    for (const Index size : {100, 9000})
      for (const double share : {0.1, 0.5, 1.0}) {
        std::vector<float> values = random_values(random, values_are::bell, size);
        values[static_cast<std::size_t>(size / 3)] = wrong;
        const std::vector<layer_normalized_source<share_of_no_smaller>> sources{
            {values.data(), size, "w"}};
        prunus::detail::threshold_finder<layer_normalized_source<share_of_no_smaller>> finder(
            sources);
        CHECK_FALSE(finder.find(static_cast<Index>(share * static_cast<double>(size))).has_value());
        CHECK_FALSE(finder.sees_all_finite());
      }
}
