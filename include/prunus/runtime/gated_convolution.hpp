// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/detail/convolution_grid.hpp>
#include <prunus/runtime/detail/gated_kernels.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::clamp, std::copy_n, std::fill_n, std::max
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int32_t, std::uint8_t
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// 2-D cross-correlation that computes, of each sample, the open outputs from the open inputs and
/// nothing else:
///
///     y[n][o] = epilogue_o(sum over open c of weights[o][c] * x[n][c])   where o is open, else 0
///
/// Closed input channels are not read, closed output channels are not computed: their values are
/// zero, whatever the epilogue would make of zero. Samples of one batch may differ. The planes of
/// the open inputs are laid side by side, the taps that read them are listed, and the weights of
/// the open outputs are multiplied where they stand, eight outputs at a time; no weight is copied.
///
/// Where nearly everything is open the dense kernel is faster. A sample whose open share of the
/// multiply-adds reaches `gated_options::dense_from` is computed by `direct_convolution`, the dense
/// twin, from a copy whose closed inputs are zero, and the result says so: the values are the same.
///
///     prunus::gated_convolution<float> convolution{shape};
///     auto work = convolution.make_workspace();  // once, one a thread
///     const prunus::executed_work run = convolution.forward(x, weights, {.relu = true}, y, images,
///                                                       {.inputs = open, .outputs = wanted},
///                                                       work);
///
/// All calls are const and use only the workspace they are given, so that threads can share the
/// object. No call allocates but `make_workspace`.
/// NaN and infinity in a weight of a closed channel may show in samples computed dense.
template <std::floating_point S>
class gated_convolution {
 public:
  /// Memory of one caller of `forward`.
  class workspace {
    friend class gated_convolution;
    std::vector<S> numbers_, scale_, shift_;
    std::vector<detail::line_tap> taps_;
    std::vector<Index> inputs_, outputs_;
  };

  /// @throws shape_error (shape_mismatch: see `validate`; a grid of more than 2^31 numbers),
  ///         argument_error (out_of_range: `dense_from` is negative or NaN)
  explicit gated_convolution(const convolution_shape& shape, const gated_options& options = {})
      : dense_(shape),
        options_(detail::checked_options(options, "gated_convolution")),
        grid_(shape, detail::lanes<S>, 1, 1),
        channel_grid_(grid_) {
    channel_grid_.shape.in_channels = channel_grid_.shape.groups = 1;
    lines_ = grid_.forward_taps();
    const Index most = Index{1} << 17;  // numbers copied at once for the dense twin
    dense_block_ = std::clamp(most / shape.in_size(), Index{1}, Index{64});
  }

  [[nodiscard]] const convolution_shape& shape() const noexcept { return dense_.shape(); }
  [[nodiscard]] const gated_options& options() const noexcept { return options_; }
  void set_options(const gated_options& options) {
    options_ = detail::checked_options(options, "gated_convolution");
  }

  [[nodiscard]] workspace make_workspace() const {
    workspace work;
    const Index gathering = shape().group_inputs() * grid_.phases() * grid_.in_plane +
                            detail::most_tile_rows * grid_.in_plane;
    const Index whole = dense_block_ * shape().in_size() + dense_.scratch_size();
    work.numbers_.resize(static_cast<std::size_t>(std::max(gathering, whole)));
    work.taps_.resize(static_cast<std::size_t>(shape().row_size()));
    work.inputs_.resize(static_cast<std::size_t>(shape().in_channels) + 1);
    work.outputs_.resize(static_cast<std::size_t>(shape().out_channels) + 1);
    work.scale_.resize(work.outputs_.size());
    work.shift_.resize(work.outputs_.size());
    return work;
  }

