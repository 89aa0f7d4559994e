// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What happens to each value of an output channel before it is written: value * scale + shift,
/// then zero where negative. Null pointers leave their part out; a bias is a shift.
template <class S>
struct channel_epilogue {
  const S* scale = nullptr;  ///< one a channel
  const S* shift = nullptr;  ///< one a channel
  bool relu = false;

  [[nodiscard]] constexpr channel_epilogue from(Index first) const noexcept {
    return {scale == nullptr ? nullptr : scale + first, shift == nullptr ? nullptr : shift + first,
            relu};
  }
};

}  // namespace v0
}  // namespace prunus
