// SPDX-License-Identifier: MIT
// The kernels for one instruction set. Compiled once for each, with the flags for it; the build
// then makes everything in it local but the function at its end. See cmake/kernels.cmake.
#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/runtime/gated_linear.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_convolution.hpp>
#include <prunus/runtime/sparse_linear.hpp>
#include <prunus/runtime/thread_pool.hpp>

#include <algorithm>    // std::min
#include <cstddef>      // std::size_t
#include <exception>    // std::exception
#include <memory>       // std::make_unique, std::unique_ptr
#include <string_view>  // std::string_view
#include <utility>      // std::move

namespace prunus {
inline namespace v0 {
namespace detail {
namespace {

template <class S>
struct direct_convolution_code final : compiled_direct_convolution<S> {
  explicit direct_convolution_code(const convolution_shape& shape) : kernel(shape) {}
  [[nodiscard]] Index scratch_size() const noexcept override { return kernel.scratch_size(); }
  void forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
               Index images, S* scratch) const noexcept override {
    kernel.forward(x, weights, epilogue, y, images, scratch);
  }
  direct_convolution<S> kernel;
};

template <class S, class Kernel>
struct sparse_layer_code final : compiled_sparse_layer<S> {
  template <class Shape>
  sparse_layer_code(const Shape& shape, const S* weights, sparse_format format)
      : kernel(shape, weights, format) {}
  [[nodiscard]] Index packed_weights() const noexcept override { return kernel.packed_weights(); }
  [[nodiscard]] Index packed_bytes() const noexcept override { return kernel.packed_bytes(); }
  [[nodiscard]] Index scratch_size() const noexcept override { return kernel.scratch_size(); }
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index samples, S* scratch,
               [[maybe_unused]] thread_pool* pool) const override {
    if constexpr (requires { kernel.forward(x, epilogue, y, samples, scratch, *pool); })
      if (pool != nullptr) return kernel.forward(x, epilogue, y, samples, scratch, *pool);
    kernel.forward(x, epilogue, y, samples, scratch);
  }
  Kernel kernel;
};

template <class Kernel>
struct workspace_code final : compiled_workspace {
  explicit workspace_code(const Kernel& kernel) : work(kernel.make_workspace()) {}
  typename Kernel::workspace work;
};

template <class S, class Kernel>
struct gated_layer_code final : compiled_gated_layer<S> {
  template <class... Arguments>
  explicit gated_layer_code(const Arguments&... arguments) : kernel(arguments...) {}
  [[nodiscard]] std::unique_ptr<compiled_workspace> make_workspace() const noexcept override try {
    return std::make_unique<workspace_code<Kernel>>(kernel);
  } catch (const std::exception&) {
    return nullptr;
  }
  executed_work forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                        Index samples, const open_channels& open,
                        compiled_workspace& work) const noexcept override {
    return kernel.forward(x, weights, epilogue, y, samples, open,
                          static_cast<workspace_code<Kernel>&>(work).work);
  }
  Kernel kernel;
};

/// A function for the table: makes a `Code` and turns what it throws into a failure.
template <class Code, class Made, class... Arguments>
std::unique_ptr<Made> make(kernel_failure& failure, Arguments... arguments) noexcept {
  try {
    return std::make_unique<Code>(arguments...);
  } catch (const error& problem) {
    failure.code = problem.code();
    const std::string_view text = problem.what();
    text.copy(failure.message.data(), failure.message.size() - 1);
  } catch (const std::exception&) {  // no memory
  }
  return nullptr;
}

template <class S>
constexpr kernel_table<S> table = {
    make<direct_convolution_code<S>, compiled_direct_convolution<S>, const convolution_shape&>,
    make<sparse_layer_code<S, sparse_convolution<S>>, compiled_sparse_layer<S>,
         const convolution_shape&, const S*, sparse_format>,
    make<sparse_layer_code<S, sparse_linear<S>>, compiled_sparse_layer<S>, const linear_shape&,
         const S*, sparse_format>,
    make<gated_layer_code<S, gated_convolution<S>>, compiled_gated_layer<S>,
         const convolution_shape&, const gated_options&>,
    make<gated_layer_code<S, gated_linear<S>>, compiled_gated_layer<S>, const linear_shape&, Index,
         const gated_options&>,
    [](const linear_shape& shape) noexcept { return prunus::linear_scratch_size<S>(shape); },
    prunus::linear_forward<S>,
};

constexpr kernel_tables tables = {table<float>, table<double>};

}  // namespace
}  // namespace detail
}  // namespace v0
}  // namespace prunus

// The build renames it for the instruction set. Hidden: two shared libraries that hold the kernels
// must not take each other's.
extern "C" [[gnu::visibility("hidden")]] const prunus::detail::kernel_tables*
prunus_v0_kernels() noexcept;

const prunus::detail::kernel_tables* prunus_v0_kernels() noexcept {
  return &prunus::detail::tables;
}
