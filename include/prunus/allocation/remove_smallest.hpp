// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/removal_threshold.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/selection/selection.hpp>

#include <algorithm>  // std::min, std::max
#include <array>      // std::array
#include <cmath>      // std::floor
#include <limits>     // std::numeric_limits
#include <optional>   // std::optional
#include <span>       // std::span
#include <vector>     // std::vector

/// The steps that allocations share: how many units may go, and the writing of masks from a cut.
namespace prunus {
inline namespace v0 {
namespace detail {

/// round(sparsity * units), halves up: the number of units that a target removes. A sparsity such
/// as 0.29 has no exact double; what its rounding error takes away from a half is given back.
[[nodiscard]] inline Index units_to_remove(Index units, double sparsity) noexcept {
  const double exact = sparsity * static_cast<double>(units);
  return static_cast<Index>(
      std::floor(exact + 0.5 + 4 * exact * std::numeric_limits<double>::epsilon()));
}

/// Units of `entry` that are pruned for good already.
template <class T, class Source>
[[nodiscard]] Index already_removed(const ranking_group<T, Source>& entry) noexcept {
  return entry.pruned != unknown_count ? entry.pruned : entry.size() - count_ones(entry.keep);
}
/// Of every entry.
template <class T, class Source>
[[nodiscard]] std::vector<Index> already_removed(std::span<const ranking_group<T, Source>> units,
                                                 pool_ref pool) {
  std::vector<Index> gone(units.size());
  pool.run(static_cast<Index>(units.size()), [&](Index task) {
    const auto i = static_cast<std::size_t>(task);
    gone[i] = already_removed(units[i]);
  });
  return gone;
}

/// The most units that the limits let go; never all of them.
[[nodiscard]] inline Index most_removable(const limits& l, Index units) noexcept {
  return std::max<Index>(units - std::max<Index>(l.min_kept, 1), 0);
}

/// The number to remove out of `units`, given that `gone` of them are gone and that the limits
/// hold.
template <class = compiled_on_use>
[[nodiscard]] Index within_limits(const limits& l, Index units, Index gone, Index wanted) noexcept {
  Index removed = std::max(std::min(wanted, most_removable(l, units)), gone);
  if (l.multiple_of > 1) {
    const Index m = l.multiple_of, kept = units - removed;
    const Index lower = kept / m * m, upper = std::min(lower == kept ? kept : lower + m, units);
    Index rounded = l.round == rounding::down                            ? lower
                    : l.round == rounding::up || 2 * (kept - lower) >= m ? upper
                                                                         : lower;
    const Index floor = std::max<Index>(l.min_kept, 1);
    if (rounded < floor) rounded = upper;
    if (rounded > units - gone)  // what is gone does not come back for a width
      rounded = lower >= floor ? lower : kept;
    removed = units - rounded;
  }
  return removed;
}

/// Ties of `entry` at the cut that are pruned already.
template <class T, class Source>
[[nodiscard]] Index ties_gone(const ranking_group<T, Source>& entry, T threshold) {
  Index gone = 0;
  for (Index i = 0; i < entry.size(); ++i)
    gone += entry.keep[static_cast<std::size_t>(i)] == 0 && entry.scores[i] == threshold ? 1 : 0;
  return gone;
}

/// Refuses scores that are not finite. @throws value_error (not_finite)
template <class T>
void check_finite(const ranking_group<T>& entry) {
  const std::array<score_source<T>, 1> sources{entry.scores};
  static_cast<void>(threshold_finder<score_source<T>>(sources).sees_all_finite());
}

/// The cut of one entry by itself: `removed` units go, in the order of the ties: gone before live,
/// lower before higher index. Nullopt where scores must be written to tell.
/// @throws value_error (not_finite)
template <class T, class Source>
[[nodiscard]] std::optional<removal_threshold<T>> removal_threshold_of(
    const ranking_group<T, Source>& entry, Index removed, pool_ref pool = {}) {
  const std::array<Source, 1> sources{entry.scores};
  threshold_finder<Source> finder(sources, pool);
  if (removed == 0) {
    if (!finder.sees_all_finite()) return std::nullopt;
    return removal_threshold<T>{-std::numeric_limits<T>::infinity(), 0, true, 0, 0};
  }
  const std::optional<score_threshold<T>> cut = finder.find(removed);
  if (!cut) return std::nullopt;
  const T threshold = finder.each().front().threshold;
  const bool all = cut->ties() == cut->equal;
  const bool some_gone = !all && already_removed(entry) > 0;
  return removal_threshold<T>{threshold,
                              cut->ties() - (some_gone ? ties_gone(entry, threshold) : 0), all,
                              removed, removed};
}

template <class T, class Source>
[[nodiscard]] std::optional<std::vector<removal_threshold<T>>> removal_thresholds_of(
    std::span<const ranking_group<T, Source>> units, std::span<const Index> removed,
    pool_ref pool) {
  std::vector<removal_threshold<T>> thresholds;
  thresholds.reserve(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    const std::optional<removal_threshold<T>> cut =
        removal_threshold_of(units[i], removed[i], pool);
    if (!cut) return std::nullopt;
    thresholds.push_back(*cut);
  }
  return thresholds;
}

/// Removes `removed[i]` units of lowest score of `units[i]`, every entry for itself; validates all
/// before it writes. `asked` is how many were to go before limits: empty for as many.
template <class T>
void remove_smallest_of_each(std::span<ranking_group<T>> units, std::span<const Index> removed,
                             pool_ref pool = {}, std::span<const Index> asked = {}) {
  std::vector<removal_threshold<T>> thresholds =
      *removal_thresholds_of<T, score_source<T>>(units, removed, pool);
  for (std::size_t i = 0; i < units.size(); ++i)
    thresholds[i].asked = asked.empty() ? removed[i] : asked[i];
  apply_thresholds<T>(units, thresholds, pool);
}

/// Of every entry the `wanted` smallest go, as far as its limits let them.
template <class T>
void remove_within_limits(std::span<ranking_group<T>> units, std::span<const Index> wanted,
                          pool_ref pool = {}) {
  std::vector<Index> removed = already_removed<T, score_source<T>>(units, pool);
  for (std::size_t i = 0; i < units.size(); ++i)
    removed[i] = within_limits(units[i].limits, units[i].size(), removed[i], wanted[i]);
  remove_smallest_of_each<T>(units, removed, pool, wanted);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
