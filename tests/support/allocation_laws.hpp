// SPDX-License-Identifier: MIT
#pragma once

// What every allocation must keep. A new allocation calls check_allocation_laws once for float and
// once for double.

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/tile.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::floor, std::round
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <vector>     // std::vector

namespace support {

/// Entries to allocate among, with everything that ranking_group only views.
template <class T>
struct ranking {
  struct entry {
    std::string name;
    std::vector<T> scores;
    std::vector<std::uint8_t> keep;
    prunus::limits limits{};
    prunus::tile_grid grid{};

    [[nodiscard]] Index size() const { return static_cast<Index>(keep.size()); }
    [[nodiscard]] Index kept() const {
      return static_cast<Index>(std::count(keep.begin(), keep.end(), std::uint8_t{1}));
    }
    [[nodiscard]] Index removed() const { return size() - kept(); }
    /// What is gone has the lowest score, as a pass arranges it.
    void set_gone(Index unit) {
      keep[static_cast<std::size_t>(unit)] = 0;
      scores[static_cast<std::size_t>(unit)] = std::numeric_limits<T>::lowest();
    }
    [[nodiscard]] std::vector<int> kept_units() const {
      std::vector<int> units;
      for (std::size_t u = 0; u < keep.size(); ++u)
        if (keep[u] != 0) units.push_back(static_cast<int>(u));
      return units;
    }
  };
  std::vector<entry> entries;

