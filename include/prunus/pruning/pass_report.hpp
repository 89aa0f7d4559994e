// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <string>  // std::string
#include <vector>  // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What one event of a pass did.
struct pass_report {
  struct parameter {
    std::string name;
    Index units = 0;         ///< tiles of the parameter
    Index kept = 0;          ///< tiles kept
    Index weights = 0;       ///< single weights
    Index weights_kept = 0;  ///< single weights in the tiles kept
  };
  Index event = 0;
  double target = 0;  ///< the sparsity asked for
  std::vector<parameter> parameters;

  /// Share of the tiles that are removed: compare with `target` to see what limits held back.
  [[nodiscard]] double achieved() const noexcept {
    Index units = 0, kept = 0;
    for (const parameter& p : parameters) {
      units += p.units;
      kept += p.kept;
    }
    return units == 0 ? 0.0 : 1.0 - static_cast<double>(kept) / static_cast<double>(units);
  }
};

}  // namespace v0
}  // namespace prunus
