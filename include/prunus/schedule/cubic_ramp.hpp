// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/ramp.hpp>

namespace prunus {
inline namespace v0 {

/// Fast at first, slow at the end: sparsity = final + (initial - final) (1 - u)^3.
/// @source M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for
/// model compression", 2017, arXiv:1710.01878, equation 1
/// @deviation an event at `end` even where `every` does not divide the way
struct cubic_curve {
  static constexpr std::string_view name = "cubic_ramp";

  [[nodiscard]] double sparsity(double initial, double final, double u) const noexcept {
    const double left = 1 - u;
    return final + (initial - final) * left * left * left;
  }
};

using cubic_ramp = ramp<cubic_curve>;

static_assert(schedule<cubic_ramp>);

}  // namespace v0
}  // namespace prunus
