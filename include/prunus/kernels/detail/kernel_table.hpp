// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <array>     // std::array
#include <concepts>  // std::same_as
#include <memory>    // std::unique_ptr

// What crosses the border between code for different instruction sets: pointers, plain structs and
// virtual calls. Nothing here is defined in a way that depends on the width of a register, no
// exception crosses, and what was allocated on one side is freed there, by its virtual destructor.

namespace prunus {
inline namespace v0 {

class thread_pool;

namespace detail {

/// The scalars that `prunus::kernels` is compiled for.
template <class S>
concept compiled_scalar = std::same_as<S, float> || std::same_as<S, double>;

template <class S>
struct compiled_direct_convolution {
  virtual ~compiled_direct_convolution() = default;
  [[nodiscard]] virtual Index scratch_size() const noexcept = 0;
  virtual void forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                       Index images, S* scratch) const noexcept = 0;
};

template <class S>
struct compiled_sparse_layer {
  virtual ~compiled_sparse_layer() = default;
  [[nodiscard]] virtual Index packed_weights() const noexcept = 0;
  [[nodiscard]] virtual Index packed_bytes() const noexcept = 0;
  [[nodiscard]] virtual Index scratch_size() const noexcept = 0;
  /// On the caller's thread alone where `pool` is null, as it is for linear layers.
  virtual void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index samples,
                       S* scratch, thread_pool* pool) const = 0;
};

/// Memory of one caller of a gated kernel; belongs to the kernel that made it.
struct compiled_workspace {
  virtual ~compiled_workspace() = default;
};

template <class S>
struct compiled_gated_layer {
  virtual ~compiled_gated_layer() = default;
  [[nodiscard]] virtual std::unique_ptr<compiled_workspace> make_workspace() const noexcept = 0;
  virtual executed_work forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue,
                                S* y, Index samples, const open_channels& open,
                                compiled_workspace& work) const noexcept = 0;
};

/// Why nothing was made: an error of the library, or, with `code` left at zero, no memory.
struct kernel_failure {
  errc code{};
  std::array<char, 384> message{};  ///< ends with a zero
};

/// The kernels for one instruction set. What makes an object returns null when it fails.
template <class S>
struct kernel_table {
  std::unique_ptr<compiled_direct_convolution<S>> (*make_direct_convolution)(
      kernel_failure&, const convolution_shape&) noexcept;
  std::unique_ptr<compiled_sparse_layer<S>> (*make_sparse_convolution)(kernel_failure&,
                                                                       const convolution_shape&,
                                                                       const S* weights,
                                                                       sparse_format) noexcept;
  std::unique_ptr<compiled_sparse_layer<S>> (*make_sparse_linear)(kernel_failure&,
                                                                  const linear_shape&,
                                                                  const S* weights,
                                                                  sparse_format) noexcept;
  std::unique_ptr<compiled_gated_layer<S>> (*make_gated_convolution)(kernel_failure&,
                                                                     const convolution_shape&,
                                                                     const gated_options&) noexcept;
  std::unique_ptr<compiled_gated_layer<S>> (*make_gated_linear)(kernel_failure&,
                                                                const linear_shape&, Index plane,
                                                                const gated_options&) noexcept;
  Index (*linear_scratch_size)(const linear_shape&) noexcept;
  void (*linear_forward)(const linear_shape&, const S* x, const S* weights,
                         const channel_epilogue<S>&, S* y, Index samples, S* scratch) noexcept;
};

/// What the code for one instruction set exports, through one function and nothing else.
struct kernel_tables {
  kernel_table<float> of_float;
  kernel_table<double> of_double;
};

/// @throws argument_error (unsupported) when `is_supported(instructions)` is false
[[nodiscard]] const kernel_tables& kernels_for(instruction_set instructions);

/// Throws what a failure stands for.
[[noreturn]] void raise(const kernel_failure& failure);

template <compiled_scalar S>
[[nodiscard]] const kernel_table<S>& table_for(instruction_set instructions) {
  const kernel_tables& tables = kernels_for(instructions);
  if constexpr (std::same_as<S, float>)
    return tables.of_float;
  else
    return tables.of_double;
}

/// What `make(failure, arguments...)` makes.
/// @throws what it failed of
template <class Made, class... Parameters, class... Arguments>
[[nodiscard]] std::unique_ptr<Made> made_by(std::unique_ptr<Made> (*make)(kernel_failure&,
                                                                          Parameters...) noexcept,
                                            const Arguments&... arguments) {
  kernel_failure failure;
  std::unique_ptr<Made> made = make(failure, arguments...);
  if (made == nullptr) raise(failure);
  return made;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
