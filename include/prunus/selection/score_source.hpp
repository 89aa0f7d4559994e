// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cmath>        // std::abs
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// The scores of one parameter as selection reads them, wherever they lie: an array of scores, or
/// the weights themselves where a score is the magnitude of a weight, so that no array of scores
/// need be written.
template <class T>
struct score_source {
  const T* data = nullptr;
  Index size = 0;
  bool magnitude = false;   ///< the score is |data[i]|
  std::string_view name{};  ///< for messages

  [[nodiscard]] T operator[](Index i) const noexcept {
    return magnitude ? std::abs(data[i]) : data[i];
  }
  [[nodiscard]] score_source part(Index begin, Index length) const noexcept {
    return {data + begin, length, magnitude, name};
  }
};

}  // namespace v0
}  // namespace prunus
