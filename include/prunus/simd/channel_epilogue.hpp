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

  /// What is written of a sum.
  [[nodiscard]] constexpr S operator()(S sum, Index c) const noexcept {
    if (scale != nullptr) sum *= scale[c];
    if (shift != nullptr) sum += shift[c];
    return relu && sum < 0 ? S(0) : sum;  // NaN stays NaN
  }

  /// The same for one sum of each of `channels` channels, in place.
  constexpr void apply(S* sums, Index channels) const noexcept {
    if (scale != nullptr)
      for (Index c = 0; c < channels; ++c) sums[c] *= scale[c];
    if (shift != nullptr)
      for (Index c = 0; c < channels; ++c) sums[c] += shift[c];
    if (relu)
      for (Index c = 0; c < channels; ++c) sums[c] = sums[c] < 0 ? S(0) : sums[c];
  }
};

}  // namespace v0
}  // namespace prunus
