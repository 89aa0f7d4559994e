// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/layers/detail/block_kernel.hpp>
#include <prunus/runtime/change_based_convolution.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/pooling.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// A layer over the frames of a video, which computes what changed. One frame is one batch of one.
template <class S>
class change_based_kernel : public block_kernel<S> {
 public:
  [[nodiscard]] Index scratch_size() const noexcept final { return 0; }
  /// What the last frame cost, and which positions of the output it recomputed, a byte for each.
  [[nodiscard]] const change_statistics& last() const noexcept { return last_; }
  [[nodiscard]] virtual std::span<const std::uint8_t> recomputed() const noexcept = 0;
  virtual void reset() noexcept = 0;

 protected:
  change_statistics last_;
};

template <class S>
class change_based_convolution_kernel final : public change_based_kernel<S> {
 public:
  /// @param told_by the layer before, where this one looks for no changes of its own; or null
  change_based_convolution_kernel(const convolution_shape& shape, const S* weights,
                                  const change_detection_options& options,
                                  const change_based_kernel<S>* told_by)
      : convolution_(shape, weights, options), told_by_(told_by) {}

  [[nodiscard]] double threshold() const noexcept { return convolution_.options().threshold; }
  void set_threshold(double threshold) { convolution_.set_threshold(threshold); }

  void forward(const S* x, const channel_epilogue<S>& epilogue, S*,
               const sample_block<S>&) override {
    this->last_ = told_by_ == nullptr ? convolution_.forward(x, epilogue)
                                      : convolution_.forward(x, told_by_->recomputed(), epilogue);
  }
  [[nodiscard]] const S* result() const noexcept override { return convolution_.output().data(); }
  [[nodiscard]] std::span<const std::uint8_t> recomputed() const noexcept override {
    return convolution_.recomputed();
  }
  void reset() noexcept override { convolution_.reset(); }

 private:
  change_based_convolution<S> convolution_;
  const change_based_kernel<S>* told_by_;
};

/// Looks only at windows in which something was recomputed; y still holds the others.
template <class S>
class change_based_max_pooling_kernel final : public change_based_kernel<S> {
 public:
  change_based_max_pooling_kernel(const pooling_shape& shape, Index planes,
                                  const change_based_kernel<S>& before)
      : shape_(shape),
        planes_(planes),
        before_(&before),
        recomputed_(static_cast<std::size_t>(shape.out_plane())) {
    windows_.reserve(recomputed_.size());
  }

  void forward(const S* x, const channel_epilogue<S>&, S* y, const sample_block<S>&) override {
    const std::span<const std::uint8_t> changed = before_->recomputed();
    this->last_ = {};
    for (const std::uint8_t one : changed) this->last_.changed_pixels += one != 0;
    windows_.clear();
    std::fill(recomputed_.begin(), recomputed_.end(), std::uint8_t{0});
    if (this->last_.changed_pixels == 0) return;
    for_each_window(shape_, [&](Index out, Index top, Index bottom, Index left, Index right) {
      bool any = false;
      for (Index row = top; row < bottom; ++row)
        for (Index column = left; column < right; ++column)
          any |= changed[static_cast<std::size_t>(row * shape_.width + column)] != 0;
      if (!any) return;
      recomputed_[static_cast<std::size_t>(out)] = 1;
      windows_.push_back({out, top, bottom, left, right});
    });
    this->last_.recomputed_outputs = static_cast<Index>(windows_.size());
    if (this->last_.recomputed_outputs == shape_.out_plane())
      return max_pooling_forward(shape_, x, y, planes_);
    for (Index p = 0; p < planes_; ++p, x += shape_.in_plane(), y += shape_.out_plane())
      for (const window& w : windows_)
        y[w.out] = x[position_of_maximum(x, shape_.width, w.top, w.bottom, w.left, w.right)];
  }
  [[nodiscard]] const S* result() const noexcept override { return nullptr; }
  [[nodiscard]] std::span<const std::uint8_t> recomputed() const noexcept override {
    return recomputed_;
  }
  void reset() noexcept override {}  // the convolution before it, recomputed, makes it recompute

 private:
  struct window {
    Index out, top, bottom, left, right;
  };
  pooling_shape shape_;
  Index planes_;
  const change_based_kernel<S>* before_;
  std::vector<std::uint8_t> recomputed_;
  std::vector<window> windows_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
