// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/convolution_shape.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cstddef>

namespace side_by_side {

using Eigen::Index;

/// The usual way to convolve with a matrix library: the windows of the image become the columns of
/// a matrix (im2col), which is multiplied by the weights. One group; a kernel of 1 x 1 has
/// stride 1.
class unfolded_product {
 public:
  explicit unfolded_product(const prunus::convolution_shape& shape)
      : shape_(shape), columns_(shape.row_size(), shape.out_height() * shape.out_width()) {
    columns_.setZero();
  }

  void forward(const float* x, const float* weights, float* y) {
    const prunus::convolution_shape& s = shape_;
    Eigen::Map<matrix> out(y, s.out_channels, s.out_height() * s.out_width());
    const Eigen::Map<const matrix> w(weights, s.out_channels, s.row_size());
    if (s.kernel_area() == 1) {
      out.noalias() = w * Eigen::Map<const matrix>(x, s.in_channels, s.height * s.width);
      return;
    }
    Index row = 0;
    for (Index c = 0; c < s.in_channels; ++c)
      for (Index a = 0; a < s.kernel_height; ++a)
        for (Index b = 0; b < s.kernel_width; ++b, ++row) {
          const Index step = s.stride_width, begin = b - s.padding_width;
          const Index left = std::max<Index>(0, (step - 1 - begin) / step);
          const Index right = std::min(s.out_width(), (s.width - begin + step - 1) / step);
          for (Index i = 0; i < s.out_height(); ++i) {
            const Index from = i * s.stride_height + a - s.padding_height;
            if (from < 0 || from >= s.height) continue;
            const float* line = x + (c * s.height + from) * s.width + begin;
            float* const to = &columns_(row, i * s.out_width());
            if (step == 1)
              std::copy(line + left, line + right, to + left);
            else
              for (Index j = left; j < right; ++j) to[j] = line[j * step];
          }
        }
    out.noalias() = w * columns_;
  }

 private:
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  prunus::convolution_shape shape_;
  matrix columns_;
};

}  // namespace side_by_side
