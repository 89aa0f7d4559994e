// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/runtime/thread_pool.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <memory>   // std::unique_ptr
#include <utility>  // std::move

namespace prunus {
inline namespace v0 {
namespace detail {

/// What the dispatched sparse layers share. Objects can be moved, not copied; all calls are const,
/// and threads can share the object.
template <compiled_scalar S, class Shape>
class sparse_layer {
 public:
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] sparse_format format() const noexcept { return format_; }
  [[nodiscard]] instruction_set instructions() const noexcept { return instructions_; }
  /// Weights packed: those that are not zero, and the zeros that share a block with them.
  [[nodiscard]] Index packed_weights() const noexcept { return code_->packed_weights(); }
  /// Bytes of them and of what tells where they belong.
  [[nodiscard]] Index packed_bytes() const noexcept { return code_->packed_bytes(); }
  /// Numbers of scratch memory that `forward` needs; depends on the instruction set.
  [[nodiscard]] Index scratch_size() const noexcept { return code_->scratch_size(); }

  /// y = epilogue(layer(x)).
  /// @pre x: samples x in, y: samples x out, not overlapping; scratch: scratch_size() numbers
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index samples,
               S* scratch) const noexcept {
    code_->forward(x, epilogue, y, samples, scratch, nullptr);
  }

 protected:
  sparse_layer(const Shape& shape, sparse_format format, instruction_set instructions,
               std::unique_ptr<compiled_sparse_layer<S>> code)
      : shape_(shape), format_(format), instructions_(instructions), code_(std::move(code)) {}

  void forward_on(thread_pool& pool, const S* x, const channel_epilogue<S>& epilogue, S* y,
                  Index samples, S* scratch) const {
    code_->forward(x, epilogue, y, samples, scratch, &pool);
  }

 private:
  Shape shape_;
  sparse_format format_;
  instruction_set instructions_;
  std::unique_ptr<compiled_sparse_layer<S>> code_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
