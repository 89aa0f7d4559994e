// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/selection/selection.hpp>

#include <cstdint>      // std::uint8_t
#include <span>         // std::span
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// Instead of a number of units that is not known yet.
inline constexpr Index unknown_count = -1;

/// What an allocation decides about: the units of one parameter (its tiles) or of one coupling,
/// with their scores, or with what ranks them where no scores are written (see
/// threshold_allocation).
template <class T, class Source = score_source<T>>
struct ranking_group {
  std::string_view name;  ///< of the parameter or coupling
  Source scores;          ///< one a unit
  std::span<std::uint8_t>
      keep;  ///< in: 0 = pruned for good already, has the lowest score; out: 1 = keep
  prunus::limits limits{};
  const tile_grid* grid = nullptr;  ///< where the units lie in the weight; null for a coupling
  Index pruned =
      unknown_count;  ///< units that are pruned already; to be set again where keep changes

  [[nodiscard]] Index size() const noexcept { return scores.size; }
};

/// An allocation turns scores and one target sparsity into which units stay.
///
/// `a.allocate(units, sparsity)` validates first, then writes `keep` of every entry. It never
/// revives a unit that is gone, and keeps at least one unit of every entry. One that can rank in
/// several threads takes a third argument, the pool.
template <class A, class T>
concept allocation = requires(const A& a, std::span<ranking_group<T>> units, double sparsity) {
  a.allocate(units, sparsity);
};

namespace detail {

inline void check_sparsity(std::string_view where, double sparsity) {
  if (!(sparsity >= 0 && sparsity < 1))
    throw argument_error(errc::out_of_range, concat(where, ": the target sparsity is ", sparsity,
                                                    "; it must lie in [0, 1)"));
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
