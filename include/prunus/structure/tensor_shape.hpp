// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What flows along an edge of the graph, for one sample: channels x height x width. A vector is
/// channels x 1 x 1.
struct tensor_shape {
  Index channels = 1;
  Index height = 1;
  Index width = 1;

  [[nodiscard]] constexpr Index plane() const noexcept { return height * width; }
  [[nodiscard]] constexpr Index size() const noexcept { return channels * plane(); }
  friend constexpr bool operator==(const tensor_shape&, const tensor_shape&) = default;
};

/// A number of rows and of columns; one number stands for both.
struct extent2 {
  Index height = 1;
  Index width = 1;

  constexpr extent2() = default;
  constexpr extent2(Index both)
      : height(both), width(both) {}  // NOLINT(google-explicit-constructor): kernel = 3
  constexpr extent2(Index rows, Index columns) : height(rows), width(columns) {}
  [[nodiscard]] constexpr Index area() const noexcept { return height * width; }
  friend constexpr bool operator==(const extent2&, const extent2&) = default;
};

}  // namespace v0
}  // namespace prunus
