// SPDX-License-Identifier: MIT
#include <prunus/search/brute_force_search.hpp>
#include <prunus/search/sequential_search.hpp>
#include <prunus/search/staircase_search.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::find, std::min
#include <array>      // std::array
#include <cmath>      // std::abs
#include <limits>     // std::numeric_limits
#include <memory>     // std::unique_ptr
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::quality_target;
using prunus::ratio_grid;
using prunus::size_and_quality;
using prunus::two_stage_result;

std::size_t position(const std::vector<double>& ratios, double ratio) {
  return static_cast<std::size_t>(std::find(ratios.begin(), ratios.end(), ratio) - ratios.begin());
}

/// Scores and sizes as tables; the "network" after the first stage is its row.
struct tables {
  ratio_grid grid;
  std::vector<std::vector<double>> quality;
  std::vector<double> left;  // of the parameters after the structured stage

  auto structured() const {
    return [this](double ratio) { return position(grid.structured, ratio); };
  }
  auto unstructured() const {
    return [this](std::size_t row, double ratio) {
      return size_and_quality{left[row] * (1 - ratio),
                              quality[row][position(grid.unstructured, ratio)]};
    };
  }
};

const tables worked{
    {{0, .2, .4, .6}, {0, .3, .6, .8}},
    {{.94, .94, .93, .90}, {.94, .93, .92, .88}, {.93, .92, .90, .85}, {.91, .89, .86, .80}},
    {1, .70, .45, .25}};

/// Scores that never rise with either ratio, with many equal ones.
tables random_tables(support::random_source& random) {
  tables t;
  t.grid.structured.clear();
  t.grid.unstructured.clear();
  const Index rows = random.between(1, 7), columns = random.between(1, 7);
  for (Index i = 0; i < rows; ++i) t.grid.structured.push_back(0.1 * static_cast<double>(i));
  for (Index j = 0; j < columns; ++j) t.grid.unstructured.push_back(0.1 * static_cast<double>(j));
  double left = 1;
  for (std::size_t i = 0; i < t.grid.structured.size(); ++i) {
    t.left.push_back(left);
    left *= random.real(0.5, 0.95);
    t.quality.emplace_back();
    for (std::size_t j = 0; j < t.grid.unstructured.size(); ++j) {
      double most = 10;
      if (i > 0) most = std::min(most, t.quality[i - 1][j]);
      if (j > 0) most = std::min(most, t.quality[i][j - 1]);
      t.quality[i].push_back(most - static_cast<double>(random.between(0, 2)));
    }
  }
  return t;
}

}  // namespace

TEST_CASE("the staircase worked out by hand", "[search][staircase_search]") {
  const quality_target target = quality_target::at_least(.92);
  const two_stage_result walked =
      prunus::staircase_search(worked.grid, target, worked.structured(), worked.unstructured());
  CHECK(walked.evaluations() == 7);
  CHECK(walked.structured_stages == 4);
  REQUIRE(walked.best);
  CHECK(walked.best->structured == .2);
  CHECK(walked.best->unstructured == .6);
  CHECK(std::abs(walked.best->size - .28) < 1e-12);
  const std::vector<std::array<double, 2>> path{{0, .8},  {0, .6},  {.2, .6}, {.4, .6},
                                                {.4, .3}, {.6, .3}, {.6, 0}};
  for (std::size_t t = 0; t < path.size(); ++t) {
    CHECK(walked.trials[t].structured == path[t][0]);
    CHECK(walked.trials[t].unstructured == path[t][1]);
  }

  const two_stage_result all =
      prunus::brute_force_search(worked.grid, target, worked.structured(), worked.unstructured());
  CHECK(all.evaluations() == 16);
  CHECK(all.structured_stages == 4);
  CHECK(all.best == walked.best);

  const two_stage_result in_turn =
      prunus::sequential_search(worked.grid, target, worked.structured(), worked.unstructured());
  REQUIRE(in_turn.best);
  CHECK(in_turn.best->structured == .4);
  CHECK(in_turn.best->unstructured == .3);
  CHECK(std::abs(in_turn.best->size - .315) < 1e-12);
}

TEST_CASE("a target below the baseline", "[search][staircase_search]") {
  const quality_target target = quality_target::within(.02, .94);
  CHECK(std::abs(target.least - .92) < 1e-12);
}

