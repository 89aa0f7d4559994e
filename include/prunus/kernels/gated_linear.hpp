// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/gated_workspace.hpp>
#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/matrix_product.hpp>

#include <Eigen/Core>

#include <memory>  // std::unique_ptr

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::gated_linear` by code for the best instruction set of this processor.
///
/// Objects can be moved, not copied; all calls are const and use only the workspace they are given.
template <detail::compiled_scalar S>
class gated_linear {
 public:
  /// Memory of one caller of `forward`; can be moved.
  using workspace = detail::gated_workspace<gated_linear>;

  /// `plane`: inputs of one channel, whose flag they share; 1 where each input has its own.
  /// @throws shape_error and argument_error as the twin does, argument_error (unsupported) when
  ///         this processor does not run `instructions`
  explicit gated_linear(const linear_shape& shape, Index plane = 1,
                        const gated_options& options = {},
                        instruction_set instructions = best_instruction_set())
      : shape_(shape),
        plane_(plane),
        options_(options),
        instructions_(instructions),
        code_(detail::made_by(detail::table_for<S>(instructions).make_gated_linear, shape, plane,
                              options)) {}

  [[nodiscard]] const linear_shape& shape() const noexcept { return shape_; }
  /// Inputs that share a flag.
  [[nodiscard]] Index plane() const noexcept { return plane_; }
  [[nodiscard]] const gated_options& options() const noexcept { return options_; }
  [[nodiscard]] instruction_set instructions() const noexcept { return instructions_; }
  /// @throws std::bad_alloc
  [[nodiscard]] workspace make_workspace() const { return workspace(code_->make_workspace()); }

  /// y = x * weights^T + bias over the open inputs where the output is open, else 0.
  /// @pre x: samples x in, weights: out x in, bias: out or null, y: samples x out, none
  ///      overlapping; flags: samples x in / plane and samples x out; work: made by this object, or
  ///      by one of the same shape and instructions
  /// @returns what was executed; closed inputs that ride along in a register are counted
  executed_work forward(const S* x, const S* weights, const S* bias, bool relu, S* y, Index samples,
                        const open_channels& open, workspace& work) const noexcept {
    return code_->forward(x, weights, {bias, relu}, y, samples, open, work.memory());
  }

 private:
  linear_shape shape_;
  Index plane_;
  gated_options options_;
  instruction_set instructions_;
  std::unique_ptr<typename detail::kernel_table<S>::gated_linear_layer> code_;
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
