// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Extents of a 2-D cross-correlation with zero padding. Images are channels x height x width,
/// weights are out x in/groups x kernel_height x kernel_width, both row-major.
struct convolution_shape {
  Index in_channels = 1;
  Index out_channels = 1;
  Index height = 1;  ///< of the input
  Index width = 1;   ///< of the input
  Index kernel_height = 1;
  Index kernel_width = 1;
  Index stride_height = 1;
  Index stride_width = 1;
  Index padding_height = 0;
  Index padding_width = 0;
  Index groups = 1;

  [[nodiscard]] constexpr Index out_height() const noexcept {
    return (height + 2 * padding_height - kernel_height) / stride_height + 1;
  }
  [[nodiscard]] constexpr Index out_width() const noexcept {
    return (width + 2 * padding_width - kernel_width) / stride_width + 1;
  }
  [[nodiscard]] constexpr Index in_size() const noexcept { return in_channels * height * width; }
  [[nodiscard]] constexpr Index out_size() const noexcept {
    return out_channels * out_height() * out_width();
  }
  [[nodiscard]] constexpr Index group_inputs() const noexcept { return in_channels / groups; }
  [[nodiscard]] constexpr Index group_outputs() const noexcept { return out_channels / groups; }
  [[nodiscard]] constexpr Index kernel_area() const noexcept {
    return kernel_height * kernel_width;
  }
  /// Weights of one output channel.
  [[nodiscard]] constexpr Index row_size() const noexcept { return group_inputs() * kernel_area(); }
  [[nodiscard]] constexpr Index weight_size() const noexcept { return out_channels * row_size(); }
  /// Multiply-accumulates of one image, those on padding included.
  [[nodiscard]] constexpr Index macs() const noexcept { return out_size() * row_size(); }

  friend constexpr bool operator==(const convolution_shape&, const convolution_shape&) = default;
};

/// @throws shape_error (shape_mismatch) unless every extent is at least 1, the padding not
/// negative, the groups divide
///         the channels and the kernel fits into the padded image
inline void validate(const convolution_shape& s) {
  const auto fail = [](const auto&... parts) {
    throw shape_error(errc::shape_mismatch, detail::concat("convolution: ", parts...));
  };
  if (s.in_channels < 1 || s.out_channels < 1 || s.height < 1 || s.width < 1)
    fail(s.in_channels, " to ", s.out_channels, " channels of ", s.height, " x ", s.width,
         "; every extent must be at least 1");
  if (s.kernel_height < 1 || s.kernel_width < 1 || s.stride_height < 1 || s.stride_width < 1)
    fail("kernel ", s.kernel_height, " x ", s.kernel_width, " and stride ", s.stride_height, " x ",
         s.stride_width, "; both must be at least 1");
  if (s.padding_height < 0 || s.padding_width < 0)
    fail("padding ", s.padding_height, " x ", s.padding_width, "; it must not be negative");
  if (s.groups < 1 || s.in_channels % s.groups != 0 || s.out_channels % s.groups != 0)
    fail(s.groups, " groups do not divide ", s.in_channels, " input and ", s.out_channels,
         " output channels");
  if (s.height + 2 * s.padding_height < s.kernel_height ||
      s.width + 2 * s.padding_width < s.kernel_width)
    fail("a kernel of ", s.kernel_height, " x ", s.kernel_width, " does not fit into ", s.height,
         " x ", s.width, " with padding ", s.padding_height, " x ", s.padding_width);
}

}  // namespace v0
}  // namespace prunus
