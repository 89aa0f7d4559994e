// SPDX-License-Identifier: MIT
#include <prunus/selection/keep_above.hpp>
#include <prunus/selection/score_scan.hpp>
#include <prunus/selection/selection.hpp>

#include "support/catch.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::sort
#include <array>      // std::array
#include <cmath>      // std::abs
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::score_source;
using prunus::detail::scan_counts;
using support::random_source;

/// Few different values, so that ties are everywhere; some are zero of either sign.
template <class T>
std::vector<T> values_with_ties(Index size, random_source& random) {
  std::vector<T> values;
  for (Index i = 0; i < size; ++i) {
    const double value = std::round(8 * random.gaussian()) / 8;
    values.push_back(
        static_cast<T>(random.chance(0.3) ? (random.chance(0.5) ? 0.0 : -0.0) : value));
  }
  return values;
}

template <bool Magnitude, class T>
T score(T value) {
  return Magnitude ? std::abs(value) : value;
}

template <bool Magnitude, class T>
void check_scans(const std::vector<T>& values, T low, T high) {
  const auto size = static_cast<Index>(values.size());
  scan_counts at_low;
  std::vector<T> inside{T{7}};  // what is there stays
  for (const T value : values) {
    const T s = score<Magnitude>(value);
    at_low += {s < low, s <= low, std::abs(value) <= std::numeric_limits<T>::max()};
    if (s > low && s < high) inside.push_back(s);
  }
  const auto counted = prunus::detail::count_around<Magnitude>(values.data(), size, low);
  REQUIRE(counted.below == at_low.below);
  REQUIRE(counted.up_to == at_low.up_to);
  REQUIRE(counted.finite == at_low.finite);

  std::vector<T> found{T{7}};
  const auto collected =
      prunus::detail::collect_between<Magnitude>(values.data(), size, low, high, found);
  REQUIRE(collected.up_to == at_low.up_to);
  REQUIRE(collected.finite == at_low.finite);
  REQUIRE(found == inside);

  scan_counts plain_counts;
  std::vector<T> plain(values.size() + 1, T{7});
  plain.resize(1 + prunus::detail::scan_plainly<Magnitude>(values.data(), size, low, high,
                                                           plain_counts, plain.data() + 1));
  REQUIRE(plain == inside);
  REQUIRE(plain_counts.up_to == at_low.up_to);
  REQUIRE(plain_counts.finite == at_low.finite);
}

}  // namespace

TEMPLATE_TEST_CASE("a scan counts and collects as a loop over all scores does",
                   "[core][score_scan]", float, double) {
  random_source random(61);
  const TestType infinity = std::numeric_limits<TestType>::infinity();
  for (Index size : {0, 1, 63, 64, 65, 1023, 1024, 1025, 2100, 3072})
    for (int round = 0; round < 4; ++round) {
      std::vector<TestType> values = values_with_ties<TestType>(size, random);
      if (round == 3 && size > 0) {
        values[static_cast<std::size_t>(random.between(0, size - 1))] =
            std::numeric_limits<TestType>::quiet_NaN();
        values[static_cast<std::size_t>(random.between(0, size - 1))] = -infinity;
      }
      const auto low = static_cast<TestType>(round == 1 ? 0 : 0.25);
      const auto high = static_cast<TestType>(round == 2 ? 0.25 : 1.125);
      CAPTURE(size, round);
      check_scans<true>(values, low, high);
      check_scans<false>(values, static_cast<TestType>(-low), high);
      check_scans<false>(values, -infinity, low);
      check_scans<true>(values, low, infinity);
    }
}

