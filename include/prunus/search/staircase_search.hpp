// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/search/two_stage_search.hpp>

#include <algorithm>  // std::find
#include <cstddef>    // std::size_t
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

struct staircase_options {
  Index refinements = 0;  ///< times the grid around the best pair is halved and walked again
};

namespace detail {

/// Walks the border between the pairs that reach the target and those that do not, from the
/// largest unstructured ratio at the least structured one downwards.
template <class Runner>
void walk_staircase(Runner& runner, const std::vector<double>& structured,
                    const std::vector<double>& unstructured) {
  std::size_t left = unstructured.size();  // ratios that may still reach the target
  for (const double s : structured) {
    while (left > 0 && !runner.reaches(s, unstructured[left - 1])) --left;
    if (left == 0) return;
  }
}

/// `ratios` with the middles between neighbours added.
[[nodiscard]] inline std::vector<double> halved(const std::vector<double>& ratios) {
  std::vector<double> finer;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    if (i > 0) finer.push_back(ratios[i - 1] + (ratios[i] - ratios[i - 1]) / 2);
    finer.push_back(ratios[i]);
  }
  return finer;
}

/// The part of `ratios` from the neighbour below `centre` to the one above it.
[[nodiscard]] inline std::vector<double> around(const std::vector<double>& ratios, double centre) {
  const auto at = std::find(ratios.begin(), ratios.end(), centre);
  return {at == ratios.begin() ? at : at - 1, at + 1 == ratios.end() ? at + 1 : at + 2};
}

}  // namespace detail

/// The smallest network that reaches a quality, by structured and unstructured pruning on top of
/// each other, in few evaluations.
///
/// Where more pruning never qualities higher, the largest unstructured ratio that reaches the
/// target can only fall as the structured ratio grows: the search walks down that staircase and
/// tries at most |structured| + |unstructured| pairs instead of all. It then finds what
/// `brute_force_search` finds, provided that more pruning is smaller, too. With `refinements` it
/// goes on around the best pair on a grid of half the step, and so on.
///
///     const auto found = prunus::staircase_search(
///         {}, prunus::quality_target::within(0.005, accuracy(trained)),
///         [&](double ratio) { return fine_tuned(filters_pruned(trained, ratio)); },
///         [&](const network& slim, double ratio) {
///           const network done = fine_tuned(weights_pruned(slim, ratio));
///           return prunus::size_and_quality{nonzero(done), accuracy(done)};
///         });
///
/// @returns the best pair, with every trial; `best` is empty where no pair reaches the target
/// @throws as `brute_force_search`; argument_error (out_of_range: negative refinements)
/// Cost: one structured stage a structured ratio at most; keeps what they return until the end (let
/// it be a handle where networks are large).
/// @source D. Tian, S. Yamagiwa, K. Wada, "Heuristic Method for Minimizing Model Size of CNN by
///         Combining Multiple Pruning Techniques", Sensors 22(15):5874, 2022,
///         doi:10.3390/s22155874: structured and unstructured pruning are combined so that a target
///         accuracy is met at the smallest size, in far less time than trying all ratios takes
/// @deviation our reading: the heuristic itself could not be seen. The staircase, its order and its
///         refinement are ours
template <class Structured, class Unstructured>
  requires pruning_stages<Structured, Unstructured>
[[nodiscard]] two_stage_result staircase_search(const ratio_grid& grid,
                                                const quality_target& target,
                                                const Structured& structured,
                                                const Unstructured& unstructured,
                                                const staircase_options& options = {}) {
  if (options.refinements < 0)
    throw argument_error(errc::out_of_range,
                         detail::concat("staircase_search: ", options.refinements,
                                        " refinements; it must be 0 or more"));
  detail::two_stage_runner<Structured, Unstructured> runner("staircase_search", grid, target,
                                                            structured, unstructured);
  ratio_grid now = grid;
  detail::walk_staircase(runner, now.structured, now.unstructured);
  for (Index r = 0; r < options.refinements && runner.best(); ++r) {
    const two_stage_trial best = *runner.best();
    now.structured = detail::halved(detail::around(now.structured, best.structured));
    now.unstructured = detail::halved(detail::around(now.unstructured, best.unstructured));
    detail::walk_staircase(runner, now.structured, now.unstructured);
  }
  return std::move(runner).result();
}

}  // namespace v0
}  // namespace prunus
