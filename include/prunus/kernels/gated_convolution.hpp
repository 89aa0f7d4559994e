// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/gated_workspace.hpp>
#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <memory>  // std::unique_ptr

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::gated_convolution` by code for the best instruction set of this processor.
///
/// Objects can be moved, not copied; all calls are const and use only the workspace they are given.
template <detail::compiled_scalar S>
class gated_convolution {
 public:
  /// Memory of one caller of `forward`; can be moved.
  using workspace = detail::gated_workspace<gated_convolution>;

  /// @throws shape_error and argument_error as the twin does, argument_error (unsupported) when
  ///         this processor does not run `instructions`
  explicit gated_convolution(const convolution_shape& shape, const gated_options& options = {},
                             instruction_set instructions = best_instruction_set())
      : shape_(shape),
        options_(options),
        instructions_(instructions),
        code_(detail::made_by(detail::table_for<S>(instructions).make_gated_convolution, shape,
                              options)) {}

  [[nodiscard]] const convolution_shape& shape() const noexcept { return shape_; }
  [[nodiscard]] const gated_options& options() const noexcept { return options_; }
  [[nodiscard]] instruction_set instructions() const noexcept { return instructions_; }
  /// @throws std::bad_alloc
  [[nodiscard]] workspace make_workspace() const { return workspace(code_->make_workspace()); }

  /// y = epilogue(x * weights) over the open channels, 0 in the closed ones.
  /// @pre x: images x in x H x W, weights: out x in/groups x kH x kW, y: images x out x H' x W',
  ///      none overlapping; work: made by this object, or by one of the same shape and instructions
  /// @returns what was executed
  executed_work forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                        Index images, const open_channels& open, workspace& work) const noexcept {
    return code_->forward(x, weights, epilogue, y, images, open, work.memory());
  }

 private:
  convolution_shape shape_;
  gated_options options_;
  instruction_set instructions_;
  std::unique_ptr<typename detail::kernel_table<S>::gated_convolution_layer> code_;
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
