// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/change_based_convolution.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/pooling.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill
#include <cmath>      // std::sqrt
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// A convolution with all that happens to its values before the next layer reads them.
template <class S>
class change_based_convolution_layer {
 public:
  /// @param bias null for none
  /// @param compares whether it looks for changes itself, or is told them by the layer before
  change_based_convolution_layer(const convolution_shape& shape, const S* weights, const S* bias,
                                 const change_detection_options& options, bool compares)
      : convolution_(shape, weights, options),
        scale_(static_cast<std::size_t>(shape.out_channels), S(1)),
        shift_(scale_.size(), S(0)),
        compares_(compares) {
    if (bias != nullptr) shift_.assign(bias, bias + shape.out_channels);
  }

  /// Folds a batch normalisation behind it, by its running statistics.
  void normalize(const S* scale, const S* shift, const S* mean, const S* variance, double epsilon) {
    for (std::size_t c = 0; c < scale_.size(); ++c) {
      const S factor = static_cast<S>(static_cast<double>(scale[c]) /
                                      std::sqrt(static_cast<double>(variance[c]) + epsilon));
      scale_[c] *= factor;
      shift_[c] = (shift_[c] - mean[c]) * factor + shift[c];
    }
  }
  void rectify() noexcept { relu_ = true; }
  [[nodiscard]] bool rectified() const noexcept { return relu_; }
  [[nodiscard]] bool compares() const noexcept { return compares_; }
  [[nodiscard]] double threshold() const noexcept { return convolution_.options().threshold; }
  void set_threshold(double threshold) { convolution_.set_threshold(threshold); }
  void reset() noexcept { convolution_.reset(); }

  change_statistics forward(const S* x, std::span<const std::uint8_t> changed) noexcept {
    const channel_epilogue<S> epilogue{scale_.data(), shift_.data(), relu_};
    return compares_ ? convolution_.forward(x, epilogue)
                     : convolution_.forward(x, changed, epilogue);
  }
  [[nodiscard]] const convolution_shape& shape() const noexcept { return convolution_.shape(); }
  [[nodiscard]] std::span<const S> output() const noexcept { return convolution_.output(); }
  [[nodiscard]] std::span<const std::uint8_t> recomputed() const noexcept {
    return convolution_.recomputed();
  }

 private:
  change_based_convolution<S> convolution_;
  std::vector<S> scale_, shift_;
  bool relu_ = false, compares_;
};

/// A max pooling that looks only at windows in which something was recomputed.
template <class S>
class change_based_max_pooling {
 public:
  change_based_max_pooling(const pooling_shape& shape, Index planes)
      : shape_(shape),
        planes_(planes),
        output_(static_cast<std::size_t>(planes * shape.out_plane())),
        recomputed_(static_cast<std::size_t>(shape.out_plane())) {
    windows_.reserve(recomputed_.size());
  }

  /// @pre changed: a byte for each position of x
  change_statistics forward(const S* x, std::span<const std::uint8_t> changed) noexcept {
    change_statistics result;
    for (const std::uint8_t one : changed) result.changed_pixels += one != 0;
    windows_.clear();
    std::fill(recomputed_.begin(), recomputed_.end(), std::uint8_t{0});
    if (result.changed_pixels == 0) return result;
    for_each_window(shape_, [&](Index out, Index top, Index bottom, Index left, Index right) {
      bool any = false;
      for (Index row = top; row < bottom; ++row)
        for (Index column = left; column < right; ++column)
          any |= changed[static_cast<std::size_t>(row * shape_.width + column)] != 0;
      if (!any) return;
      recomputed_[static_cast<std::size_t>(out)] = 1;
      windows_.push_back({out, top, bottom, left, right});
    });
    result.recomputed_outputs = static_cast<Index>(windows_.size());
    S* y = output_.data();
    if (result.recomputed_outputs == shape_.out_plane()) {
      max_pooling_forward(shape_, x, y, planes_);
      return result;
    }
    for (Index p = 0; p < planes_; ++p, x += shape_.in_plane(), y += shape_.out_plane())
      for (const window& w : windows_)
        y[w.out] = x[position_of_maximum(x, shape_.width, w.top, w.bottom, w.left, w.right)];
    return result;
  }
  void reset() noexcept {}  // the convolution before it, recomputed, makes it recompute

  [[nodiscard]] std::span<const S> output() const noexcept { return output_; }
  [[nodiscard]] std::span<const std::uint8_t> recomputed() const noexcept { return recomputed_; }

 private:
  struct window {
    Index out, top, bottom, left, right;
  };
  pooling_shape shape_;
  Index planes_;
  std::vector<S> output_;
  std::vector<std::uint8_t> recomputed_;
  std::vector<window> windows_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
