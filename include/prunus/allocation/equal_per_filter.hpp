// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>

#include <algorithm>  // std::sort
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// How a common threshold is read.
enum class threshold_rule : std::uint8_t {
  exact_count,  ///< exactly round(sparsity * n) of n units are below it; shares are rounded
  strict,  ///< the unit of rank int(sparsity * n) and all that equal it are; shares are cut off
};

/// The same number of kernels in every filter of a layer: weights stay a dense block of out x kept
/// x height x width, with a list of inputs for each filter.
///
/// One threshold over all parameters says which share of a layer goes; of that share of the kernels
/// of every filter those with the lowest scores go, at least one stays. Also for single weights and
/// other tiles of one output: then the same number of them. Layers that should not compete (1 x 1
/// with 3 x 3) take a pass each.
///
/// @shape scores: one a tile, of a grid whose tiles have extent 1 along `out`
/// @throws argument_error (out_of_range: target outside [0, 1); unsupported: coupled filters or
/// tiles of several outputs), value_error (not_finite: names the parameter); nothing is then
/// written Of equal scores those go first that are pruned already, then the lower index. A filter
/// that has lost more already stays as it is. Limits count the units of one filter. Each event
/// thresholds anew among what is left, so that the same target a second time may remove a little
/// more. Cost: two passes over the scores and a sort of those of each filter.
/// @source Koo, Kim, "V-SKP: Vectorized Kernel-Based Structured Kernel Pruning for
///         Accelerating Deep Convolutional Neural Networks", IEEE Access 2023,
///         doi:10.1109/ACCESS.2023.3326534; `strict` is the rule
///         of the authors' public code
/// @deviation `exact_count`, the default, keeps this library's law of exactly k; the floor of one
///         kernel, which the code lacks: our reading
struct equal_per_filter {
  threshold_rule rule = threshold_rule::exact_count;

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double sparsity) const {
    detail::check_sparsity("equal_per_filter", sparsity);
    for (const ranking_group<T>& entry : units)
      if (entry.grid == nullptr || !one_output_a_tile(*entry.grid))
        throw argument_error(errc::unsupported,
                             detail::concat("equal_per_filter: ", entry.name,
                                            " has no tiles of one output; use the tile kernel_2d"));
    const std::vector<Index> below = removed_by_threshold(units, sparsity);
    for (std::size_t i = 0; i < units.size(); ++i) {
      const Index filters = units[i].grid->count(axis::out);
      const Index each = rule == threshold_rule::strict ? below[i] / filters
                                                        : (2 * below[i] + filters) / (2 * filters);
      units[i].asked = each * filters;
      remove_from_each_filter(units[i], each);
    }
  }

 private:
  [[nodiscard]] static bool one_output_a_tile(const tile_grid& grid) noexcept {
    for (std::size_t k = 0; k < 4; ++k)
      if (grid.axes()[k] == axis::out) return grid.tile_extents()[k] == 1;
    return false;
  }

  /// How many units of each entry a common cut would take.
  template <class T>
  [[nodiscard]] std::vector<Index> removed_by_threshold(std::span<ranking_group<T>> units,
                                                        double sparsity) const {
    std::vector<score_source<T>> sources;
    std::vector<Index> removed(units.size(), 0);
    Index total = 0;
    for (const ranking_group<T>& entry : units) {
      sources.push_back(entry.scores);
      total += entry.size();
    }
    const bool strict = rule == threshold_rule::strict;
    const Index wanted = strict ? static_cast<Index>(sparsity * static_cast<double>(total)) + 1
                                : detail::units_to_remove(total, sparsity);
    if (wanted == 0 || total == 0) {
      for (const ranking_group<T>& entry : units) detail::check_finite(entry);
      return removed;
    }
    const score_threshold<T> cut = find_threshold<T>(sources, wanted);
    Index ties = strict ? cut.equal : cut.ties();
    for (std::size_t i = 0; i < units.size(); ++i)
      for (Index u = 0; u < units[i].size(); ++u) {
        const T s = units[i].scores[u];
        if (s < cut.threshold) ++removed[i];
        if (s == cut.threshold && ties > 0) {
          ++removed[i];
          --ties;
        }
      }
    return removed;
  }

  template <class T>
  static void remove_from_each_filter(const ranking_group<T>& entry, Index each) {
    const Index filters = entry.grid->count(axis::out), stride = entry.grid->stride(axis::out);
    const auto kept = [&](Index u) -> std::uint8_t& {
      return entry.keep[static_cast<std::size_t>(u)];
    };
    std::vector<Index> row;
    for (Index f = 0; f < filters; ++f) {
      row.clear();
      Index gone = 0;
      for (Index outer = 0; outer < entry.size(); outer += filters * stride)
        for (Index inner = 0; inner < stride; ++inner) {
          row.push_back(outer + f * stride + inner);
          gone += kept(row.back()) == 0 ? 1 : 0;
        }
      std::sort(row.begin(), row.end(), [&](Index a, Index b) {
        if (kept(a) != kept(b)) return kept(a) < kept(b);
        const T x = entry.scores[a], y = entry.scores[b];
        return x != y ? x < y : a < b;
      });
      const Index removed =
          detail::within_limits(entry.limits, static_cast<Index>(row.size()), gone, each);
      for (Index k = 0; k < removed; ++k) kept(row[static_cast<std::size_t>(k)]) = 0;
    }
  }
};

static_assert(allocation<equal_per_filter, float> && allocation<equal_per_filter, double>);

}  // namespace v0
}  // namespace prunus
