// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/formats/patterns.hpp>
#include <prunus/runtime/kernel_index.hpp>
#include <prunus/runtime/sparse_convolution.hpp>

#include <Eigen/Core>

#include <concepts>  // std::floating_point
#include <cstddef>   // std::size_t
#include <cstdint>   // std::int32_t
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {

/// The convolution in which every filter reads its own choice of input channels:
///
///     y[f] = epilogue_f(sum over j of weights[f][j] * x[index[f][j]])
///
///     const auto kernels = prunus::compress_kernels(weight, mask);
///     const auto convolution = prunus::kernel_index_convolution(shape, kernels);
///     convolution.forward(x, {}, y, images, scratch.data());
///
/// The work is that of the kernels that are left, whose weights are packed once.
///
/// Method: Koo, Kim, "V-SKP: Vectorized Kernel-Based Structured Kernel Pruning for Accelerating
/// Deep Convolutional Neural Networks", IEEE Access 2023,
/// doi:10.1109/ACCESS.2023.3326534, who run it on a GPU; the code is our own.
/// @throws shape_error (shape_mismatch: see `validate`; kernels of another convolution),
///         argument_error (unsupported: groups; out_of_range: an input that does not exist or
///         stands out of order)
template <std::floating_point S>
[[nodiscard]] sparse_convolution<S> kernel_index_convolution(const convolution_shape& shape,
                                                             const indexed_kernels<S>& kernels) {
  validate(shape);
  const kernel_index& index = kernels.index;
  if (shape.groups != 1)
    throw argument_error(errc::unsupported,
                         detail::concat("kernel_index_convolution: ", shape.groups,
                                        " groups; an index is over all input channels, use 1"));
  const Index area = shape.kernel_area(), count = index.out_channels * index.kept;
  if (index.out_channels != shape.out_channels || index.in_channels != shape.in_channels ||
      kernels.height != shape.kernel_height || kernels.width != shape.kernel_width ||
      static_cast<Index>(index.inputs.size()) != count ||
      static_cast<Index>(kernels.weights.size()) != count * area)
    throw shape_error(
        errc::shape_mismatch,
        detail::concat("kernel_index_convolution: ", index.out_channels, " x ", index.in_channels,
                       " kernels of ", kernels.height, " x ", kernels.width,
                       " for a convolution of ", shape.out_channels, " x ", shape.in_channels,
                       " kernels of ", shape.kernel_height, " x ", shape.kernel_width));
  for (Index f = 0; f < index.out_channels; ++f) {
    std::int32_t least = 0;
    for (const std::int32_t c : index.inputs_of(f)) {
      if (c < least || c >= index.in_channels)
        throw argument_error(
            errc::out_of_range,
            detail::concat("kernel_index_convolution: filter ", f, " lists input ", c, " of ",
                           index.in_channels, "; inputs must be ascending and exist"));
      least = c + 1;
    }
  }
  std::vector<S> dense(static_cast<std::size_t>(shape.weight_size()));
  decompress_kernels(kernels, view(dense, {shape.out_channels, shape.in_channels,
                                           shape.kernel_height, shape.kernel_width}));
  return {shape, dense.data(), formats::patterns{}};
}

}  // namespace v0
}  // namespace prunus
