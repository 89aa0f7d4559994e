// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <memory>   // std::unique_ptr
#include <new>      // std::bad_alloc
#include <utility>  // std::move

namespace prunus {
inline namespace v0 {
namespace detail {

/// What the dispatched gated layers share. Objects can be moved, not copied; all calls are const
/// and use only the workspace they are given.
template <compiled_scalar S, class Shape>
class gated_layer {
 public:
  /// Memory of one caller of `forward`, which alone the layer can make; can be moved.
  class workspace {
    friend gated_layer;
    explicit workspace(std::unique_ptr<compiled_workspace> memory) : memory_(std::move(memory)) {
      if (memory_ == nullptr) throw std::bad_alloc();
    }
    std::unique_ptr<compiled_workspace> memory_;
  };

  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] const gated_options& options() const noexcept { return options_; }
  [[nodiscard]] instruction_set instructions() const noexcept { return instructions_; }
  /// @throws std::bad_alloc
  [[nodiscard]] workspace make_workspace() const { return workspace(code_->make_workspace()); }

  /// y = epilogue(layer(x)) over the open inputs where the output is open, else 0.
  /// @pre x: samples x in, y: samples x out, weights as for the twin, none overlapping; flags as
  /// for
  ///      the twin; work: made by this object, or by one of the same shape and instructions
  /// @returns what was executed
  executed_work forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                        Index samples, const open_channels& open, workspace& work) const noexcept {
    return code_->forward(x, weights, epilogue, y, samples, open, *work.memory_);
  }

 protected:
  gated_layer(const Shape& shape, const gated_options& options, instruction_set instructions,
              std::unique_ptr<compiled_gated_layer<S>> code)
      : shape_(shape), options_(options), instructions_(instructions), code_(std::move(code)) {}

 private:
  Shape shape_;
  gated_options options_;
  instruction_set instructions_;
  std::unique_ptr<compiled_gated_layer<S>> code_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
