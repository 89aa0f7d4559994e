// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

namespace prunus {
inline namespace v0 {

/// Fast at first, slow at the end: sparsity = final + (initial - final) (1 - u)^3, where u in [0,
/// 1] is the share of the way from begin to end.
///
/// Events at begin, begin + every, ... and at end.
/// @source M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for
/// model compression", 2017,
///         arXiv:1710.01878, equation 1
/// @deviation an event at `end` even where `every` does not divide the way
struct cubic_ramp {
  double initial_sparsity = 0;
  double final_sparsity = 0.5;
  Index begin = 0;
  Index end = 0;
  Index every = 1;
  time_unit by = time_unit::step;

  [[nodiscard]] Index events(const progress& now) const noexcept {
    return detail::interval{begin, end, every}.events(detail::time_of(now, by));
  }
  [[nodiscard]] double target(Index event) const noexcept {
    const double share = detail::interval{begin, end, every}.share(event);
    const double left = 1 - share;
    return final_sparsity + (initial_sparsity - final_sparsity) * left * left * left;
  }
  void check() const {
    detail::check_target("cubic_ramp", "initial_sparsity", initial_sparsity);
    detail::check_target("cubic_ramp", "final_sparsity", final_sparsity);
    detail::interval{begin, end, every}.check("cubic_ramp");
  }
};

static_assert(schedule<cubic_ramp>);

}  // namespace v0
}  // namespace prunus
