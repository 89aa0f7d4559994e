// SPDX-License-Identifier: MIT
#include <prunus/criteria/random_score.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"
#include "support/criterion_laws.hpp"

#include <array>   // std::array
#include <vector>  // std::vector

namespace {

using prunus::random_score;
using support::scores_of;

template <class S>
std::vector<prunus::score_of<S>> draw(std::uint64_t seed, const std::string& name,
                                      Eigen::Index size) {
  std::vector<S> values(static_cast<std::size_t>(size));
  return scores_of(random_score{seed}, prunus::parameter<S>{name, prunus::view(values, {1, size})},
                   prunus::element);
}

int equal_entries(const std::vector<float>& a, const std::vector<float>& b) {
  int equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return equal;
}

}  // namespace

TEMPLATE_TEST_CASE("random scores keep the laws of criteria", "[criteria][random_score]", float,
                   double, Eigen::half) {
  support::check_criterion_laws<TestType>(
      random_score{.seed = 3}, {.scale = support::scale_law::unchanged, .reads_values = false});
}

TEST_CASE("a criterion that offers only what the concept promises keeps its laws",
          "[criteria][criterion]") {
  support::check_criterion_laws<float>(
      support::archetype_criterion(0),
      {.scale = support::scale_law::unchanged, .reads_values = false});
  STATIC_REQUIRE_FALSE(prunus::criterion<int, float>);
  STATIC_REQUIRE_FALSE(prunus::criterion<random_score, int>);
}

TEST_CASE("random scores follow from seed, name and number alone", "[criteria][random_score]") {
  const auto first = draw<float>(1, "conv1.weight", 1000);
  CHECK(first == draw<float>(1, "conv1.weight", 1000));
  CHECK(equal_entries(first, draw<float>(2, "conv1.weight", 1000)) < 5);
  CHECK(equal_entries(first, draw<float>(1, "conv2.weight", 1000)) < 5);
  const auto longer = draw<float>(1, "conv1.weight", 2000);  // the first tiles stay as they are
  CHECK(std::vector<float>(longer.begin(), longer.begin() + 1000) == first);
  const auto in_double = draw<double>(1, "conv1.weight", 1000);
  for (std::size_t i = 0; i < 1000; ++i) REQUIRE(in_double[i] == static_cast<double>(first[i]));
}

TEST_CASE("random scores are uniform in (0, 1]", "[criteria][random_score]") {
  const auto scores = draw<double>(5, "w", 20000);
  std::array<int, 10> counts{};
  double sum = 0;
  for (double score : scores) {
    REQUIRE(score > 0);
    REQUIRE(score <= 1);
    sum += score;
    ++counts[static_cast<std::size_t>(std::min(9.0, score * 10))];
  }
  CHECK(sum / 20000 == Approx(0.5).margin(0.01));
  double chi_squared = 0;
  for (int count : counts) chi_squared += (count - 2000.0) * (count - 2000.0) / 2000.0;
  CHECK(chi_squared < 27.9);  // 9 degrees of freedom, one in a thousand
  double covariance = 0;
  for (std::size_t i = 1; i < scores.size(); ++i)
    covariance += (scores[i] - 0.5) * (scores[i - 1] - 0.5);
  CHECK(std::abs(covariance / 20000) < 0.003);
}

TEST_CASE("random scores do not look at the weights", "[criteria][random_score]") {
  std::vector<float> zeros(12, 0.0F), others(12, 5.0F);
  CHECK(scores_of(random_score{}, prunus::parameter<float>{"w", prunus::view(zeros, {3, 4})},
                  prunus::filter) ==
        scores_of(random_score{}, prunus::parameter<float>{"w", prunus::view(others, {3, 4})},
                  prunus::filter));
}
