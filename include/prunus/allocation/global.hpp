// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/detail/removal_bounds.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/removal_threshold.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/pool_ref.hpp>

#include <algorithm>  // std::min
#include <cstdint>    // std::uint8_t
#include <optional>   // std::optional
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

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
/// pruned already, then the lower index, earlier parameters first.
///
/// @shape scores: one a unit of each parameter or coupling
/// @throws argument_error (out_of_range: sparsity outside [0, 1); unreachable_target: the limits
/// keep too many),
///         value_error (not_finite: names the parameter); nothing is then written
/// Cost: one pass to find the threshold and one to write the masks; with `scaling = mean` a scaled
/// copy of the scores for a while.
/// @source global magnitude pruning, e.g. D. Blalock et al., "What is the State of Neural Network
/// Pruning?", MLSys 2020,
///         arXiv:2003.03033; division by the mean: common practice
struct global {
  score_scaling scaling = score_scaling::none;

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double sparsity, pool_ref pool = {}) const {
    remove(units, units_to_remove(std::span<const ranking_group<T>>(units), sparsity), pool);
  }

  /// One threshold for all entries, unless limits give an entry one of its own; nullopt with a
  /// scaling.
  template <class T, class Source>
  [[nodiscard]] std::optional<std::vector<removal_threshold<T>>> thresholds(
      std::span<const ranking_group<T, Source>> units, double sparsity, pool_ref pool = {}) const {
    if (scaling != score_scaling::none) return std::nullopt;
    return cuts_as_scored(units, units_to_remove(units, sparsity), pool);
  }

  /// Removes the `wanted` units of lowest score, as allocate() does.
  template <class T>
  void remove(std::span<ranking_group<T>> units, Index wanted, pool_ref pool = {}) const {
    std::vector<std::vector<T>> scaled;
    std::vector<ranking_group<T>> copies;
    std::span<ranking_group<T>> ranked = units;
    if (scaling == score_scaling::mean) {
      copies = scaled_copies(units, scaled);
      ranked = copies;
    }
    detail::apply_thresholds<T>(
        ranked, *cuts_as_scored(std::span<const ranking_group<T>>(ranked), wanted, pool), pool);
    for (std::size_t i = 0; i < units.size(); ++i) units[i].asked = ranked[i].asked;
  }

 private:
  template <class T, class Source>
  [[nodiscard]] static Index units_to_remove(std::span<const ranking_group<T, Source>> units,
                                             double sparsity) {
    detail::check_sparsity("global", sparsity);
    Index total = 0;
    for (const ranking_group<T, Source>& entry : units) total += entry.size();
    return detail::units_to_remove(total, sparsity);
  }

  /// The same entries over scores divided by their means, which `storage` holds. An entry of zeros
  /// stays as it is.
  template <class T>
  [[nodiscard]] static std::vector<ranking_group<T>> scaled_copies(
      std::span<ranking_group<T>> units, std::vector<std::vector<T>>& storage) {
    std::vector<ranking_group<T>> copies(units.begin(), units.end());
    storage.resize(units.size());
    for (std::size_t i = 0; i < units.size(); ++i) {
      const score_source<T>& scores = units[i].scores;
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

  /// Where the entries stand in the search for a common cut.
  struct allocation_state {
    detail::removal_bounds bounds;
    std::vector<Index> removed;  ///< how many the cut takes
    std::vector<bool> at_limit;  ///< gives all it may and is out of the common ranking
  };

  template <class T, class Source>
  [[nodiscard]] static std::optional<std::vector<removal_threshold<T>>> cuts_as_scored(
      std::span<const ranking_group<T, Source>> units, Index wanted, pool_ref pool) {
    allocation_state s{detail::removal_bounds(units, pool), std::vector<Index>(units.size(), 0),
                       std::vector<bool>(units.size(), false)};
    wanted = s.bounds.reachable("global", wanted);
    std::vector<removal_threshold<T>> thresholds(units.size());
    for (fit found = fit::limit_reached; found != fit::within_limits;) {
      found = thresholds_within_limits(units, wanted, s, thresholds, pool);
      if (found == fit::needs_written_scores) return std::nullopt;
    }
    for (std::size_t i = 0; i < units.size(); ++i) {
      const Index final =
          detail::within_limits(units[i].limits, units[i].size(), s.bounds.least[i], s.removed[i]);
      if (final != s.removed[i] || s.at_limit[i]) {
        const std::optional<removal_threshold<T>> own =
            detail::removal_threshold_of(units[i], final, pool);
        if (!own) return std::nullopt;
        thresholds[i] = *own;
      }
      thresholds[i].asked = s.removed[i];
      thresholds[i].removed = final;
    }
    return thresholds;
  }

  /// Of a common cut with the limits of the entries.
  enum class fit : std::uint8_t { within_limits, limit_reached, needs_written_scores };

  /// Finds one common cut through all entries that are not at their limit. Where an entry would
  /// lose more than it may, notes it as at its limit: the cut must then be made anew among the
  /// others.
  template <class T, class Source>
  [[nodiscard]] static fit thresholds_within_limits(std::span<const ranking_group<T, Source>> units,
                                                    Index wanted, allocation_state& s,
                                                    std::vector<removal_threshold<T>>& thresholds,
                                                    pool_ref pool) {
    std::vector<Source> sources;
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < units.size(); ++i) {
      if (s.at_limit[i]) {
        wanted -= s.removed[i];
        continue;
      }
      sources.push_back(units[i].scores);
      open.push_back(i);
    }
    if (open.empty()) return fit::within_limits;
    if (wanted == 0) {
      for (const std::size_t i : open) {
        const std::optional<removal_threshold<T>> none =
            detail::removal_threshold_of(units[i], 0, pool);
        if (!none) return fit::needs_written_scores;
        thresholds[i] = *none;
        s.removed[i] = 0;
      }
      return fit::within_limits;
    }
    detail::threshold_finder<Source> finder(sources, pool);
    const std::optional<score_threshold<T>> cut = finder.find(wanted);
    if (!cut) return fit::needs_written_scores;
    const bool all_ties = cut->ties() == cut->equal;
    std::vector<Index> tied_gone(open.size(), 0);  // who is pruned already goes before who lives
    Index live_ties = cut->ties();
    for (std::size_t o = 0; o < open.size() && !all_ties; ++o)
      if (s.bounds.least[open[o]] > 0 && finder.each()[o].equal > 0) {
        tied_gone[o] = detail::ties_gone(units[open[o]], finder.each()[o].threshold);
        live_ties -= tied_gone[o];
      }
    fit found = fit::within_limits;
    for (std::size_t o = 0; o < open.size(); ++o) {
      const std::size_t i = open[o];
      const detail::source_threshold<T>& count = finder.each()[o];
      const Index live = count.equal - tied_gone[o];
      const Index ties = all_ties ? live : std::min(live, live_ties);
      live_ties -= ties;
      thresholds[i] = {count.threshold, ties, ties == live};
      s.removed[i] = count.below + tied_gone[o] + ties;
      if (s.removed[i] <= s.bounds.most[i]) continue;
      s.removed[i] = s.bounds.most[i];
      s.at_limit[i] = true;
      found = fit::limit_reached;
    }
    return found;
  }
};

static_assert(threshold_allocation<global, float> && threshold_allocation<global, double>);

}  // namespace v0
}  // namespace prunus
