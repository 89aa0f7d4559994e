// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <cmath>        // std::isfinite
#include <concepts>     // std::convertible_to
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_void_v, std::remove_cvref_t
#include <utility>      // std::move, std::pair
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Ratios to try for two kinds of pruning on top of each other: first structured (filters), then
/// unstructured (single weights). Both ascending, in [0, 1).
struct ratio_grid {
  std::vector<double> structured{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
  std::vector<double> unstructured{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
};

/// The least quality that a pruned network may have.
struct quality_target {
  double least = 0;

  [[nodiscard]] static constexpr quality_target at_least(double quality) noexcept {
    return {quality};
  }
  /// At most `loss` below the quality of the network before pruning.
  [[nodiscard]] static constexpr quality_target within(double loss, double baseline) noexcept {
    return {baseline - loss};
  }
};

/// What a pruned network came to.
struct size_and_quality {
  double size = 0;     ///< parameters left, bytes, ...: smaller is better
  double quality = 0;  ///< accuracy or the like: higher is better
};

/// One pair of ratios that was evaluated.
struct two_stage_trial {
  double structured = 0;
  double unstructured = 0;
  double size = 0;
  double quality = 0;
  friend bool operator==(const two_stage_trial&, const two_stage_trial&) = default;
};

/// What a search has found, and what it has cost.
struct two_stage_result {
  std::optional<two_stage_trial> best;  ///< empty where no pair reaches the target
  std::vector<two_stage_trial> trials;  ///< in the order of their evaluation
  Index structured_stages = 0;          ///< calls of the first stage

  [[nodiscard]] Index evaluations() const noexcept { return static_cast<Index>(trials.size()); }
};

/// The two stages of a search. `structured(ratio)` prunes a copy of the trained network, fine-tunes
/// it, and returns it (or a handle on it); `unstructured(that, ratio)` prunes a copy of that,
/// fine-tunes it, and returns size and quality. Both must depend on their arguments alone.
template <class Structured, class Unstructured>
concept pruning_stages = requires(const Structured& structured, const Unstructured& unstructured,
                                  double ratio) {
  requires !std::is_void_v<decltype(structured(ratio))>;
  { unstructured(structured(ratio), ratio) } -> std::convertible_to<size_and_quality>;
};

namespace detail {

template <class = compiled_on_use>
void check_ratios(std::string_view where, std::string_view which,
                  const std::vector<double>& ratios) {
  bool good = !ratios.empty();
  for (std::size_t i = 0; i < ratios.size(); ++i)
    good = good && ratios[i] >= 0 && ratios[i] < 1 && (i == 0 || ratios[i] > ratios[i - 1]);
  if (!good)
    throw argument_error(errc::out_of_range,
                         concat(where, ": the ", ratios.size(), " ", which,
                                " ratios must be at least one, ascending, and in [0, 1)"));
}

/// Smaller is better; of equal sizes the higher quality.
[[nodiscard]] inline bool is_better(const two_stage_trial& a,
                                    const std::optional<two_stage_trial>& b) noexcept {
  return !b || a.size < b->size || (a.size == b->size && a.quality > b->quality);
}

/// Carries out trials: each structured stage once, each pair once.
template <class Structured, class Unstructured>
class two_stage_runner {
 public:
  using network = std::remove_cvref_t<decltype(std::declval<const Structured&>()(0.0))>;

  two_stage_runner(std::string_view where, const ratio_grid& grid, const quality_target& target,
                   const Structured& structured, const Unstructured& unstructured)
      : where_(where), target_(target), structured_(structured), unstructured_(unstructured) {
    check_ratios(where, "structured", grid.structured);
    check_ratios(where, "unstructured", grid.unstructured);
    if (!std::isfinite(target.least))
      throw argument_error(errc::out_of_range, concat(where, ": the least quality is ",
                                                      target.least, "; it must be finite"));
  }

  /// Evaluates a pair, or remembers it; notes it as the best where it is.
  /// @returns whether it reaches the target
  bool reaches(double structured, double unstructured) {
    for (const two_stage_trial& t : result_.trials)
      if (t.structured == structured && t.unstructured == unstructured)
        return t.quality >= target_.least;
    const size_and_quality found = unstructured_(pruned_to(structured), unstructured);
    if (!std::isfinite(found.size) || !std::isfinite(found.quality))
      throw value_error(
          errc::not_finite,
          concat(where_, ": the ratios ", structured, " and ", unstructured, " came to size ",
                 found.size, " and quality ", found.quality, "; both must be finite"));
    const two_stage_trial trial{structured, unstructured, found.size, found.quality};
    result_.trials.push_back(trial);
    const bool good = trial.quality >= target_.least;
    if (good && is_better(trial, result_.best)) result_.best = trial;
    return good;
  }

  [[nodiscard]] const std::optional<two_stage_trial>& best() const noexcept { return result_.best; }
  [[nodiscard]] two_stage_result result() && { return std::move(result_); }

 private:
  [[nodiscard]] const network& pruned_to(double ratio) {
    for (const auto& [done, net] : networks_)
      if (done == ratio) return net;
    networks_.emplace_back(ratio, structured_(ratio));
    ++result_.structured_stages;
    return networks_.back().second;
  }

  std::string_view where_;
  quality_target target_;
  const Structured& structured_;
  const Unstructured& unstructured_;
  std::vector<std::pair<double, network>> networks_;
  two_stage_result result_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
