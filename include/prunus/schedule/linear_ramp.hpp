// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/ramp.hpp>

namespace prunus {
inline namespace v0 {

/// A straight line: sparsity = initial + (final - initial) u.
struct linear_curve {
  static constexpr std::string_view name = "linear_ramp";

  [[nodiscard]] double sparsity(double initial, double final, double u) const noexcept {
    return initial + (final - initial) * u;
  }
};

using linear_ramp = ramp<linear_curve>;

static_assert(schedule<linear_ramp>);

}  // namespace v0
}  // namespace prunus
