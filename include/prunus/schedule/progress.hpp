// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cstdint>  // std::uint8_t
#include <limits>   // std::numeric_limits

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// How far the training is: what is done, not what is under way. After n optimizer steps `step` is
/// n, so that an event at `end` comes after `end` steps:
///
///     for (Index step = 0; step < steps; ++step) {
///       train_one_batch();
///       scheduler.step({.step = step + 1});
///     }
///
/// What is not known may be left out, unless a schedule asks for it.
struct progress {
  Index step = 0;   ///< minibatches (optimizer steps) done so far; never goes backwards
  Index epoch = 0;  ///< passes over the data done so far; never goes backwards
  double loss = std::numeric_limits<double>::quiet_NaN();
  double accuracy = std::numeric_limits<double>::quiet_NaN();  ///< in [0, 1]
};

/// What a schedule counts.
enum class time_unit : std::uint8_t { step, epoch };

namespace detail {

[[nodiscard]] constexpr Index time_of(const progress& now, time_unit by) noexcept {
  return by == time_unit::step ? now.step : now.epoch;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
