// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cstdint>  // std::uint8_t

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What the next frame is compared with.
enum class change_reference : std::uint8_t {
  last_used,  ///< what the outputs were computed from: errors stay below a bound and cannot drift
  last_frame  ///< the frame before: a slow drift is never noticed
};

struct change_detection_options {
  double threshold = 0;  ///< changes up to it are not looked at, >= 0; in units of the input
  Index cell = 1;  ///< edge of the squares of pixels that change together, by their mean difference
  change_reference reference = change_reference::last_used;
};

/// What a frame cost.
struct change_statistics {
  Index changed_pixels = 0;      ///< of the input
  Index recomputed_outputs = 0;  ///< positions, each with all its channels
  /// Multiply-adds that were done, those on padding included: of the recomputed outputs, and of the
  /// others in rows that were computed as a whole.
  Index macs = 0;
};

}  // namespace v0
}  // namespace prunus
