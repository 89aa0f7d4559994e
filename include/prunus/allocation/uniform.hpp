// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/removal_threshold.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/pool_ref.hpp>

#include <cmath>     // std::ceil, std::floor
#include <limits>    // std::numeric_limits
#include <optional>  // std::optional
#include <span>      // std::span
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {

/// The same sparsity in every parameter: of n units, round(sparsity * n) with the lowest scores go,
/// halves rounded up. With `round = rounding::down` a part of a unit never goes, so that small
/// layers lose less than asked for; with `up` it always does.
///
/// Exactly that many, whatever the ties: units that are pruned already go first, then the lower
/// index. Limits of a parameter (floor, multiple of a width) come before the target; at least one
/// unit stays.
///
/// @shape scores: one a unit of each parameter or coupling
/// @throws argument_error (out_of_range: sparsity outside [0, 1)), value_error (not_finite: names
/// the parameter);
///         nothing is then written
/// Cost: two passes over the scores.
/// @source "layer-wise" or "local" pruning, e.g. H. Li et al., "Pruning Filters for Efficient
/// ConvNets", ICLR 2017,
///         arXiv:1608.08710
struct uniform {
  rounding round = rounding::nearest;  ///< of the number of units that go

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double sparsity, pool_ref pool = {}) const {
    detail::apply_thresholds<T>(
        units, *thresholds(std::span<const ranking_group<T>>(units), sparsity, pool), pool);
  }

  /// A threshold for every entry.
  template <class T, class Source>
  [[nodiscard]] std::optional<std::vector<removal_threshold<T>>> thresholds(
      std::span<const ranking_group<T, Source>> units, double sparsity, pool_ref pool = {}) const {
    detail::check_sparsity("uniform", sparsity);
    std::vector<Index> removed = detail::already_removed(units, pool);
    for (std::size_t i = 0; i < units.size(); ++i)
      removed[i] = detail::within_limits(units[i].limits, units[i].size(), removed[i],
                                         units_to_remove(units[i].size(), sparsity));
    std::optional<std::vector<removal_threshold<T>>> found =
        detail::removal_thresholds_of<T, Source>(units, removed, pool);
    for (std::size_t i = 0; found && i < units.size(); ++i)
      (*found)[i].asked = units_to_remove(units[i].size(), sparsity);
    return found;
  }

 private:
  [[nodiscard]] Index units_to_remove(Index units, double sparsity) const noexcept {
    const double exact = sparsity * static_cast<double>(units);
    const double slack = 4 * exact * std::numeric_limits<double>::epsilon();  // 0.29 is no double
    switch (round) {
      case rounding::down:
        return static_cast<Index>(std::floor(exact + slack));
      case rounding::up:
        return static_cast<Index>(std::ceil(exact - slack));
      case rounding::nearest:
        break;
    }
    return detail::units_to_remove(units, sparsity);
  }
};

static_assert(threshold_allocation<uniform, float> && threshold_allocation<uniform, double>);

}  // namespace v0
}  // namespace prunus
