// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/runtime/thread_pool.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <memory>  // std::unique_ptr

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::sparse_convolution` by code for the best instruction set of this processor:
///
///     prunus::dispatched::sparse_convolution<float> convolution{
///         {.in_channels = 64, ...}, weights.data(), prunus::formats::blocks_of<8>{}};
///     std::vector<float> scratch(convolution.scratch_size());
///     convolution.forward(x, {.shift = bias, .relu = true}, y, images, scratch.data());
///
/// Objects can be moved, not copied; all calls are const, and threads can share the object. Packed
/// for one instruction set, the weights are of no use to another.
template <detail::compiled_scalar S>
class sparse_convolution {
 public:
  /// @param weights out x in/groups x kernel_height x kernel_width, row-major; only read here
  /// @throws shape_error as the twin does, argument_error (unsupported) when this processor does
  ///         not run `instructions`
  sparse_convolution(const convolution_shape& shape, const S* weights, sparse_format format,
                     instruction_set instructions = best_instruction_set())
      : shape_(shape),
        format_(format),
        instructions_(instructions),
        code_(detail::made_by(detail::table_for<S>(instructions).make_sparse_convolution, shape,
                              weights, format)) {}

  [[nodiscard]] const convolution_shape& shape() const noexcept { return shape_; }
  [[nodiscard]] sparse_format format() const noexcept { return format_; }
  [[nodiscard]] instruction_set instructions() const noexcept { return instructions_; }
  /// Weights packed: those that are not zero, and the zeros that share a block with them.
  [[nodiscard]] Index packed_weights() const noexcept { return code_->packed_weights(); }
  /// Numbers of scratch memory that `forward` needs; depends on the instruction set.
  [[nodiscard]] Index scratch_size() const noexcept { return code_->scratch_size(); }

  /// y = epilogue(x * weights).
  /// @pre x: images x in x H x W, y: images x out x H' x W', not overlapping; scratch:
  ///      scratch_size() numbers
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index images,
               S* scratch) const noexcept {
    code_->forward(x, epilogue, y, images, scratch, nullptr);
  }
  /// The same on several threads, which share the output channels.
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index images, S* scratch,
               thread_pool& pool) const {
    code_->forward(x, epilogue, y, images, scratch, &pool);
  }

 private:
  convolution_shape shape_;
  sparse_format format_;
  instruction_set instructions_;
  std::unique_ptr<detail::compiled_sparse_convolution<S>> code_;
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
