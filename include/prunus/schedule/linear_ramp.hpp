// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

namespace prunus {
inline namespace v0 {

/// A straight ramp: sparsity = initial + (final - initial) u, where u in [0, 1] is the share of the
/// way from begin to end.
///
/// Events at begin, begin + every, ... and at end.
/// @source the usual linear schedule of iterative pruning
/// @deviation none
struct linear_ramp {
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
    return share >= 1 ? final_sparsity
                      : initial_sparsity + (final_sparsity - initial_sparsity) * share;
  }
  void check() const {
    detail::check_target("linear_ramp", "initial_sparsity", initial_sparsity);
    detail::check_target("linear_ramp", "final_sparsity", final_sparsity);
    detail::interval{begin, end, every}.check("linear_ramp");
  }
};

static_assert(schedule<linear_ramp>);

}  // namespace v0
}  // namespace prunus
