// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/ramp.hpp>

#include <cmath>  // std::pow

namespace prunus {
inline namespace v0 {

/// Every event removes the same share of what is left: 1 - sparsity = (1 - initial) ((1 - final) /
/// (1 - initial))^u.
/// @source iterative pruning by a fixed share of the remaining weights: J. Frankle, M. Carbin, "The
/// Lottery Ticket Hypothesis", ICLR 2019, arXiv:1803.03635, section 2
/// @deviation written as a function of time between two given sparsities
struct exponential_curve {
  static constexpr std::string_view name = "exponential_ramp";

  [[nodiscard]] double sparsity(double initial, double final, double u) const noexcept {
    return 1 - (1 - initial) * std::pow((1 - final) / (1 - initial), u);
  }
};

using exponential_ramp = ramp<exponential_curve>;

static_assert(schedule<exponential_ramp>);

}  // namespace v0
}  // namespace prunus
