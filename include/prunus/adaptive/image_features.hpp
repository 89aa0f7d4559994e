// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::clamp
#include <array>      // std::array
#include <cmath>      // std::log2, std::sqrt
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <span>       // std::span

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What one look at an image tells of how busy it is. All are 0 for an image of one colour.
struct image_features {
  double edge_density = 0;  ///< share of the inner pixels that lie on an edge, in [0, 1]
  double entropy = 0;       ///< of the grey values in 256 bins, in bits, in [0, 8]
  double sharpness = 0;     ///< variance of the Laplacian of the inner pixels: low where blurred
  double contrast = 0;      ///< standard deviation of the grey values, in [0, 0.5]

  [[nodiscard]] std::array<double, 4> values() const noexcept {
    return {edge_density, entropy, sharpness, contrast};
  }
  friend bool operator==(const image_features&, const image_features&) = default;
};

/// How pixels are read.
struct image_feature_options {
  double black = 0, white = 1;  ///< pixel values, scaled to 0 and 1; what lies outside is cut off
  double edge = 1;              ///< gradient by Sobel above which a pixel lies on an edge; a step
                                ///< from black to white has 4
};

namespace detail {

/// The variance of numbers that come one by one.
class value_spread {
 public:
  void add(double x) noexcept {
    sum_ += x;
    squares_ += x * x;
    ++count_;
  }
  [[nodiscard]] double variance() const noexcept {
    if (count_ == 0) return 0;
    const double mean = sum_ / count_;
    return std::max(squares_ / count_ - mean * mean, 0.0);
  }

 private:
  double sum_ = 0, squares_ = 0, count_ = 0;
};

}  // namespace detail

/// Measures an image; the grey value of a pixel is the mean of its channels.
///
/// Inner pixels are those with all eight neighbours; without any, what is counted on them is 0.
/// @shape pixels: [channels, height, width], row-major
/// @throws shape_error (shape_mismatch), argument_error (out_of_range: white not above black),
///         value_error (not_finite: a pixel)
/// Cost: reads every pixel four times, about 30 operations a pixel; allocates nothing.
/// @source V. Pentsos, O. Spantidi, I. Anagnostopoulos, "Dynamic Image Difficulty-Aware DNN
/// Pruning", Micromachines 14(5):908, 2023, 10.3390/mi14050908: difficulty from image quality
/// scores
/// @deviation our reading: which scores they are was not found; these four are usual ones
template <std::floating_point S>
[[nodiscard]] image_features measure_image(std::span<const S> pixels, Index channels, Index height,
                                           Index width, const image_feature_options& options = {}) {
  if (channels < 1 || height < 1 || width < 1 ||
      static_cast<Index>(pixels.size()) != channels * height * width)
    throw shape_error(errc::shape_mismatch,
                      detail::concat("measure_image: ", pixels.size(), " pixels for ", channels,
                                     " x ", height, " x ", width, " (channels x height x width)"));
  if (!(options.white > options.black))
    throw argument_error(errc::out_of_range,
                         detail::concat("measure_image: black is ", options.black, " and white ",
                                        options.white, "; white must be larger"));
  const double factor = 1 / ((options.white - options.black) * static_cast<double>(channels));
  const double offset = -options.black / (options.white - options.black);
  const Index plane = height * width;
  const auto grey = [&](Index y, Index x) {
    double sum = 0;
    for (Index c = 0; c < channels; ++c)
      sum += static_cast<double>(pixels[static_cast<std::size_t>(c * plane + y * width + x)]);
    return std::clamp(sum * factor + offset, 0.0, 1.0);
  };

  image_features found;
  std::array<Index, 256> histogram{};
  detail::value_spread values, laplacian;
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x) {
      const double g = grey(y, x);
      if (!(g >= 0))  // NaN; infinities are cut off
        throw value_error(errc::not_finite, detail::concat("measure_image: the pixel at row ", y,
                                                           ", column ", x, " is NaN"));
      ++histogram[static_cast<std::size_t>(std::min(g * 256, 255.0))];
      values.add(g);
    }
  Index edges = 0;
  for (Index y = 1; y + 1 < height; ++y) {
    // Three pixels, one above the other, at x - 1, x and x + 1.
    using column = std::array<double, 3>;
    const auto column_at = [&](Index x) {
      return column{grey(y - 1, x), grey(y, x), grey(y + 1, x)};
    };
    if (width < 3) break;
    column left = column_at(0), middle = column_at(1);
    for (Index x = 1; x + 1 < width; ++x) {
      const column right = column_at(x + 1);
      const double across =
          (right[0] + 2 * right[1] + right[2]) - (left[0] + 2 * left[1] + left[2]);
      const double down =
          (left[2] + 2 * middle[2] + right[2]) - (left[0] + 2 * middle[0] + right[0]);
      edges += across * across + down * down > options.edge * options.edge ? 1 : 0;
      laplacian.add(middle[0] + middle[2] + left[1] + right[1] - 4 * middle[1]);
      left = middle;
      middle = right;
    }
  }
  const double inner =
      static_cast<double>(std::max<Index>(height - 2, 0) * std::max<Index>(width - 2, 0));
  if (inner > 0) found.edge_density = static_cast<double>(edges) / inner;
  for (const Index count : histogram)
    if (count > 0) {
      const double share = static_cast<double>(count) / static_cast<double>(plane);
      found.entropy -= share * std::log2(share);
    }
  found.entropy = std::max(found.entropy, 0.0);  // not -0
  found.sharpness = laplacian.variance();
  found.contrast = std::sqrt(values.variance());
  return found;
}

}  // namespace v0
}  // namespace prunus
