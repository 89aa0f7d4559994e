// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

namespace prunus {
inline namespace v0 {

/// Prunes once: to `sparsity` at time `at`, or as soon after as the scheduler is stepped.
///
/// @source e.g. H. Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017,
/// arXiv:1608.08710, section 3.3
struct one_shot {
  double sparsity = 0.5;
  Index at = 0;
  time_unit by = time_unit::step;

  [[nodiscard]] Index events(const progress& now) const noexcept {
    return detail::time_of(now, by) >= at ? 1 : 0;
  }
  [[nodiscard]] double target(Index) const noexcept { return sparsity; }
  [[nodiscard]] Index last() const noexcept { return 1; }
  void check() const {
    detail::check_target("one_shot", "the sparsity", sparsity);
    if (at < 0)
      throw argument_error(errc::out_of_range,
                           detail::concat("one_shot: at is ", at, "; it must be at least 0"));
  }
};

static_assert(schedule<one_shot>);

}  // namespace v0
}  // namespace prunus