  /// y = epilogue(x * weights) over the open channels, 0 in the closed ones.
  /// @pre x: images x in x H x W, weights: out x in/groups x kH x kW, y: images x out x H' x W',
  ///      none overlapping; work: of this shape
  /// @returns what was executed
  executed_work forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                        Index images, const open_channels& open, workspace& work) const noexcept {
    return detail::forward_gated(
        images, shape().macs(), dense_block_, [&](Index n) { return prefers_dense(open, n); },
        [&](Index first, Index count) {
          compute_whole(x, weights, epilogue, y, first, count, open, work);
        },
        [&](Index n) {
          return gather(x + n * shape().in_size(), weights, epilogue, y + n * shape().out_size(),
                        open.from(n, shape().in_channels, shape().out_channels), work);
        });
  }

  /// Multiply-adds of sample `n` that are open.
  [[nodiscard]] Index open_macs(const open_channels& open, Index n = 0) const noexcept {
    const open_channels of = open.from(n, shape().in_channels, shape().out_channels);
    Index pairs = 0;
    for (Index g = 0; g < shape().groups; ++g)
      pairs += detail::count_open(of.inputs, g * shape().group_inputs(), shape().group_inputs()) *
               detail::count_open(of.outputs, g * shape().group_outputs(), shape().group_outputs());
    return pairs * shape().kernel_area() * out_plane();
  }

 private:
  [[nodiscard]] Index out_plane() const noexcept {
    return shape().out_height() * shape().out_width();
  }
  [[nodiscard]] bool prefers_dense(const open_channels& open, Index n) const noexcept {
    return static_cast<double>(open_macs(open, n)) >=
           options_.dense_from * static_cast<double>(shape().macs());
  }

  void compute_whole(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                     Index first, Index count, const open_channels& open,
                     workspace& work) const noexcept {
    const Index plane = shape().height * shape().width;
    const S* from = x + first * shape().in_size();
    S* const copy = work.numbers_.data();
    if (open.inputs != nullptr) {
      for (Index k = 0; k < count * shape().in_channels; ++k)
        if (open.inputs[first * shape().in_channels + k] != 0)
          std::copy_n(from + k * plane, plane, copy + k * plane);
        else
          std::fill_n(copy + k * plane, plane, S(0));
      from = copy;
    }
    S* const to = y + first * shape().out_size();
    dense_.forward(from, weights, epilogue, to, count, copy + dense_block_ * shape().in_size());
    if (open.outputs != nullptr)
      for (Index k = 0; k < count * shape().out_channels; ++k)
        if (open.outputs[first * shape().out_channels + k] == 0)
          std::fill_n(to + k * out_plane(), out_plane(), S(0));
  }

  [[nodiscard]] Index gather(const S* x, const S* weights, const channel_epilogue<S>& epilogue,
                             S* y, const open_channels& open, workspace& work) const noexcept {
    Index macs = 0;
    for (Index c = 0; open.outputs != nullptr && c < shape().out_channels; ++c)
      if (open.outputs[c] == 0) std::fill_n(y + c * out_plane(), out_plane(), S(0));
    for (Index g = 0; g < shape().groups; ++g) {
      const Index outputs = detail::list_open(open.outputs, g * shape().group_outputs(),
                                              shape().group_outputs(), work.outputs_.data());
      if (outputs == 0) continue;
      const Index taps = lay_out_inputs(x, g, open.inputs, work);
      macs += compute_outputs(weights, gathered(epilogue, outputs, work), y, outputs, taps, work);
    }
    return macs;
  }

  /// Lays the planes of a group's open inputs side by side and lists the taps that read them.
  /// @returns the number of taps
  [[nodiscard]] Index lay_out_inputs(const S* x, Index g, const std::uint8_t* open,
                                     workspace& work) const noexcept {
    const Index first = g * shape().group_inputs(), area = shape().kernel_area();
    const Index inputs =
        detail::list_open(open, first, shape().group_inputs(), work.inputs_.data());
    detail::line_tap* tap = work.taps_.data();
    for (Index j = 0; j < inputs; ++j) {
      const Index c = work.inputs_[static_cast<std::size_t>(j)];
      detail::spread_images(channel_grid_, x + c * shape().height * shape().width, 1,
                            work.numbers_.data() + j * grid_.phases() * grid_.in_plane);
      for (Index k = 0; k < area; ++k, ++tap)
        *tap = {lines_[static_cast<std::size_t>(j * area + k)].line,
                static_cast<std::int32_t>((c - first) * area + k)};
    }
    return inputs * area;
  }

  /// The scales and shifts of the open outputs, one behind the other.
  [[nodiscard]] static channel_epilogue<S> gathered(const channel_epilogue<S>& epilogue,
                                                    Index outputs, workspace& work) noexcept {
    channel_epilogue<S> result{nullptr, nullptr, epilogue.relu};
    const auto collect = [&](const S* from, std::vector<S>& to) -> const S* {
      if (from == nullptr) return nullptr;
      for (std::size_t k = 0; k < static_cast<std::size_t>(outputs); ++k)
        to[k] = from[work.outputs_[k]];
      return to.data();
    };
    result.scale = collect(epilogue.scale, work.scale_);
    result.shift = collect(epilogue.shift, work.shift_);
    return result;
  }

  /// @returns the multiply-adds done
  [[nodiscard]] Index compute_outputs(const S* weights, const channel_epilogue<S>& epilogue, S* y,
                                      Index outputs, Index taps, workspace& work) const noexcept {
    const Index height = grid_.rows.out, width = grid_.columns.out;
    const S* const lines = work.numbers_.data();
    S* const result =
        work.numbers_.data() + shape().group_inputs() * grid_.phases() * grid_.in_plane;
    Index macs = 0;
    for (Index k = 0; k < outputs;) {
      const int tile = detail::next_tile_rows(outputs - k);
      const Index* const wanted = work.outputs_.data() + k;
      detail::with_tile_rows(tile, [&](auto rows) {
        detail::gated_taps<S, rows()> gated{work.taps_.data(), taps, {}};
        for (std::size_t r = 0; r < gated.rows.size(); ++r)
          gated.rows[r] = weights + wanted[r] * shape().row_size();
        detail::sum_of_gated_lines<S, rows()>(lines, gated, epilogue.from(k), result,
                                              grid_.in_plane, grid_.outputs(1));
        macs += rows() * gated.count * height * width;
      });
      for (Index r = 0; r < tile; ++r)
        detail::copy_rows(result + r * grid_.in_plane, grid_.pitch, height, width,
                          y + wanted[r] * height * width, width);
      k += tile;
    }
    return macs;
  }

  direct_convolution<S> dense_;
  gated_options options_;
  detail::convolution_grid grid_;          // of one image
  detail::convolution_grid channel_grid_;  // the same, of one channel
  std::vector<detail::line_tap> lines_;    // of as many planes side by side as a group has inputs
  Index dense_block_ = 1;
};

}  // namespace v0
}  // namespace prunus
