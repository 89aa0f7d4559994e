// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/gated_layer.hpp>
#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/matrix_product.hpp>

#include <Eigen/Core>

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::gated_linear` by code for the best instruction set of this processor.
///
/// Objects can be moved, not copied; all calls are const and use only the workspace they are given.
template <detail::compiled_scalar S>
class gated_linear : public detail::gated_layer<S, linear_shape> {
 public:
  /// `plane`: inputs of one channel, whose flag they share; 1 where each input has its own.
  /// @throws shape_error and argument_error as the twin does, argument_error (unsupported) when
  ///         this processor does not run `instructions`
  explicit gated_linear(const linear_shape& shape, Index plane = 1,
                        const gated_options& options = {},
                        instruction_set instructions = best_instruction_set())
      : gated_linear::gated_layer(
            shape, options, instructions,
            detail::made_by(detail::table_for<S>(instructions).make_gated_linear, shape, plane,
                            options)),
        plane_(plane) {}

  /// Inputs that share a flag.
  [[nodiscard]] Index plane() const noexcept { return plane_; }

 private:
  Index plane_;
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
