// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/search/two_stage_search.hpp>

#include <cstddef>  // std::size_t
#include <utility>  // std::move

namespace prunus {
inline namespace v0 {

/// A small network that reaches a quality, one ratio after the other: the largest structured ratio
/// that reaches it with the least unstructured one, then the largest unstructured ratio at that.
/// Cheap, but it may miss the smallest network; `staircase_search` does not.
///
/// Both by bisection over the grid, which takes for granted that more pruning never qualities
/// higher.
///
/// @returns as `brute_force_search`, the best of what was tried
/// @throws as `brute_force_search`
/// Cost: about log2 of both grids evaluations.
template <class Structured, class Unstructured>
  requires pruning_stages<Structured, Unstructured>
[[nodiscard]] two_stage_result sequential_search(const ratio_grid& grid,
                                                 const quality_target& target,
                                                 const Structured& structured,
                                                 const Unstructured& unstructured) {
  detail::two_stage_runner<Structured, Unstructured> runner("sequential_search", grid, target,
                                                            structured, unstructured);
  // The number of leading positions for which `good` holds.
  const auto leading = [](std::size_t count, const auto& good) {
    std::size_t known_good = 0, known_bad = count + 1;
    while (known_bad - known_good > 1) {
      const std::size_t middle = known_good + (known_bad - known_good) / 2;
      (good(middle - 1) ? known_good : known_bad) = middle;
    }
    return known_good;
  };
  const std::size_t kept = leading(grid.structured.size(), [&](std::size_t i) {
    return runner.reaches(grid.structured[i], grid.unstructured.front());
  });
  if (kept > 0)
    (void)leading(grid.unstructured.size(), [&](std::size_t j) {
      return runner.reaches(grid.structured[kept - 1], grid.unstructured[j]);
    });
  return std::move(runner).result();
}

}  // namespace v0
}  // namespace prunus
