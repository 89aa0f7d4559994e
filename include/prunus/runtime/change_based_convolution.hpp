// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/runtime/change_detection.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/line_kernels.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill, std::max, std::min
#include <cmath>      // std::abs
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int32_t, std::uint8_t
#include <cstring>    // std::memchr
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// A convolution over the frames of a video that computes only the positions whose input changed.
///
///     prunus::change_based_convolution<float> convolution(shape, weights.data(),
///                                                         {.threshold = 0.05});
///     for (const auto& frame : video) {
///       convolution.forward(frame.data(), {.shift = bias, .relu = true});
///       use(convolution.output());
///     }
///
/// A pixel has changed where any channel differs from the reference by more than the threshold;
/// with cells, where the mean difference of the cell in any channel does, which forgives the noise
/// of a sensor. Every output that reads such a pixel is computed again, all channels at once, from
/// the reference after its update; all others keep their last value. The windows of those outputs
/// are gathered and multiplied together, so that the work follows their number; a row of outputs of
/// which a quarter is marked is computed as a whole, which is faster than gathering.
///
/// With `last_used` and cells of one pixel the outputs are at every time exactly the convolution of
/// an input that differs from the frame by at most the threshold: an output of channel o is off by
/// at most threshold * sum |weights of o| (times |scale|; a rectifier does not add to it). With a
/// threshold of 0 they are the convolution of the frame. The first frame is computed completely.
///
/// NaN: a pixel that is or was NaN counts as changed. The weights are copied; static pruning goes
/// before: compact the network first, then take its weights.
///
/// Cost: one comparison of the frame, and the recomputed share of the multiply-adds. No allocation
/// after construction.
///
/// @source our reading: of Tsai, Gao, Ruan, "An effective hybrid pruning architecture of dynamic
///         convolution for surveillance videos", JVCIR 70:102798, 2020, only the title was
///         available; change detection, reference update and the bound follow Cavigelli, Benini,
///         "CBinfer: Exploiting Frame-to-Frame Locality for Faster Convolutional Network Inference
///         on Video Streams", 2018
/// @deviation everything is our reading
template <std::floating_point S>
class change_based_convolution {
 public:
  /// @param weights out x in x kernel_height x kernel_width, row-major; copied
  /// @throws shape_error (shape_mismatch: see `validate`), argument_error (unsupported: groups;
  ///         out_of_range: a threshold below 0 or NaN, a cell below 1)
  change_based_convolution(const convolution_shape& shape, const S* weights,
                           const change_detection_options& options = {})
      : shape_((validate(shape), shape)),
        options_(options),
        pitch_(shape.width + 2 * shape.padding_width),
        plane_((shape.height + 2 * shape.padding_height) * pitch_),
        weights_(weights, weights + shape.weight_size()),
        reference_(static_cast<std::size_t>(shape.in_channels * plane_ + detail::lanes<S>)),
        output_(static_cast<std::size_t>(shape.out_size())),
        changed_(static_cast<std::size_t>(shape.height * shape.width)),
        recomputed_(static_cast<std::size_t>(shape.out_height() * shape.out_width())),
        lines_(static_cast<std::size_t>(shape.row_size() * together)),
        results_(static_cast<std::size_t>(shape.out_channels * result_pitch())) {
    if (shape.groups != 1)
      throw argument_error(
          errc::unsupported,
          detail::concat("change_based_convolution: ", shape.groups, " groups; use 1"));
    for (Index c = 0; c < shape.in_channels; ++c)
      for (Index a = 0; a < shape.kernel_height; ++a)
        for (Index b = 0; b < shape.kernel_width; ++b)
          taps_.push_back({static_cast<std::int32_t>(c * plane_ + a * pitch_ + b),
                           static_cast<std::int32_t>(taps_.size())});
    set_threshold(options.threshold);
    if (options.cell < 1)
      throw argument_error(errc::out_of_range,
                           detail::concat("change_based_convolution: cells of ", options.cell,
                                          " pixels; the edge must be at least 1"));
  }

  [[nodiscard]] const convolution_shape& shape() const noexcept { return shape_; }
  [[nodiscard]] const change_detection_options& options() const noexcept { return options_; }
  /// @throws argument_error (out_of_range) for a negative threshold or NaN
  void set_threshold(double threshold) {
    if (!(threshold >= 0))
      throw argument_error(errc::out_of_range,
                           detail::concat("change_based_convolution: a threshold of ", threshold,
                                          "; it must be 0 or more"));
    options_.threshold = threshold;
  }

  /// Forgets the video: the next frame is computed completely.
  void reset() noexcept { started_ = false; }

  /// Takes the next frame.
  /// @pre frame: in x height x width
  change_statistics forward(const S* frame, const channel_epilogue<S>& epilogue = {}) noexcept {
    if (started_)
      find_changes(frame);
    else
      std::fill(changed_.begin(), changed_.end(), std::uint8_t{1});
    return advance(frame, epilogue);
  }

