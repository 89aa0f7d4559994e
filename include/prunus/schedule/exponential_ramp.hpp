// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

#include <cmath>  // std::pow

namespace prunus {
inline namespace v0 {

/// Every event removes the same share of what is left: 1 - sparsity = (1 - initial) ((1 - final) /
/// (1 - initial))^u, where u in [0, 1] is the share of the way from begin to end.
///
/// Events at begin, begin + every, ... and at end.
/// @source iterative pruning by a fixed share of the remaining weights: J. Frankle, M. Carbin, "The
/// Lottery Ticket
///         Hypothesis", ICLR 2019, arXiv:1803.03635, section 2
/// @deviation written as a function of time between two given sparsities
struct exponential_ramp {
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
    if (share >= 1) return final_sparsity;
    return 1 -
           (1 - initial_sparsity) * std::pow((1 - final_sparsity) / (1 - initial_sparsity), share);
  }
  void check() const {
    detail::check_target("exponential_ramp", "initial_sparsity", initial_sparsity);
    detail::check_target("exponential_ramp", "final_sparsity", final_sparsity);
    detail::interval{begin, end, every}.check("exponential_ramp");
  }
};

static_assert(schedule<exponential_ramp>);

}  // namespace v0
}  // namespace prunus
