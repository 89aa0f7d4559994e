// SPDX-License-Identifier: MIT
#include <prunus/selection/selection.hpp>

#include "support/backwards_pool.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::nth_element, std::sort
#include <cmath>      // std::abs
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::find_threshold;
using prunus::score_source;
using prunus::score_threshold;
using support::random_source;

enum class values_are {
  gaussian,
  heavy_ties,
  half_zeros,
  all_equal,
  sorted,
  reversed,
  far_apart,
  one_outlier,
  blocks,
  last
};

template <class T>
std::vector<T> values_of(values_are kind, Index size, random_source& random) {
  std::vector<T> values;
  for (Index i = 0; i < size; ++i) {
    const double normal = random.gaussian();
    double value = normal;
    if (kind == values_are::heavy_ties) value = std::round(normal);
    if (kind == values_are::half_zeros) value = random.chance(0.5) ? 0 : normal;
    if (kind == values_are::all_equal) value = -1.5;
    if (kind == values_are::sorted || kind == values_are::reversed) value = static_cast<double>(i);
    if (kind == values_are::far_apart) value = std::pow(10.0, 5 * normal);
    if (kind == values_are::one_outlier) value = i == size / 3 ? -1e6 : 1;
    if (kind == values_are::blocks) value = static_cast<double>((i / 300) % 7) + normal * 1e-3;
    if (kind == values_are::reversed) value = static_cast<double>(size) - value;
    values.push_back(static_cast<T>(value));
  }
  return values;
}

/// The scores of all runs joined and sorted.
template <class T>
std::vector<T> sorted_scores(const std::vector<score_source<T>>& runs) {
  std::vector<T> all;
  for (const score_source<T>& run : runs)
    for (Index i = 0; i < run.size; ++i)
      all.push_back(run.magnitude ? std::abs(run.data[i]) : run.data[i]);
  std::sort(all.begin(), all.end());
  return all;
}

/// The cut agrees with the sorted scores in every number.
template <class T>
bool is_right(const score_threshold<T>& cut, const std::vector<T>& sorted, Index removed) {
  const T threshold = sorted[static_cast<std::size_t>(removed - 1)];
  const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), threshold);
  return cut.threshold == threshold && cut.removed == removed &&
         cut.below == first - sorted.begin() && cut.equal == last - first &&
         cut.ties() == removed - cut.below && cut.ties() >= 1 && cut.ties() <= cut.equal;
}

