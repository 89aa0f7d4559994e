// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

#include <cmath>        // std::isnan
#include <optional>     // std::optional
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace detail {

/// How a schedule that stopped at event `done` reaches its last one, if it lacks no training: it is
/// asked what it would have done had it been told what it was not.
template <schedule S>
[[nodiscard]] std::string_view reach_last_event(const S& s, Index done, Index last,
                                                const std::optional<progress>& told) {
  if (!told) return "scheduler.step was never called";
  const auto if_told = [&](auto change) {
    progress other = *told;
    change(other);
    return s.events(other);
  };
  constexpr Index far = Index{1} << 30;  // later than any training ends; sums of it do not overflow
  if (told->epoch == 0 && if_told([](progress& p) { p.epoch = far; }) > done)
    return "it counts epochs and was told of none: pass scheduler.step the epochs done, .epoch, "
           "too";
  if (told->step == 0 && if_told([](progress& p) { p.step = far; }) > done)
    return "it counts steps and was told of none: pass scheduler.step the steps done, .step, too";
  if (std::isnan(told->accuracy) && if_told([](progress& p) { p.accuracy = 1; }) > done)
    return "it waits for an accuracy and was told of none: pass scheduler.step .accuracy, too";
  if (if_told([](progress& p) { ++p.step; }) >= last)
    return "one step more reaches the last event: .step is the number of steps done, so pass "
           "step + 1 after training on step";
  if (if_told([](progress& p) { ++p.epoch; }) >= last)
    return "one epoch more reaches the last event: .epoch is the number of epochs done, so pass "
           "epoch + 1 at the end of epoch";
  return {};
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
