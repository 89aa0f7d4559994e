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
/// A criterion whose ranking of single weights can be read off the weights may have, too,
/// `c.element_source(parameter)`: the score_source, or another source that has a threshold_finder,
/// that ranks them as written scores would. A pass then need not write scores.
///
/// A pass that is given threads scores several parameters at once; score() must then not use the
/// same pool. A criterion that cannot bear that says `static constexpr bool scores_one_at_a_time =
/// true`.
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

template <class C>
inline constexpr bool scores_one_at_a_time = requires {
  requires C::scores_one_at_a_time;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