template <class T>
void check_against_sorting(const std::vector<score_source<T>>& runs, random_source& random) {
  const std::vector<T> sorted = sorted_scores(runs);
  const Index total = static_cast<Index>(sorted.size());
  for (Index removed : {Index{1}, Index{2}, total / 2, total * 9 / 10, total - 1, total,
                        random.between(1, total), random.between(1, total)}) {
    if (removed < 1 || removed > total) continue;
    CAPTURE(total, removed);
    REQUIRE(is_right(find_threshold<T>(runs, removed), sorted, removed));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("the cut is that of sorting, for every distribution and size",
                   "[core][selection]", float, double) {
  random_source random(21);
  for (Index size : {1, 2, 3, 63, 64, 65, 1000, (1 << 14) - 1, 1 << 14, (1 << 14) + 1, 40000})
    for (int kind = 0; kind < static_cast<int>(values_are::last); ++kind)
      for (bool magnitude : {false, true}) {
        if (size >= 40000 && (std::is_same_v<TestType, double> || magnitude)) continue;
        CAPTURE(kind, magnitude);
        const auto values = values_of<TestType>(static_cast<values_are>(kind), size, random);
        check_against_sorting<TestType>({{values.data(), size, magnitude, "w"}}, random);
      }
}

TEST_CASE("the cut is that of sorting for many scores", "[core][selection]") {
  random_source random(22);
  const Index size = 200000;
  for (values_are kind : {values_are::gaussian, values_are::half_zeros, values_are::blocks}) {
    const auto values = values_of<float>(kind, size, random);
    const std::vector<score_source<float>> runs{{values.data(), size, true, "w"}};
    const std::vector<float> sorted = sorted_scores(runs);
    for (Index removed : {Index{1}, size / 2, size * 99 / 100, size})
      REQUIRE(is_right(find_threshold<float>(runs, removed), sorted, removed));
  }
}

TEMPLATE_TEST_CASE("runs of any number and size are one ranking", "[core][selection]", float,
                   double) {
  random_source random(23);
  for (const std::vector<Index>& sizes :
       {std::vector<Index>{5, 1, 7}, std::vector<Index>{0, 20, 0, 30, 0},
        std::vector<Index>{30000, 1, 2, 3, 5, 8, 13}, std::vector<Index>{1, 2, 3, 30000},
        std::vector<Index>(300, 60), std::vector<Index>(1, 17000)}) {
    std::vector<std::vector<TestType>> storage;
    std::vector<score_source<TestType>> runs;
    for (Index size : sizes) {
      const auto kind = static_cast<values_are>(random.between(0, 8));
      storage.push_back(values_of<TestType>(kind, size, random));
    }
    for (const auto& values : storage)
      runs.push_back({values.data(), static_cast<Index>(values.size()), random.chance(0.5), "w"});
    check_against_sorting(runs, random);
  }
}

TEST_CASE("the same scores give the same cut every time", "[core][selection]") {
  random_source random(24);
  const auto values = values_of<float>(values_are::gaussian, 50000, random);
  const std::vector<score_source<float>> runs{{values.data(), 50000, true, "w"}};
  const auto first = find_threshold<float>(runs, 20000),
             second = find_threshold<float>(runs, 20000);
  CHECK(first.threshold == second.threshold);
  CHECK(first.below == second.below);
  CHECK(first.equal == second.equal);
}

TEST_CASE("several threads find the cut that one finds", "[core][selection]") {
  random_source random(25);
  for (int kind = 0; kind < static_cast<int>(values_are::last); ++kind) {
    const Index first = 300001, second = 131072;
    const auto a = values_of<float>(static_cast<values_are>(kind), first, random);
    const auto b = values_of<float>(static_cast<values_are>(kind), second, random);
    const std::vector<score_source<float>> runs{{a.data(), first, kind % 2 == 0, "a"},
                                                {b.data(), 7, false, "c"},
                                                {b.data(), second, kind % 2 == 0, "b"}};
    const std::vector<float> sorted = sorted_scores(runs);
    support::backwards_pool pool(3);
    for (const Index removed : {Index{1}, second, first, first + second + 7}) {
      CAPTURE(kind, removed);
      prunus::detail::threshold_finder<score_source<float>> alone(runs), shared(runs, pool);
      REQUIRE(is_right(alone.find(removed), sorted, removed));
      REQUIRE(is_right(shared.find(removed), sorted, removed));
      REQUIRE(is_right(find_threshold<float>(runs, removed, pool), sorted, removed));
      for (std::size_t r = 0; r < runs.size(); ++r) {
        CHECK(alone.each()[r].threshold == shared.each()[r].threshold);
        CHECK(alone.each()[r].below == shared.each()[r].below);
        CHECK(alone.each()[r].equal == shared.each()[r].equal);
      }
    }
    CHECK(pool.runs() > 0);
  }
}

TEST_CASE("minus zero and zero are the same score", "[core][selection]") {
  const std::vector<float> values{-0.0F, 0.0F, -0.0F, 1.0F};
  const std::vector<score_source<float>> runs{{values.data(), 4, false, "w"}};
  const auto cut = find_threshold<float>(runs, 2);
  CHECK(cut.threshold == 0);
  CHECK(cut.below == 0);
  CHECK(cut.equal == 3);
}

TEST_CASE("the lowest finite score may be selected", "[core][selection]") {
  std::vector<float> values(20000, std::numeric_limits<float>::lowest());
  for (std::size_t i = 0; i < 5000; ++i) values[4 * i] = static_cast<float>(i);
  const std::vector<score_source<float>> runs{{values.data(), 20000, false, "w"}};
  const auto cut = find_threshold<float>(runs, 15000);
  CHECK(cut.threshold == std::numeric_limits<float>::lowest());
  CHECK(cut.equal == 15000);
  CHECK(find_threshold<float>(runs, 15001).threshold == 0);
}

TEST_CASE("scores that are not finite are refused with run and position", "[core][selection]") {
  random_source random(25);
  const double infinity = std::numeric_limits<double>::infinity();
  for (Index size : {10, 20000})
    for (double bad : {std::nan(""), infinity, -infinity})
      for (bool magnitude : {false, true}) {
        auto first = values_of<double>(values_are::gaussian, size, random);
        auto second = values_of<double>(values_are::gaussian, size, random);
        const Index at = random.between(0, size - 1);
        second[static_cast<std::size_t>(at)] = bad;
        const std::vector<score_source<double>> runs{
            {first.data(), size, magnitude, "conv1.weight"},
            {second.data(), size, magnitude, "fc.weight"}};
        for (Index removed : {Index{1}, size, 2 * size}) {
          const support::thrown error = support::error_of<prunus::value_error>(
              [&] { (void)find_threshold<double>(runs, removed); });
          CAPTURE(error.message, at);
          REQUIRE(error.code == errc::not_finite);
          REQUIRE(error.says("fc.weight"));
          REQUIRE(error.says(std::to_string(at)));
          REQUIRE(error.says(bad != bad ? "NaN" : "infinite"));
        }
      }
}

TEST_CASE("only counts from one to all can be asked for", "[core][selection]") {
  const std::vector<float> values{3, 1, 2};
  const std::vector<score_source<float>> runs{{values.data(), 3, false, "w"}};
  for (Index removed : {-1, 0, 4})
    CHECK(support::code_of<prunus::argument_error>(
              [&] { (void)find_threshold<float>(runs, removed); }) == errc::out_of_range);
  CHECK(support::code_of<prunus::argument_error>([&] {
          (void)find_threshold<float>(std::span<const score_source<float>>{}, 1);
        }) == errc::out_of_range);
}
