// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/detail/sparse_layer.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_format.hpp>

#include <Eigen/Core>

namespace prunus {
inline namespace v0 {
namespace dispatched {

/// `prunus::sparse_linear` by code for the best instruction set of this processor, in one of the
/// library's formats.
///
/// Objects can be moved, not copied; all calls are const, and threads can share the object.
template <detail::compiled_scalar S>
class sparse_linear : public detail::sparse_layer<S, linear_shape> {
 public:
  /// @param weights out x in, row-major; only read here
  /// @throws shape_error as the twin does, argument_error (unsupported) when this processor does
  ///         not run `instructions`
  sparse_linear(const linear_shape& shape, const S* weights, sparse_format format,
                instruction_set instructions = best_instruction_set())
      : sparse_linear::sparse_layer(
            shape, format, instructions,
            detail::made_by(detail::table_for<S>(instructions).make_sparse_linear, shape, weights,
                            format)) {}
};

}  // namespace dispatched
}  // namespace v0
}  // namespace prunus
