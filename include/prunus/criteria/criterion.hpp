// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_reduction.hpp>

#include <span>  // std::span

namespace prunus {
inline namespace v0 {

/// A criterion gives every tile of a parameter a score; higher = more important.
///
/// `c.score(parameter, grid, scores)` writes grid.size() finite numbers and changes nothing else.
/// It must depend on its arguments and on its own members alone, so that a resumed run scores
/// alike. A criterion is an aggregate of hyper-parameters.
///
/// A criterion whose score of a single weight is the weight's magnitude may say so with
/// `static constexpr bool scores_elements_by_magnitude = true`: selection then reads the weights
/// themselves. So may one that scores a single weight by its square and by the sum of all squares
/// that are no smaller: it includes core/relative_run.hpp and has the `element_score` of a
/// relative_rule, and its scores of float weights are those that relative_run states.
///
/// A pass that is given threads scores several parameters at once; score() must then not use the
/// same pool. A criterion that cannot bear that says `static constexpr bool scores_one_at_a_time =
/// true`.
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
