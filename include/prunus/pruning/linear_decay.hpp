// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/pruning/decay.hpp>

namespace prunus {
inline namespace v0 {

/// Lets the tiles that lose fade along a straight line: alpha(u) = 1 - u, u = event / duration.
///
/// Every event selects anew, so a tile may recover; from event `duration` on the tiles that lose
/// are zero and pruned for good.
///
/// @source L. Cai, Z. An, C. Yang, Y. Xu, "Softer Pruning, Incremental Regularization", ICPR 2020,
///         arXiv:2010.09498: that pruned filters decay by a factor that falls with time
/// @deviation our reading: of the paper the abstract could be seen, which leaves the factor open
struct linear_decay {
  Index duration = 10;  ///< events until the end, at least 1
  decay_semantics semantics = decay_semantics::per_event_factor;
  bool dependents = false;  ///< biases and normalisations of the selected filters fade, too

  /// What is left after share `u` of the duration, in [0, 1].
  [[nodiscard]] double alpha(double u) const noexcept { return 1 - u; }
  [[nodiscard]] double factor(Index event, Index lost_at) const noexcept {
    return detail::decay_factor(*this, event, lost_at);
  }
  [[nodiscard]] bool permanent(Index event) const noexcept { return event >= duration; }
  /// @throws argument_error (out_of_range)
  void check() const { detail::check_decay("linear_decay", duration); }
};

static_assert(pruning_action<linear_decay>);

}  // namespace v0
}  // namespace prunus
