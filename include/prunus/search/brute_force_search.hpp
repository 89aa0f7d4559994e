// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/search/two_stage_search.hpp>

#include <utility>  // std::move

namespace prunus {
inline namespace v0 {

/// The smallest network that reaches a quality, by trying every pair of ratios: the twin that
/// `staircase_search` is measured against.
///
/// @returns of the pairs that reach the target the one of smallest size; of equal sizes that of
///          higher quality, then the one tried first (structured ratios outermost, both ascending)
/// @throws argument_error (out_of_range: ratios not ascending in [0, 1), a target that is not
///         finite), value_error (not_finite: size or quality), and what the stages throw
/// Cost: one structured stage a structured ratio, one unstructured stage a pair; keeps what the
/// structured stages return until the end.
/// @source the search that D. Tian et al. 2022, doi:10.3390/s22155874, compare theirs with
/// @deviation which pairs they try could not be seen; the grid is ours
template <class Structured, class Unstructured>
  requires pruning_stages<Structured, Unstructured>
[[nodiscard]] two_stage_result brute_force_search(const ratio_grid& grid,
                                                  const quality_target& target,
                                                  const Structured& structured,
                                                  const Unstructured& unstructured) {
  detail::two_stage_runner<Structured, Unstructured> runner("brute_force_search", grid, target,
                                                            structured, unstructured);
  for (const double s : grid.structured)
    for (const double u : grid.unstructured) runner.reaches(s, u);
  return std::move(runner).result();
}

}  // namespace v0
}  // namespace prunus
