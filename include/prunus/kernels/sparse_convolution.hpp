// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/detail/sparse_layer.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/runtime/thread_pool.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::sparse_convolution` by code for the best instruction set of this processor, in one of
/// the library's formats:
///
///     prunus::dispatched::sparse_convolution<float> convolution{
///         {.in_channels = 64, ...}, weights.data(), prunus::formats::blocks_of<8>{}};
///     std::vector<float> scratch(convolution.scratch_size());
///     convolution.forward(x, {.shift = bias, .relu = true}, y, images, scratch.data());
///
/// Objects can be moved, not copied; all calls are const, and threads can share the object. Packed
/// for one instruction set, the weights are of no use to another.
template <detail::compiled_scalar S>
class sparse_convolution : public detail::sparse_layer<S, convolution_shape> {
 public:
  /// @param weights out x in/groups x kernel_height x kernel_width, row-major; only read here
  /// @throws shape_error as the twin does, argument_error (unsupported) when this processor does
  ///         not run `instructions`
  sparse_convolution(const convolution_shape& shape, const S* weights, sparse_format format,
                     instruction_set instructions = best_instruction_set())
      : sparse_convolution::sparse_layer(
            shape, format, instructions,
            detail::made_by(detail::table_for<S>(instructions).make_sparse_convolution, shape,
                            weights, format)) {}

  using sparse_convolution::sparse_layer::forward;
  /// The same on several threads, which share the output channels.
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index images, S* scratch,
               thread_pool& pool) const {
    this->forward_on(pool, x, epilogue, y, images, scratch);
  }
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
