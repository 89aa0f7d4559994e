// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/has_member.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_reduction.hpp>

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
///     // Single weights can be ranked without written scores: a score_source, or another source
///     // that has a threshold_finder, which ranks them as written scores would.
///     auto element_source(const parameter<S>& p) const;
///     // score() cannot bear to be called for several parameters at once.
///     static constexpr bool scores_one_at_a_time = true;
///
/// A pass that is given threads scores several parameters at once; score() must then not use the
/// same pool.
template <class C, class S>
concept criterion = weight_scalar<S> &&
    requires(const C& c, const parameter<S>& p, const tile_grid& grid,
             std::span<score_of<S>> scores) {
  c.score(p, grid, scores);
};

/// Whether selection can rank the single weights of a parameter without written scores.
template <class C, class S>
concept ranks_elements_unscored = criterion<C, S> && requires(const C& c, const parameter<S>& p) {
  c.element_source(p);
};

namespace detail {

struct named_one_at_a_time {
  int scores_one_at_a_time;
};
struct named_element_source {
  int element_source;
};
template <class C>
concept has_one_at_a_time = can_be_base<C> && !requires {
  &with_name<C, named_one_at_a_time>::scores_one_at_a_time;
};
template <class C>
concept has_element_source = can_be_base<C> && !requires {
  &with_name<C, named_element_source>::element_source;
};

template <class C>
concept states_one_at_a_time = requires {
  requires std::same_as<decltype(C::scores_one_at_a_time), const bool>;
  std::bool_constant<C::scores_one_at_a_time>{};
};

/// Refuses statements of a criterion that would be passed over.
template <class C>
consteval bool statements_fit() {
  static_assert(!has_one_at_a_time<C> || states_one_at_a_time<C>,
                "prunus::pass: the criterion's `scores_one_at_a_time` must be `static constexpr "
                "bool`");
  static_assert(!has_element_source<C> || ranks_elements_unscored<C, float> ||
                    ranks_elements_unscored<C, double>,
                "prunus::pass: the criterion's `element_source` must be callable as "
                "`element_source(const parameter<S>&) const`");
  return true;
}

template <class C>
inline constexpr bool scores_one_at_a_time = requires {
  requires C::scores_one_at_a_time;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
