// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

namespace prunus {
inline namespace v0 {

/// Prunes to the same sparsity every `every` steps or epochs from `begin` to `end`: for soft
/// pruning, where every event selects anew, and for methods that keep a fixed rate.
///
/// @source Y. He et al., "Soft Filter Pruning for Accelerating Deep Convolutional Neural Networks",
/// IJCAI 2018, doi:10.24963/ijcai.2018/309, algorithm 1 (a fixed rate at the end of every epoch)
struct constant_sparsity {
  double sparsity = 0.5;
  Index begin = 0;
  Index end = 0;  ///< after `begin`
  Index every = 1;
  time_unit by = time_unit::step;

  [[nodiscard]] Index events(const progress& now) const noexcept {
    return detail::interval{begin, end, every}.events(now, by);
  }
  [[nodiscard]] double target(Index) const noexcept { return sparsity; }
  /// Number of the event at `end`.
  [[nodiscard]] Index last() const noexcept { return detail::interval{begin, end, every}.last(); }
  void check() const {
    detail::check_target("constant_sparsity", "the sparsity", sparsity);
    detail::interval{begin, end, every}.check("constant_sparsity");
  }
};

static_assert(schedule<constant_sparsity>);

}  // namespace v0
}  // namespace prunus
