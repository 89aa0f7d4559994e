// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/allocation/scored_units.hpp>

#include <algorithm>  // std::copy, std::fill
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus::inline v0 {

/// How scores of different parameters are made comparable.
enum class score_scaling : std::uint8_t {
  none,  ///< as they are: right for single weights
  mean,  ///< divided by the mean score of their parameter: right for filters of layers of different
         ///< sizes
};

/// One ranking over all parameters: of n units in all, round(sparsity * n) with the lowest scores
/// go, halves rounded up.
///
/// Exactly that many, unless a parameter's limits hold some back: then the others give what it does
/// not, down to their own limits. Widths that must be a multiple are rounded at the end, which
/// moves the total by less than one multiple a parameter. Of equal scores those go first that are
/// gone already, then the lower index, earlier parameters first.
///
/// @shape scores: one a unit of each parameter or coupling
/// @throws argument_error (out_of_range: sparsity outside [0, 1); unreachable_target: the limits
/// keep too many),
///         value_error (not_finite: names the parameter); nothing is then written
/// Cost: about two passes over the scores; with `scaling = mean` a scaled copy of them for a while.
/// @source global magnitude pruning, e.g. D. Blalock et al., "What is the State of Neural Network
/// Pruning?", MLSys 2020,
///         arXiv:2003.03033; division by the mean: common practice
/// @deviation none
struct global {
  score_scaling scaling = score_scaling::none;

  template <class T>
  void allocate(std::span<scored_units<T>> units, double sparsity) const {
    detail::check_sparsity("global", sparsity);
    Index total = 0;
    for (const scored_units<T>& entry : units) total += entry.size();
    remove(units, detail::units_to_remove(total, sparsity));
  }

  /// Removes the `wanted` units of lowest score, as allocate() does.
  template <class T>
  void remove(std::span<scored_units<T>> units, Index wanted) const {
    std::vector<std::vector<T>> scaled;
    if (scaling == score_scaling::mean) {
      std::vector<scored_units<T>> copies = scaled_copies(units, scaled);
      remove_as_scored<T>(copies, wanted);
    } else {
      remove_as_scored(units, wanted);
    }
  }

 private:
  /// The same entries over scores divided by their means, which `storage` holds. An entry of zeros
  /// stays as it is.
  template <class T>
  [[nodiscard]] static std::vector<scored_units<T>> scaled_copies(
      std::span<scored_units<T>> units, std::vector<std::vector<T>>& storage) {
    std::vector<scored_units<T>> copies(units.begin(), units.end());
    storage.resize(units.size());
    for (std::size_t i = 0; i < units.size(); ++i) {
      const score_run<T>& scores = units[i].scores;
      double sum = 0;
      Index live = 0;  // units that are gone score lowest and must not move the mean
      for (Index u = 0; u < scores.size; ++u)
        if (units[i].keep[static_cast<std::size_t>(u)] != 0) {
          sum += static_cast<double>(scores[u]);
          ++live;
        }
      const double mean = live > 0 ? sum / static_cast<double>(live) : 0;
      storage[i].resize(static_cast<std::size_t>(scores.size));
      for (Index u = 0; u < scores.size; ++u) {
        const bool gone = units[i].keep[static_cast<std::size_t>(u)] == 0;
        storage[i][static_cast<std::size_t>(u)] =
            gone || !(mean > 0) ? scores[u] : static_cast<T>(static_cast<double>(scores[u]) / mean);
      }
      copies[i].scores = {storage[i].data(), scores.size, false, scores.name};
    }
    return copies;
  }

  template <class T>
  static void remove_as_scored(std::span<scored_units<T>> units, Index wanted) {
    std::vector<Index> gone, most;
    Index all_gone = 0, all_removable = 0, total = 0;
    for (const scored_units<T>& entry : units) {
      gone.push_back(detail::already_removed(entry));
      most.push_back(std::max(detail::most_removable(entry.limits, entry.size()), gone.back()));
      all_gone += gone.back();
      all_removable += most.back();
      total += entry.size();
    }
    wanted = std::max(wanted, all_gone);
    if (wanted > all_removable)
      throw argument_error(
          errc::unreachable_target,
          detail::concat(
              "global: ", wanted, " of ", total,
              " units should go, the limits of the parameters let only ", all_removable,
              " go; lower the sparsity to at most ",
              static_cast<double>(all_removable) / static_cast<double>(std::max<Index>(total, 1)),
              " or the limits"));
    const saved_keep before(units, gone);
    std::vector<Index> removed(units.size(), 0);
    std::vector<bool> at_limit(units.size(), false);
    while (!removed_within_limits(units, wanted, gone, most, removed, at_limit))
      before.restore(units);
    for (std::size_t i = 0; i < units.size(); ++i) {
      const Index final =
          detail::within_limits(units[i].limits, units[i].size(), gone[i], removed[i]);
      if (final == removed[i] && !at_limit[i]) continue;
      before.restore(units, i);
      detail::write_cut(units[i], detail::cut_of(units[i], final));
    }
  }

  /// Writes one common cut through all entries that are not at their limit. Where an entry would
  /// lose more than it may, notes it as at its limit and returns false: the cut must then be made
  /// anew among the others.
  template <class T>
  static bool removed_within_limits(std::span<scored_units<T>> units, Index wanted,
                                    const std::vector<Index>& gone, const std::vector<Index>& most,
                                    std::vector<Index>& removed, std::vector<bool>& at_limit) {
    std::vector<score_run<T>> runs;
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < units.size(); ++i) {
      if (at_limit[i]) {
        wanted -= removed[i];
        continue;
      }
      runs.push_back(units[i].scores);
      open.push_back(i);
    }
    if (open.empty()) return true;
    if (wanted == 0) {
      for (std::size_t i : open)
        removed[i] = detail::write_cut(units[i], detail::cut_of(units[i], 0));
      return true;
    }
    const score_cut<T> cut = find_cut<T>(runs, wanted);
    detail::tie_budget budget{cut.ties()};
    if (cut.ties() < cut.equal)  // who is gone already goes before who lives
      for (std::size_t i : open)
        if (gone[i] > 0) budget.live -= detail::ties_gone(units[i], cut.threshold);
    bool fits = true;
    for (std::size_t i : open) {
      removed[i] = detail::write_keep(units[i], cut.threshold, budget);
      if (removed[i] <= most[i]) continue;
      removed[i] = most[i];
      at_limit[i] = true;
      fits = false;
    }
    return fits;
  }

  /// What was kept before, so that a cut can be taken back.
  struct saved_keep {
    std::vector<std::vector<std::uint8_t>> bytes;  ///< empty where nothing was gone

    template <class T>
    saved_keep(std::span<scored_units<T>> units, const std::vector<Index>& gone)
        : bytes(units.size()) {
      for (std::size_t i = 0; i < units.size(); ++i)
        if (gone[i] > 0) bytes[i].assign(units[i].keep.begin(), units[i].keep.end());
    }
    template <class T>
    void restore(std::span<scored_units<T>> units, std::size_t i) const {
      if (bytes[i].empty())
        std::fill(units[i].keep.begin(), units[i].keep.end(), std::uint8_t{1});
      else
        std::copy(bytes[i].begin(), bytes[i].end(), units[i].keep.begin());
    }
    template <class T>
    void restore(std::span<scored_units<T>> units) const {
      for (std::size_t i = 0; i < units.size(); ++i) restore(units, i);
    }
  };
};

static_assert(allocation<global, float> && allocation<global, double>);

}  // namespace prunus::inline v0