TEST_CASE("the staircase finds what trying all pairs finds, in far fewer evaluations",
          "[search][staircase_search]") {
  support::random_source random(29);
  int found = 0;
  for (int round = 0; round < 500; ++round) {
    const tables t = random_tables(random);
    const quality_target target =
        quality_target::at_least(static_cast<double>(random.between(-5, 11)));
    const two_stage_result walked =
        prunus::staircase_search(t.grid, target, t.structured(), t.unstructured());
    const two_stage_result all =
        prunus::brute_force_search(t.grid, target, t.structured(), t.unstructured());
    CAPTURE(round, target.least);
    REQUIRE(walked.best == all.best);
    const auto rows = static_cast<Index>(t.grid.structured.size()),
               columns = static_cast<Index>(t.grid.unstructured.size());
    REQUIRE(walked.evaluations() <= rows + columns);
    REQUIRE(walked.structured_stages <= rows);
    REQUIRE(all.evaluations() == rows * columns);
    found += walked.best ? 1 : 0;

    const two_stage_result in_turn =
        prunus::sequential_search(t.grid, target, t.structured(), t.unstructured());
    REQUIRE(in_turn.best.has_value() == all.best.has_value());
    if (all.best) REQUIRE(in_turn.best->size >= all.best->size);
    if (all.best) REQUIRE(in_turn.best->quality >= target.least);
  }
  CHECK(found > 100);
}

TEST_CASE("refinement goes on around the best pair with half the step",
          "[search][staircase_search]") {
  // A smooth network: the quality falls by .1 structured^2 + .1 unstructured^2.
  const auto first = [](double ratio) { return ratio; };
  const auto second = [](double s, double u) {
    return size_and_quality{(1 - s) * (1 - u), 1 - 0.1 * s * s - 0.1 * u * u};
  };
  const ratio_grid coarse{{0, .2, .4, .6, .8}, {0, .2, .4, .6, .8}};
  const quality_target target = quality_target::at_least(.94);  // s^2 + u^2 <= .6
  double size = 2;
  Index evaluations = 0;
  for (const Index refinements : {0, 1, 2, 3}) {
    const two_stage_result result =
        prunus::staircase_search(coarse, target, first, second, {.refinements = refinements});
    REQUIRE(result.best);
    CHECK(result.best->quality >= .94);
    CHECK(result.best->size <= size);
    CHECK(result.evaluations() >= evaluations);
    size = result.best->size;
    evaluations = result.evaluations();
    for (std::size_t a = 0; a < result.trials.size(); ++a)  // nothing is tried twice
      for (std::size_t b = a + 1; b < result.trials.size(); ++b)
        REQUIRE_FALSE((result.trials[a].structured == result.trials[b].structured &&
                       result.trials[a].unstructured == result.trials[b].unstructured));
  }
  // The optimum of the circle is s = u = sqrt(.3): a size of .2046.
  CHECK(size < .2046 * 1.05);
}

TEST_CASE("networks that cannot be copied are made once for each structured ratio",
          "[search][staircase_search]") {
  int made = 0;
  const auto first = [&](double ratio) {
    ++made;
    return std::make_unique<double>(ratio);
  };
  const auto second = [](const std::unique_ptr<double>& s, double u) {
    return size_and_quality{(1 - *s) * (1 - u), 1 - *s - u};
  };
  const two_stage_result result = prunus::staircase_search({}, quality_target::at_least(.45), first,
                                                           second, {.refinements = 2});
  REQUIRE(result.best);
  CHECK(made == result.structured_stages);
}

TEST_CASE("a target that nothing reaches is an answer, not an error",
          "[search][staircase_search]") {
  const quality_target target = quality_target::at_least(2);
  const two_stage_result walked = prunus::staircase_search(
      worked.grid, target, worked.structured(), worked.unstructured(), {.refinements = 3});
  CHECK_FALSE(walked.best);
  CHECK(walked.evaluations() == 4);  // the first row is enough to know
  CHECK_FALSE(
      prunus::sequential_search(worked.grid, target, worked.structured(), worked.unstructured())
          .best);
}

TEST_CASE("searches that cannot be made are refused", "[search][staircase_search]") {
  const auto code = [](const ratio_grid& grid, quality_target target, Index refinements) {
    const auto first = [](double ratio) { return ratio; };
    const auto second = [](double, double) { return size_and_quality{1, 1}; };
    return support::code_of<prunus::argument_error>([&] {
      (void)prunus::staircase_search(grid, target, first, second, {.refinements = refinements});
    });
  };
  CHECK(code({{}, {0}}, {}, 0) == errc::out_of_range);
  CHECK(code({{0}, {}}, {}, 0) == errc::out_of_range);
  CHECK(code({{0, 1}, {0}}, {}, 0) == errc::out_of_range);
  CHECK(code({{0, .5}, {.5, .2}}, {}, 0) == errc::out_of_range);
  CHECK(code({{0}, {-.1}}, {}, 0) == errc::out_of_range);
  CHECK(code({}, {std::numeric_limits<double>::quiet_NaN()}, 0) == errc::out_of_range);
  CHECK(code({}, {}, -1) == errc::out_of_range);
  const auto diverged = [](double, double) {
    return size_and_quality{1, std::numeric_limits<double>::quiet_NaN()};
  };
  CHECK(support::code_of<prunus::value_error>([&] {
          (void)prunus::brute_force_search(
              {}, {}, [](double ratio) { return ratio; }, diverged);
        }) == errc::not_finite);
}
