// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_format.hpp>

#include <Eigen/Core>

#include <memory>  // std::unique_ptr

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::sparse_linear` by code for the best instruction set of this processor.
///
/// Objects can be moved, not copied; all calls are const, and threads can share the object.
template <detail::compiled_scalar S>
class sparse_linear {
 public:
  /// @param weights out x in, row-major; only read here
  /// @throws shape_error as the twin does, argument_error (unsupported) when this processor does
  ///         not run `instructions`
  sparse_linear(const linear_shape& shape, const S* weights, sparse_format format,
                instruction_set instructions = best_instruction_set())
      : shape_(shape),
        format_(format),
        instructions_(instructions),
        code_(detail::made_by(detail::table_for<S>(instructions).make_sparse_linear, shape, weights,
                              format)) {}

  [[nodiscard]] const linear_shape& shape() const noexcept { return shape_; }
  [[nodiscard]] sparse_format format() const noexcept { return format_; }
  [[nodiscard]] instruction_set instructions() const noexcept { return instructions_; }
  /// Weights packed: those that are not zero, and the zeros that share a block with them.
  [[nodiscard]] Index packed_weights() const noexcept { return code_->packed_weights(); }
  /// Bytes that are read for one sample, beside the sample.
  [[nodiscard]] Index packed_bytes() const noexcept { return code_->packed_bytes(); }
  /// Numbers of scratch memory that `forward` needs; depends on the instruction set.
  [[nodiscard]] Index scratch_size() const noexcept { return code_->scratch_size(); }

  /// y = x * weights^T + bias, and zero where negative when `relu` is set; NaN stays NaN.
  /// @pre x: samples x in, bias: out or null, y: samples x out, not overlapping; scratch:
  ///      scratch_size() numbers
  void forward(const S* x, const S* bias, bool relu, S* y, Index samples,
               S* scratch) const noexcept {
    code_->forward(x, bias, relu, y, samples, scratch);
  }

 private:
  linear_shape shape_;
  sparse_format format_;
  instruction_set instructions_;
  std::unique_ptr<detail::compiled_sparse_linear<S>> code_;
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
