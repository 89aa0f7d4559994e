// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/scored_units.hpp>
#include <prunus/core/selection.hpp>

#include <algorithm>    // std::min, std::max, std::fill
#include <array>        // std::array
#include <cmath>        // std::floor
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <type_traits>  // std::conditional_t
#include <vector>       // std::vector

/// The steps that allocations share: how many units may go, and the writing of masks from a cut.
/// @source ours; exact counts and the order among ties are laws of this library
/// @deviation none
namespace prunus::inline v0::detail {

/// round(sparsity * units), halves up: the number of units that a target removes. A sparsity such
/// as 0.29 has no exact double; what its rounding error takes away from a half is given back.
[[nodiscard]] inline Index units_to_remove(Index units, double sparsity) noexcept {
  const double exact = sparsity * static_cast<double>(units);
  return static_cast<Index>(
      std::floor(exact + 0.5 + 4 * exact * std::numeric_limits<double>::epsilon()));
}

/// Units of `entry` that are gone for good already.
template <class T>
[[nodiscard]] Index already_removed(const scored_units<T>& entry) noexcept {
  return entry.size() - Eigen::Map<const Eigen::Array<std::uint8_t, Eigen::Dynamic, 1>>(
                            entry.keep.data(), entry.size())
                            .template cast<Index>()
                            .sum();
}

/// The most units that the limits let go; never all of them.
[[nodiscard]] inline Index most_removable(const limits& l, Index units) noexcept {
  return std::max<Index>(units - std::max<Index>(l.min_kept, 1), 0);
}

/// The number to remove out of `units`, given that `gone` of them are gone and that the limits
/// hold.
[[nodiscard]] inline Index within_limits(const limits& l, Index units, Index gone,
                                         Index wanted) noexcept {
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

/// How the ties at a cut are shared out: those of units already gone first, then the lower index.
struct tie_budget {
  Index live = 0;  ///< ties among units still alive that may still go
};

/// keep = score > threshold for `length` scores; returns how many are kept, and adds the number
/// equal to the threshold.
template <bool Magnitude, class T>
[[nodiscard]] inline Index write_above(const T* data, Index length, T threshold, std::uint8_t* keep,
                                       Index& equal) {
  using counter = std::conditional_t<sizeof(T) == 8, std::int64_t,
                                     std::int32_t>;  // as wide as a score: no narrowing
  counter above = 0, ties = 0;
  for (Index j = 0; j < length; ++j) {
    const T s = Magnitude ? std::abs(data[j]) : data[j];
    above += s > threshold ? 1 : 0;
    ties += s == threshold ? 1 : 0;
  }
  equal = ties;
  if (ties == 0)
    for (Index j = 0; j < length; ++j)
      keep[j] = (Magnitude ? std::abs(data[j]) : data[j]) > threshold ? 1 : 0;
  return above;
}

/// Writes keep = score > threshold; of the scores equal to it, those gone already go, and live ones
/// while the budget lasts. Returns the number removed. One pass.
template <bool Magnitude, class T>
Index write_keep(const T* data, Index size, T threshold, std::uint8_t* keep, tie_budget& budget) {
  constexpr Index block = 64;
  Index removed = 0;
  for (Index begin = 0; begin < size; begin += block) {
    const T* x = data + begin;
    std::uint8_t* k = keep + begin;
    const bool whole =
        size - begin >= block;  // a length known to the compiler is what makes this fast
    const Index length = whole ? block : size - begin;
    Index equal = 0;
    const Index above = whole ? write_above<Magnitude>(x, block, threshold, k, equal)
                              : write_above<Magnitude>(x, length, threshold, k, equal);
    removed += length - above;
    if (equal == 0) continue;
    for (Index j = 0; j < length; ++j) {
      const T s = Magnitude ? std::abs(x[j]) : x[j];
      bool stays = s > threshold;
      if (s == threshold && k[j] != 0 && budget.live == 0) {
        stays = true;
        --removed;
      } else if (s == threshold && k[j] != 0) {
        --budget.live;
      }
      k[j] = stays ? 1 : 0;
    }
  }
  return removed;
}

template <class T>
Index write_keep(const scored_units<T>& entry, T threshold, tie_budget& budget) {
  return entry.scores.magnitude ? write_keep<true>(entry.scores.data, entry.size(), threshold,
                                                   entry.keep.data(), budget)
                                : write_keep<false>(entry.scores.data, entry.size(), threshold,
                                                    entry.keep.data(), budget);
}

/// Ties of `entry` at the cut that are gone already.
template <class T>
[[nodiscard]] Index ties_gone(const scored_units<T>& entry, T threshold) {
  Index gone = 0;
  for (Index i = 0; i < entry.size(); ++i)
    gone += entry.keep[static_cast<std::size_t>(i)] == 0 && entry.scores[i] == threshold ? 1 : 0;
  return gone;
}

/// The cut that removes exactly `removed` units of one entry. @throws value_error (not_finite)
template <class T>
[[nodiscard]] score_cut<T> cut_of(const scored_units<T>& entry, Index removed) {
  const std::array<score_run<T>, 1> runs{entry.scores};
  if (removed > 0) return find_cut<T>(runs, removed);
  const Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>> scores(entry.scores.data,
                                                                    entry.size());
  if (!(scores.abs() <= std::numeric_limits<T>::max()).all()) throw_not_finite<T>(runs);
  return {-std::numeric_limits<T>::infinity(), 0, 0, 0};
}

/// Removes the units of one entry that `cut` says, in the order of the ties: gone before live,
/// lower before higher index.
template <class T>
Index write_cut(const scored_units<T>& entry, const score_cut<T>& cut) {
  const bool all_ties_go = cut.ties() == cut.equal;
  tie_budget budget{cut.ties()};
  if (!all_ties_go && already_removed(entry) > 0) budget.live -= ties_gone(entry, cut.threshold);
  return write_keep(entry, cut.threshold, budget);
}

/// Removes `removed[i]` units of lowest score of `units[i]`, every entry for itself; validates all
/// before it writes.
template <class T>
void remove_smallest_of_each(std::span<scored_units<T>> units, std::span<const Index> removed) {
  std::vector<score_cut<T>> cuts;
  for (std::size_t i = 0; i < units.size(); ++i) cuts.push_back(cut_of(units[i], removed[i]));
  for (std::size_t i = 0; i < units.size(); ++i) write_cut(units[i], cuts[i]);
}

}  // namespace prunus::inline v0::detail
