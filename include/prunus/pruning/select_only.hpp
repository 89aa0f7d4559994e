// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/pruning/action.hpp>

namespace prunus {
inline namespace v0 {

/// Selects and leaves all weights as they are: for regularisers that press on what is to go, and to
/// look at a selection before it is carried out. `scheduler::finish` removes what is marked.
struct select_only {
  [[nodiscard]] constexpr double factor(Index, Index) const noexcept { return 1; }
  [[nodiscard]] constexpr bool permanent(Index) const noexcept { return false; }
};

static_assert(pruning_action<select_only>);

}  // namespace v0
}  // namespace prunus