  /// The same where it is known which pixels changed, such as from `recomputed()` of the layer
  /// before: nothing is compared, and the threshold plays no part.
  /// @param changed a byte for each pixel, 0 = exactly as in the frame before
  change_statistics forward(const S* frame, std::span<const std::uint8_t> changed,
                            const channel_epilogue<S>& epilogue = {}) noexcept {
    for (std::size_t i = 0; i < changed_.size(); ++i)
      changed_[i] = !started_ || changed[i] != 0 ? 1 : 0;
    return advance(frame, epilogue);
  }

  /// out x height x width, after the last frame.
  [[nodiscard]] std::span<const S> output() const noexcept { return output_; }
  /// Which positions of the output the last frame recomputed, a byte for each.
  [[nodiscard]] std::span<const std::uint8_t> recomputed() const noexcept { return recomputed_; }

 private:
  /// Positions that are gathered and multiplied together.
  static constexpr Index together = 4 * detail::lanes<S>;

  [[nodiscard]] S* reference_at(Index c, Index y, Index x) noexcept {
    return reference_.data() + c * plane_ + (y + shape_.padding_height) * pitch_ +
           shape_.padding_width + x;
  }

  void find_changes(const S* frame) noexcept {
    std::fill(changed_.begin(), changed_.end(), std::uint8_t{0});
    if (options_.cell > 1) return find_changed_cells(frame);
    const S threshold = static_cast<S>(options_.threshold);
    const Index width = shape_.width;
    for (Index c = 0; c < shape_.in_channels; ++c)
      for (Index y = 0; y < shape_.height; ++y, frame += width) {
        const S* const reference = reference_at(c, y, 0);
        std::uint8_t* const changed = changed_.data() + y * width;
        for (Index x = 0; x < width; ++x)  // a NaN is not within the threshold
          changed[x] |=
              static_cast<std::uint8_t>(!(std::abs(frame[x] - reference[x]) <= threshold));
      }
  }

  void find_changed_cells(const S* frame) noexcept {
    const Index cell = options_.cell, width = shape_.width;
    for (Index top = 0; top < shape_.height; top += cell)
      for (Index left = 0; left < width; left += cell) {
        const Index bottom = std::min(top + cell, shape_.height),
                    right = std::min(left + cell, width);
        bool changed = false;
        for (Index c = 0; c < shape_.in_channels && !changed; ++c) {
          S sum = 0;
          for (Index y = top; y < bottom; ++y) {
            const S* const line = frame + (c * shape_.height + y) * width;
            const S* const reference = reference_at(c, y, 0);
            for (Index x = left; x < right; ++x) sum += std::abs(line[x] - reference[x]);
          }
          changed = !(sum <= static_cast<S>(options_.threshold) *
                                 static_cast<S>((bottom - top) * (right - left)));
        }
        if (!changed) continue;
        for (Index y = top; y < bottom; ++y)
          std::fill_n(changed_.begin() + y * width + left, right - left, std::uint8_t{1});
      }
  }

  change_statistics advance(const S* frame, const channel_epilogue<S>& epilogue) noexcept {
    change_statistics result;
    for (const std::uint8_t changed : changed_) result.changed_pixels += changed;
    const bool all = !started_ || options_.reference == change_reference::last_frame;
    for (Index y = 0; y < shape_.height; ++y) update_reference(frame, y, all);
    // At first also the windows that hold nothing but padding.
    std::fill(recomputed_.begin(), recomputed_.end(), static_cast<std::uint8_t>(!started_));
    if (started_ && result.changed_pixels > 0) mark_readers();
    started_ = true;
    recompute(epilogue, result);
    return result;
  }

  /// Takes the changed pixels of a row, or all, over into the reference.
  void update_reference(const S* frame, Index y, bool all) noexcept {
    const Index width = shape_.width;
    const std::uint8_t* const changed = changed_.data() + y * width;
    if (!all && std::memchr(changed, 1, static_cast<std::size_t>(width)) == nullptr) return;
    for (Index c = 0; c < shape_.in_channels; ++c) {
      const S* const from = frame + (c * shape_.height + y) * width;
      S* const to = reference_at(c, y, 0);
      if (all)
        std::copy_n(from, width, to);
      else
        for (Index x = 0; x < width; ++x) to[x] = changed[x] != 0 ? from[x] : to[x];
    }
  }

  /// Marks the outputs whose window holds a changed pixel.
  void mark_readers() noexcept {
    const Index stride = shape_.stride_width, out_width = shape_.out_width();
    for (Index i = 0; i < shape_.out_height(); ++i)
      for (Index a = 0; a < shape_.kernel_height; ++a) {
        const Index y = i * shape_.stride_height + a - shape_.padding_height;
        if (y < 0 || y >= shape_.height) continue;
        std::uint8_t* const marked = recomputed_.data() + i * out_width;
        for (Index b = 0; b < shape_.kernel_width; ++b) {
          const Index shift = b - shape_.padding_width;
          const std::uint8_t* const changed = changed_.data() + y * shape_.width;
          const Index first = shift >= 0 ? 0 : (stride - 1 - shift) / stride;
          const Index last = std::min(out_width, (shape_.width - 1 - shift) / stride + 1);
          if (stride == 1)
            for (Index j = first; j < last; ++j) marked[j] |= changed[j + shift];
          else
            for (Index j = first; j < last; ++j) marked[j] |= changed[j * stride + shift];
        }
      }
  }

