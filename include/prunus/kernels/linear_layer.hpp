// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::linear_forward`, the product with a matrix of weights, by code for the best instruction
/// set of this processor:
///
///     const prunus::dispatched::linear_layer<float> layer{{.in = 512, .out = 10}};
///     std::vector<float> scratch(layer.scratch_size());
///     layer.forward(x, weights, {.shift = bias}, y, samples, scratch.data());
template <detail::compiled_scalar S>
class linear_layer {
 public:
  /// @throws shape_error (shape_mismatch) for extents below 1, argument_error (unsupported) when
  ///         this processor does not run `instructions`
  explicit linear_layer(const linear_shape& shape,
                        instruction_set instructions = best_instruction_set())
      : shape_(shape), instructions_(instructions), table_(&detail::table_for<S>(instructions)) {
    if (shape.in < 1 || shape.out < 1)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("linear_layer: ", shape.out, " x ", shape.in,
                                       " weights; both extents must be at least 1"));
  }

  [[nodiscard]] const linear_shape& shape() const noexcept { return shape_; }
  [[nodiscard]] instruction_set instructions() const noexcept { return instructions_; }
  /// Numbers of scratch memory that `forward` needs; depends on the instruction set.
  [[nodiscard]] Index scratch_size() const noexcept { return table_->linear_scratch_size(shape_); }

  /// y = epilogue(x * weights^T).
  /// @pre x: samples x in, weights: out x in, y: samples x out, scratch: scratch_size(), none
  ///      overlapping
  void forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
               Index samples, S* scratch) const noexcept {
    table_->linear_forward(shape_, x, weights, epilogue, y, samples, scratch);
  }

 private:
  linear_shape shape_;
  instruction_set instructions_;
  const detail::kernel_table<S>* table_;
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
