// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <memory>  // std::unique_ptr

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::direct_convolution`, forwards, by code for the best instruction set of this processor.
///
/// Objects can be moved, not copied; all calls are const, and threads can share the object.
template <detail::compiled_scalar S>
class direct_convolution {
 public:
  /// @throws shape_error as the twin does, argument_error (unsupported) when this processor does
  ///         not run `instructions`
  explicit direct_convolution(const convolution_shape& shape,
                              instruction_set instructions = best_instruction_set())
      : shape_(shape),
        instructions_(instructions),
        code_(detail::made_by(detail::table_for<S>(instructions).make_direct_convolution, shape)) {}

  [[nodiscard]] const convolution_shape& shape() const noexcept { return shape_; }
  [[nodiscard]] instruction_set instructions() const noexcept { return instructions_; }
  /// Numbers of scratch memory that `forward` needs; depends on the instruction set.
  [[nodiscard]] Index scratch_size() const noexcept { return code_->scratch_size(); }

  /// y = epilogue(x * weights).
  /// @pre x: images x in x H x W, weights: out x in/groups x kH x kW, y: images x out x H' x W',
  ///      none overlapping; scratch: scratch_size() numbers
  void forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
               Index images, S* scratch) const noexcept {
    code_->forward(x, weights, epilogue, y, images, scratch);
  }

 private:
  convolution_shape shape_;
  instruction_set instructions_;
  std::unique_ptr<detail::compiled_direct_convolution<S>> code_;
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