  /// Rows in which so many positions are marked are computed as a whole, without gathering.
  [[nodiscard]] bool pays_as_a_whole(Index marked) const noexcept {
    return shape_.stride_width == 1 && 4 * marked >= shape_.out_width();
  }

  void recompute(const channel_epilogue<S>& epilogue, change_statistics& result) noexcept {
    std::int32_t positions[std::size_t{together}];
    Index count = 0, computed = 0;
    const Index width = shape_.out_width();
    for (Index i = 0; i < shape_.out_height(); ++i) {
      std::uint8_t* const marks = recomputed_.data() + i * width;
      Index marked = 0;
      for (Index j = 0; j < width; ++j) marked += marks[j];
      const bool whole = marked > 0 && pays_as_a_whole(marked);
      // Below the threshold the reference moved on, too: all of the row may come out changed.
      if (whole && options_.reference == change_reference::last_frame) {
        std::fill_n(marks, width, std::uint8_t{1});
        marked = width;
      }
      result.recomputed_outputs += marked;
      if (marked == 0) continue;
      if (whole) {
        multiply_row(i, epilogue);
        computed += width;
        continue;
      }
      computed += marked;
      for (Index j = 0; j < width; ++j) {
        if (marks[j] == 0) continue;
        positions[count++] = static_cast<std::int32_t>(i * width + j);
        if (count < together) continue;
        multiply(positions, count, epilogue);
        count = 0;
      }
    }
    if (count > 0) multiply(positions, count, epilogue);
    result.macs = computed * shape_.out_channels * shape_.row_size();
  }

  /// From one channel of results to the next: gathered positions, or a row in whole registers.
  [[nodiscard]] Index result_pitch() const noexcept {
    return std::max(together, (shape_.out_width() + detail::lanes<S> - 1) / detail::lanes<S> *
                                  detail::lanes<S>);
  }

  /// results[o] = epilogue(sum of weight * lines[line]) for all output channels.
  template <class Taps>
  void sum_lines(const S* lines, const Taps& taps, Index positions,
                 const channel_epilogue<S>& epilogue) noexcept {
    const Index terms = shape_.row_size();
    for (Index o = 0; o < shape_.out_channels;) {
      const int tile = detail::next_tile_rows(shape_.out_channels - o);
      detail::with_tile_rows(tile, [&](auto rows) {
        detail::sum_of_lines<S, rows()>(lines, taps, weights_.data() + o * terms, terms,
                                        epilogue.from(o), results_.data() + o * result_pitch(),
                                        result_pitch(), positions);
      });
      o += tile;
    }
  }

  /// A row of outputs: its windows are shifted lines of the reference.
  void multiply_row(Index i, const channel_epilogue<S>& epilogue) noexcept {
    const Index width = shape_.out_width(), plane = width * shape_.out_height();
    sum_lines(reference_.data() + i * shape_.stride_height * pitch_,
              detail::tabled_taps{taps_.data(), static_cast<Index>(taps_.size())}, width, epilogue);
    for (Index o = 0; o < shape_.out_channels; ++o)
      std::copy_n(results_.data() + o * result_pitch(), width,
                  output_.data() + o * plane + i * width);
  }

  /// Gathers the windows of some outputs, a line for each weight, and sums the lines.
  void multiply(const std::int32_t* positions, Index count,
                const channel_epilogue<S>& epilogue) noexcept {
    std::int32_t windows[std::size_t{together}];
    for (Index t = 0; t < count; ++t) {
      const Index row = positions[t] / shape_.out_width(),
                  column = positions[t] % shape_.out_width();
      windows[t] = static_cast<std::int32_t>(row * shape_.stride_height * pitch_ +
                                             column * shape_.stride_width);
    }
    S* line = lines_.data();
    for (Index c = 0; c < shape_.in_channels; ++c)
      for (Index a = 0; a < shape_.kernel_height; ++a)
        for (Index b = 0; b < shape_.kernel_width; ++b, line += together) {
          const S* const from = reference_.data() + c * plane_ + a * pitch_ + b;
          for (Index t = 0; t < count; ++t) line[t] = from[windows[t]];
        }
    sum_lines(lines_.data(), detail::strided_taps{together, 1, shape_.row_size()}, count, epilogue);
    const Index plane = static_cast<Index>(recomputed_.size());
    for (Index o = 0; o < shape_.out_channels; ++o)
      for (Index t = 0; t < count; ++t)
        output_[static_cast<std::size_t>(o * plane + positions[t])] =
            results_[static_cast<std::size_t>(o * result_pitch() + t)];
  }

  convolution_shape shape_;
  change_detection_options options_;
  Index pitch_, plane_;  // of the reference, which has its padding around it
  std::vector<S> weights_, reference_, output_;
  std::vector<std::uint8_t> changed_, recomputed_;
  std::vector<S> lines_, results_;
  std::vector<detail::line_tap> taps_;  // of a row of outputs on the reference
  bool started_ = false;
};

}  // namespace v0
}  // namespace prunus
