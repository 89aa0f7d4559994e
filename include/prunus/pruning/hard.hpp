// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/pruning/action.hpp>

namespace prunus {
inline namespace v0 {

/// Gone for good: set to zero now and held there.
/// @source e.g. S. Han et al., "Learning both Weights and Connections for Efficient Neural
/// Networks", 2015,
///         arXiv:1506.02626
struct hard {
  [[nodiscard]] constexpr double factor(Index, Index) const noexcept { return 0; }
  [[nodiscard]] constexpr bool permanent(Index) const noexcept { return true; }
};

static_assert(pruning_action<hard>);

}  // namespace v0
}  // namespace prunus
