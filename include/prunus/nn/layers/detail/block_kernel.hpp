// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/inference_kernel.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <memory>   // std::shared_ptr
#include <utility>  // std::move

namespace prunus {
inline namespace v0 {
namespace detail {

/// Computes a layer at inference in its place; may keep what it likes from batch to batch.
template <class S>
class block_kernel {
 public:
  virtual ~block_kernel() = default;
  [[nodiscard]] virtual Index scratch_size() const noexcept = 0;
  /// y = epilogue(layer(x)) for the samples of a block, whose first lies at x and y. Blocks of
  /// several shards come at the same time.
  virtual void forward(const S* x, const channel_epilogue<S>& epilogue, S* y,
                       const sample_block<S>& block) = 0;
  /// Where it leaves its results instead of y, always the same place; null: in y.
  [[nodiscard]] virtual const S* result() const noexcept = 0;

 protected:
  block_kernel() = default;
  block_kernel(const block_kernel&) = default;
  block_kernel& operator=(const block_kernel&) = default;
};

/// A kernel of the user, which knows no blocks.
template <class S>
class user_kernel final : public block_kernel<S> {
 public:
  explicit user_kernel(std::shared_ptr<const nn::inference_kernel<S>> kernel)
      : kernel_(std::move(kernel)) {}
  [[nodiscard]] Index scratch_size() const noexcept override { return kernel_->scratch_size(); }
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y,
               const sample_block<S>& block) override {
    kernel_->forward(x, epilogue, y, block.count, block.scratch);
  }
  [[nodiscard]] const S* result() const noexcept override { return nullptr; }

 private:
  std::shared_ptr<const nn::inference_kernel<S>> kernel_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
