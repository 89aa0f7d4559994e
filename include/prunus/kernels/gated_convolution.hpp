// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/gated_layer.hpp>
#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/executed_work.hpp>

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::gated_convolution` by code for the best instruction set of this processor.
///
/// Objects can be moved, not copied; all calls are const and use only the workspace they are given.
template <detail::compiled_scalar S>
class gated_convolution : public detail::gated_layer<S, convolution_shape> {
 public:
  /// @throws shape_error and argument_error as the twin does, argument_error (unsupported) when
  ///         this processor does not run `instructions`
  explicit gated_convolution(const convolution_shape& shape, const gated_options& options = {},
                             instruction_set instructions = best_instruction_set())
      : gated_convolution::gated_layer(
            shape, options, instructions,
            detail::made_by(detail::table_for<S>(instructions).make_gated_convolution, shape,
                            options)) {}
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