TEMPLATE_TEST_CASE("the digits of scores give the score of every rank", "[core][selection]", float,
                   double) {
  random_source random(62);
  const auto first = values_with_ties<TestType>(60, random);
  std::vector<TestType> second{
      std::numeric_limits<TestType>::lowest(), std::numeric_limits<TestType>::max(),
      std::numeric_limits<TestType>::denorm_min(), -std::numeric_limits<TestType>::denorm_min()};
  for (bool magnitude : {false, true}) {
    const std::array<score_source<TestType>, 2> runs{
        score_source<TestType>{first.data(), 60, magnitude},
        score_source<TestType>{second.data(), 4, magnitude}};
    std::vector<TestType> sorted;
    for (const auto& run : runs)
      for (Index i = 0; i < run.size; ++i) sorted.push_back(run[i]);
    std::sort(sorted.begin(), sorted.end());
    for (Index rank = 0; rank < 64; ++rank)
      REQUIRE(prunus::detail::score_of_rank<TestType>(runs, rank) ==
              sorted[static_cast<std::size_t>(rank)]);
  }
}

TEST_CASE("the cut says how many of each run lie below and at it", "[core][selection]") {
  random_source random(63);
  for (Index size : {40, 5000}) {
    const auto a = values_with_ties<float>(size, random), b = values_with_ties<float>(size, random);
    const std::array<score_source<float>, 2> runs{score_source<float>{a.data(), size, true, "a"},
                                                  score_source<float>{b.data(), size, true, "b"}};
    for (Index removed : {Index{1}, size / 3, size, 2 * size}) {
      prunus::detail::threshold_finder<score_source<float>> finder(runs);
      const prunus::score_threshold<float> cut = finder.find(removed);
      REQUIRE(finder.each().size() == 2);
      for (std::size_t r = 0; r < 2; ++r) {
        Index below = 0, equal = 0;
        for (Index i = 0; i < size; ++i) {
          below += runs[r][i] < cut.threshold;
          equal += runs[r][i] == cut.threshold;
        }
        REQUIRE(finder.each()[r].below == below);
        REQUIRE(finder.each()[r].equal == equal);
      }
    }
  }
}

TEST_CASE("ones among bytes are counted, however many", "[core][mask]") {
  random_source random(64);
  for (Index size : {0, 1, 7, 8, 9, 2039, 2040, 2041, 5000}) {
    std::vector<std::uint8_t> bytes;
    Index ones = 0;
    for (Index i = 0; i < size; ++i) {
      bytes.push_back(size == 5000 || random.chance(0.6) ? 1 : 0);
      ones += bytes.back();
    }
    REQUIRE(prunus::detail::count_ones(bytes) == ones);
  }
}

TEMPLATE_TEST_CASE("a threshold becomes a mask, and zeroes what may be written",
                   "[core][score_scan]", float, double) {
  random_source random(65);
  for (Index size : {0, 1, 255, 256, 257, 1000})
    for (Index ties : {-1, 0, 1, 5, 100}) {  // -1: all of them
      const std::vector<TestType> before = values_with_ties<TestType>(size, random);
      const auto threshold = static_cast<TestType>(0.25);
      std::vector<std::uint8_t> old_keep(before.size(), 1), expected(before.size());
      Index left = ties < 0 ? size : ties;
      for (std::size_t i = 0; i < before.size(); ++i) {
        const TestType s = std::abs(before[i]);
        old_keep[i] = s > threshold || random.chance(0.8) ? 1 : 0;
        bool stays = s > threshold;
        if (s == threshold && old_keep[i] != 0) stays = left-- <= 0;
        expected[i] = stays ? 1 : 0;
      }
      std::vector<TestType> values = before;
      std::vector<std::uint8_t> keep = old_keep, keep_only = old_keep;
      const TestType* const readable = values.data();
      if (ties < 0) {
        prunus::detail::keep_above<true>(readable, size, threshold, keep_only.data());
        REQUIRE(values == before);
        prunus::detail::keep_above<true>(values.data(), size, threshold, keep.data());
      } else {
        prunus::detail::keep_above<true>(readable, size, threshold, ties, keep_only.data());
        REQUIRE(values == before);
        prunus::detail::keep_above<true>(values.data(), size, threshold, ties, keep.data());
      }
      CAPTURE(size, ties);
      REQUIRE(keep == expected);
      REQUIRE(keep_only == expected);
      for (std::size_t i = 0; i < values.size(); ++i)
        REQUIRE(values[i] == (expected[i] != 0 ? before[i] : TestType{0}));
    }
}
