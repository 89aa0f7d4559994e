// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/has_member.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_reduction.hpp>
#include <prunus/criteria/detail/relative_rule.hpp>

#include <concepts>     // std::same_as
#include <span>         // std::span
#include <type_traits>  // std::bool_constant

namespace prunus {
inline namespace v0 {

/// A criterion gives every tile of a parameter a score; higher = more important.
///
/// `c.score(parameter, grid, scores)` writes grid.size() finite numbers and changes nothing else.
/// It must depend on its arguments and on its own members alone, so that a resumed run scores
/// alike. A criterion is an aggregate of hyper-parameters.
///
/// A criterion may state any of these; one that has the name in another form does not compile:
///
///     // The score of a single weight is its magnitude: selection reads the weights themselves.
///     static constexpr bool scores_elements_by_magnitude = true;
///     // ... or follows from its square and the sum of all squares that are no smaller: see
///     // criteria/detail/relative_run.hpp, which such a criterion includes.
///     static double element_score(double square, double no_smaller);
///     // score() cannot bear to be called for several parameters at once.
///     static constexpr bool scores_one_at_a_time = true;
///
/// A pass that is given threads scores several parameters at once; score() must then not use the
/// same pool.
///
/// @source the concept is ours
/// @deviation none
template <class C, class S>
concept criterion = weight_scalar<S> &&
    requires(const C& c, const parameter<S>& p, const tile_grid& grid,
             std::span<score_of<S>> scores) {
  c.score(p, grid, scores);
};

namespace detail {

struct named_by_magnitude {
  int scores_elements_by_magnitude;
};
struct named_one_at_a_time {
  int scores_one_at_a_time;
};
struct named_element_score {
  int element_score;
};
template <class C>
concept has_by_magnitude = can_be_base<C> && !requires {
  &with_name<C, named_by_magnitude>::scores_elements_by_magnitude;
};
template <class C>
concept has_one_at_a_time = can_be_base<C> && !requires {
  &with_name<C, named_one_at_a_time>::scores_one_at_a_time;
};
template <class C>
concept has_element_score = can_be_base<C> && !requires {
  &with_name<C, named_element_score>::element_score;
};

template <class C>
concept states_by_magnitude = requires {
  requires std::same_as<decltype(C::scores_elements_by_magnitude), const bool>;
  std::bool_constant<C::scores_elements_by_magnitude>{};
};
template <class C>
concept states_one_at_a_time = requires {
  requires std::same_as<decltype(C::scores_one_at_a_time), const bool>;
  std::bool_constant<C::scores_one_at_a_time>{};
};

/// Refuses statements of a criterion that would be passed over.
template <class C>
consteval bool statements_fit() {
  static_assert(!has_by_magnitude<C> || states_by_magnitude<C>,
                "prunus::pass: the criterion's `scores_elements_by_magnitude` must be `static "
                "constexpr bool`");
  static_assert(!has_one_at_a_time<C> || states_one_at_a_time<C>,
                "prunus::pass: the criterion's `scores_one_at_a_time` must be `static constexpr "
                "bool`");
  static_assert(!has_element_score<C> || relative_rule<C>,
                "prunus::pass: the criterion's `element_score` must be `static double "
                "element_score(double square, double no_smaller)`");
  return true;
}

template <class C>
inline constexpr bool scores_elements_by_magnitude = requires {
  requires C::scores_elements_by_magnitude;
};
template <class C>
inline constexpr bool scores_one_at_a_time = requires {
  requires C::scores_one_at_a_time;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
