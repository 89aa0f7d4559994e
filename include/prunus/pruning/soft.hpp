// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/pruning/action.hpp>

namespace prunus {
inline namespace v0 {

/// Set to zero now, but free to grow back: training goes on with all tiles, and the next event
/// selects anew among all. `scheduler::finish` makes the last selection permanent.
///
/// Biases and normalisations of coupled filters stay as they are until then. A filter of zeros
/// behind which the scale is zero, too, has no gradient and could never grow back. In front of a
/// batch normalisation its gradient is divided by the root of the smallest variance: at a high
/// learning rate it comes back larger than any filter that was trained, and a criterion of norms
/// then keeps it in their place. Filters that fade suffer less, see `logistic_decay`.
/// @source Y. He et al., "Soft Filter Pruning for Accelerating Deep Convolutional Neural Networks",
/// IJCAI 2018,
///         doi:10.24963/ijcai.2018/309
/// @deviation any tile, not filters only
struct soft {
  bool dependents = false;  ///< zero the biases and normalisations of the selected filters, too

  [[nodiscard]] constexpr double factor(Index, Index) const noexcept { return 0; }
  [[nodiscard]] constexpr bool permanent(Index) const noexcept { return false; }
};

static_assert(pruning_action<soft>);

}  // namespace v0
}  // namespace prunus
