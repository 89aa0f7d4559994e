// SPDX-License-Identifier: MIT
#pragma once

#include "digit_forms.hpp"

#include <algorithm>  // std::clamp, std::max, std::min
#include <array>      // std::array
#include <cmath>      // std::ceil, std::floor, std::sqrt
#include <cstddef>    // std::size_t

namespace prunus_examples::detail {

/// A square of pixels to draw round-ended lines on, in pixel coordinates: the centre of the first
/// pixel is (0, 0). Edges are smooth: a pixel is covered by how far it lies inside the line.
template <int Side>
class canvas {
 public:
  static constexpr int side = Side;

  /// Coverage of a pixel, in [0, 1].
  [[nodiscard]] double operator()(int row, int column) const { return pixels_[at(row, column)]; }

  /// A line as wide as twice the radius, which may change from end to end.
  void line(point from, point to, double from_radius, double to_radius) {
    const point along{to.x - from.x, to.y - from.y};
    const double length2 = along.x * along.x + along.y * along.y;
    const double scale = length2 > 0 ? 1 / length2 : 0;
    const double reach = std::max(from_radius, to_radius) + 0.5;
    const int top = first(std::min(from.y, to.y) - reach);
    const int bottom = last(std::max(from.y, to.y) + reach);
    const int left = first(std::min(from.x, to.x) - reach);
    const int right = last(std::max(from.x, to.x) + reach);
    for (int row = top; row <= bottom; ++row) {
      const double y = row - from.y;
      for (int column = left; column <= right; ++column) {
        const double x = column - from.x;
        const double t = std::clamp((x * along.x + y * along.y) * scale, 0.0, 1.0);
        const double dx = x - t * along.x;
        const double dy = y - t * along.y;
        const double radius = from_radius + t * (to_radius - from_radius);
        const double cover = radius + 0.5 - std::sqrt(dx * dx + dy * dy);
        double& pixel = pixels_[at(row, column)];
        pixel = std::max(pixel, std::min(cover, 1.0));
      }
    }
  }

  /// Wipes a disc clean.
  void erase(point centre, double radius) {
    for (int row = first(centre.y - radius); row <= last(centre.y + radius); ++row) {
      for (int column = first(centre.x - radius); column <= last(centre.x + radius); ++column) {
        const double dx = column - centre.x;
        const double dy = row - centre.y;
        const double left = std::sqrt(dx * dx + dy * dy) - radius + 0.5;
        pixels_[at(row, column)] *= std::clamp(left, 0.0, 1.0);
      }
    }
  }

 private:
  [[nodiscard]] static std::size_t at(int row, int column) {
    return static_cast<std::size_t>(row) * Side + static_cast<std::size_t>(column);
  }
  [[nodiscard]] static int first(double position) {
    return static_cast<int>(std::clamp(std::ceil(position), 0.0, static_cast<double>(Side)));
  }
  [[nodiscard]] static int last(double position) {
    return static_cast<int>(std::clamp(std::floor(position), -1.0, Side - 1.0));
  }

  std::array<double, static_cast<std::size_t>(Side) * Side> pixels_{};
};

}  // namespace prunus_examples::detail
