// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/has_member.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/selection/selection.hpp>

#include <concepts>     // std::same_as
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
  Index coupling = -1;  ///< number of the coupling in model::couplings(); -1 for a parameter alone
  Index pruned =
      unknown_count;  ///< units that are pruned already; to be set again where keep changes
  Index asked = unknown_count;  ///< out: how many units were to go before limits held some back,
                                ///< for the report; an allocation may leave it as it is
  /// For a coupling: which unit of this group each of its units is, -1 where it is none of these.
  std::span<const Index> unit_of{};

  [[nodiscard]] Index size() const noexcept { return scores.size; }
};

/// What an allocation has reached, where its target is no share of the units.
struct achieved_share {
  std::string_view of;  ///< in the plural: "MACs"
  double share;         ///< removed, in [0, 1]
};

/// An allocation turns scores and one target sparsity into which units stay.
///
/// `a.allocate(units, sparsity)` validates first, then writes `keep` of every entry. It never
/// revives a unit that is gone, and keeps at least one unit of every entry and what its limits ask
/// for: a pass checks that afterwards. One that can rank in several threads takes a third argument,
/// `pool_ref pool`; a third argument of another type does not compile. One whose target is no share
/// of the units may say what it has reached, from what is kept:
///
///     template <class T>
///     achieved_share achieved(std::span<const ranking_group<T>> units) const;
template <class A, class T>
concept allocation = requires(const A& a, std::span<ranking_group<T>> units, double sparsity) {
  a.allocate(units, sparsity);
};

namespace detail {

template <class A, class T>
concept pooled_allocation = requires(const A& a, std::span<ranking_group<T>> units, double sparsity,
                                     pool_ref pool) {
  a.allocate(units, sparsity, pool);
};
/// Has an allocate() of three arguments that a pass cannot call.
template <class A, class T>
concept misses_pooled_allocation =
    !pooled_allocation<A, T> &&
    requires(A & a, std::span<ranking_group<T>> units, double sparsity, any_argument pool) {
  a.allocate(units, sparsity, pool);
};

struct named_achieved {
  int achieved;
};
template <class A>
concept has_achieved = can_be_base<A> && !requires {
  &with_name<A, named_achieved>::achieved;
};
template <class A, class T>
concept measuring_allocation = requires(const A& a, std::span<const ranking_group<T>> units) {
  { a.achieved(units) } -> std::same_as<achieved_share>;
};

inline void check_sparsity(std::string_view where, double sparsity) {
  if (!(sparsity >= 0 && sparsity < 1))
    throw argument_error(errc::out_of_range, concat(where, ": the target sparsity is ", sparsity,
                                                    "; it must lie in [0, 1)"));
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