  /// A matrix of one row of single weights.
  entry& add(std::string name, std::vector<T> scores, prunus::limits limits = {}) {
    return add_matrix(std::move(name), 1, std::move(scores), limits);
  }
  /// A matrix of `rows` outputs, row-major.
  entry& add_matrix(std::string name, Index rows, std::vector<T> scores,
                    prunus::limits limits = {}) {
    const Index columns = static_cast<Index>(scores.size()) / rows;
    const prunus::weight_view<const float> shape{
        nullptr,
        {1, 1, rows, columns},
        {prunus::axis::height, prunus::axis::width, prunus::axis::out, prunus::axis::in},
        2};
    std::vector<std::uint8_t> keep(scores.size(), 1);
    entries.push_back({std::move(name), std::move(scores), std::move(keep), limits,
                       prunus::tile_grid(shape, prunus::element)});
    return entries.back();
  }
  [[nodiscard]] std::vector<prunus::ranking_group<T>> units() {
    std::vector<prunus::ranking_group<T>> result;
    for (entry& e : entries)
      result.push_back(
          {e.name, {e.scores.data(), e.size(), false, e.name}, e.keep, e.limits, &e.grid});
    return result;
  }
  template <class Allocation>
  void allocate(const Allocation& allocation, double sparsity) {
    std::vector<prunus::ranking_group<T>> all = units();
    allocation.allocate(std::span<prunus::ranking_group<T>>(all), sparsity);
  }
  [[nodiscard]] Index size() const {
    Index total = 0;
    for (const entry& e : entries) total += e.size();
    return total;
  }
  [[nodiscard]] Index removed() const {
    Index total = 0;
    for (const entry& e : entries) total += e.removed();
    return total;
  }
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> keeps() const {
    std::vector<std::vector<std::uint8_t>> result;
    for (const entry& e : entries) result.push_back(e.keep);
    return result;
  }
};

/// A few entries of random sizes, many ties, some units gone already; never all of an entry.
template <class T>
[[nodiscard]] ranking<T> random_ranking(random_source& random, bool with_gone = true) {
  ranking<T> result;
  for (Index e = random.between(1, 4); e > 0; --e) {
    const Index rows = random.between(1, 5), columns = random.between(1, 30);
    const bool ties = random.chance(0.6);
    std::vector<T> scores;
    for (Index u = 0; u < rows * columns; ++u)
      scores.push_back(ties ? static_cast<T>(random.between(0, 3))
                            : static_cast<T>(random.real(0.1, 1)));
    auto& added = result.add_matrix("w" + std::to_string(e), rows, std::move(scores));
    if (with_gone && random.chance(0.5))
      for (Index u = 1; u < added.size(); ++u)
        if (random.chance(0.3)) added.set_gone(u);
  }
  return result;
}

/// How many units an allocation promises to remove at sparsity s.
enum class count_law {
  each_entry,  ///< round(s n) of the n units of every entry
  total,       ///< round(s n) of the n units of all entries
  its_own      ///< as its documentation says
};

[[nodiscard]] inline Index rounded_half_up(double x) {
  return static_cast<Index>(std::floor(x + 0.5));
}

/// Lower scores go first; of equal ones those that are gone, then the lower index.
template <class T>
[[nodiscard]] bool lowest_are_removed(const std::vector<T>& scores,
                                      const std::vector<std::uint8_t>& before,
                                      const std::vector<std::uint8_t>& after) {
  for (std::size_t u = 0; u < scores.size(); ++u)
    for (std::size_t v = 0; v < scores.size(); ++v) {
      const bool went = before[u] != 0 && after[u] == 0;
      if (went && after[v] != 0 && !(scores[u] < scores[v] || (scores[u] == scores[v] && u < v)))
        return false;
    }
  return true;
}

template <class T, class Allocation>
void check_nothing_is_revived_or_emptied(const Allocation& allocation, count_law counts) {
  random_source random(41);
  for (int round = 0; round < 150; ++round) {
    const ranking<T> before = random_ranking<T>(random);
    const double sparsity = random.chance(0.3) ? 0.5 : random.real(0, 1);
    ranking<T> after = before, again = before;
    CAPTURE(round, sparsity);
    Index removable = 0;
    for (const auto& e : before.entries) removable += e.size() - 1;
    const Index total =
        std::max(rounded_half_up(sparsity * static_cast<double>(before.size())), before.removed());
    if (counts == count_law::total && total > removable) {
      REQUIRE(code_of<prunus::argument_error>([&] { after.allocate(allocation, sparsity); }) ==
              prunus::errc::unreachable_target);
      REQUIRE(after.keeps() == before.keeps());
      continue;
    }
    after.allocate(allocation, sparsity);
    again.allocate(allocation, sparsity);
    REQUIRE(after.keeps() == again.keeps());
    for (std::size_t e = 0; e < before.entries.size(); ++e) {
      const auto &was = before.entries[e], &is = after.entries[e];
      bool revived = false;
      for (std::size_t u = 0; u < is.keep.size(); ++u)
        revived = revived || is.keep[u] > was.keep[u];
      REQUIRE_FALSE(revived);
      REQUIRE(is.kept() >= 1);
      if (counts == count_law::each_entry)
        REQUIRE(is.removed() ==
                std::max(std::min(rounded_half_up(sparsity * static_cast<double>(is.size())),
                                  is.size() - 1),
                         was.removed()));
      if (counts != count_law::its_own) REQUIRE(lowest_are_removed(is.scores, was.keep, is.keep));
    }
    if (counts == count_law::total) REQUIRE(after.removed() == total);
    // Allocating once more to the same target moves nothing.
    for (auto& e : again.entries)
      for (Index u = 0; u < e.size(); ++u)
        if (e.keep[static_cast<std::size_t>(u)] == 0) e.set_gone(u);
    again.allocate(allocation, sparsity);
    REQUIRE(again.keeps() == after.keeps());
  }
}

/// Scores that are not finite are refused by the name of their entry, and nothing is written.
template <class T, class Allocation>
void check_bad_scores_are_refused(const Allocation& allocation) {
  random_source random(42);
  for (T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()})
    for (double sparsity : {0.0, 0.3, 0.7}) {
      ranking<T> r;
      r.add("conv1.weight", {3, 1, 2, 5, 4, 7, 6, 8});
      r.add("fc.weight", {3, 1, 2, 5, 4, 7, 6, 8}).set_gone(1);
      r.add("last.weight", {3, 1, 2, 5, 4, 7, 6, 8});
      r.entries[1].scores[static_cast<std::size_t>(random.between(2, 7))] = bad;
      const auto before = r.keeps();
      const thrown error = error_of<prunus::value_error>([&] { r.allocate(allocation, sparsity); });
      CAPTURE(sparsity, error.message);
      REQUIRE(error.code == prunus::errc::not_finite);
      REQUIRE(error.says("fc.weight"));
      REQUIRE(r.keeps() == before);
    }
}

template <class T, class Allocation>
void check_bad_targets_are_refused(const Allocation& allocation) {
  ranking<T> r;
  r.add("w", {3, 1, 2, 4});
  for (double wrong : {-0.1, 1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    REQUIRE(code_of<prunus::argument_error>([&] { r.allocate(allocation, wrong); }) ==
            prunus::errc::out_of_range);
    REQUIRE(r.removed() == 0);
  }
}

/// All laws for scores of type T.
template <class T, class Allocation>
void check_allocation_laws(const Allocation& allocation, count_law counts) {
  STATIC_REQUIRE(prunus::allocation<Allocation, T>);
  check_nothing_is_revived_or_emptied<T>(allocation, counts);
  check_bad_scores_are_refused<T>(allocation);
  check_bad_targets_are_refused<T>(allocation);
}

}  // namespace support
