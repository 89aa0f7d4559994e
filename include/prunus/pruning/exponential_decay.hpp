// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/pruning/decay.hpp>

#include <cmath>  // std::pow

namespace prunus {
inline namespace v0 {

/// Lets the tiles that lose fade by equal shares: alpha(u) = epsilon^u, u = event / duration. The
/// curve falls fastest at first.
///
/// Every event selects anew, so a tile may recover; from event `duration` on the tiles that lose
/// are zero and pruned for good.
///
/// @source L. Cai, Z. An, C. Yang, Y. Xu, "Softer Pruning, Incremental Regularization", ICPR 2020,
///         arXiv:2010.09498: that pruned filters decay by a factor that falls with time
/// @deviation our reading: of the paper the abstract could be seen, which leaves the factor open
struct exponential_decay {
  Index duration = 10;    ///< events until the end, at least 1
  double epsilon = 0.01;  ///< what the curve leaves at the end, in (0, 1)
  decay_semantics semantics = decay_semantics::per_event_factor;
  bool dependents = false;  ///< biases and normalisations of the selected filters fade, too

  /// What is left after share `u` of the duration, in [0, 1].
  [[nodiscard]] double alpha(double u) const noexcept { return std::pow(epsilon, u); }
  [[nodiscard]] double factor(Index event, Index lost_at) const noexcept {
    return detail::decay_factor(*this, event, lost_at);
  }
  [[nodiscard]] bool permanent(Index event) const noexcept { return event >= duration; }
  /// @throws argument_error (out_of_range)
  void check() const {
    detail::check_decay("exponential_decay", duration);
    if (!(epsilon > 0 && epsilon < 1))
      throw argument_error(errc::out_of_range, detail::concat("exponential_decay: epsilon is ",
                                                              epsilon, "; it must lie in (0, 1)"));
  }
};

static_assert(pruning_action<exponential_decay>);

}  // namespace v0
}  // namespace prunus
