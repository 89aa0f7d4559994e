// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/runtime/channel_epilogue.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/detail/convolution_grid.hpp>
#include <prunus/runtime/detail/pattern_kernels.hpp>
#include <prunus/runtime/kernel_index.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill_n, std::min
#include <array>      // std::array
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int32_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus::inline v0 {

/// 2-D cross-correlation in which every filter reads its own choice of input channels:
///
///     y[f] = epilogue_f(sum over j of weights[f][j] * x[index[f][j]])
///
/// The work is that of the kernels that are left. As in `direct_convolution`, its dense twin, a
/// weight is one multiply-add of a shifted line into a tile of registers and the weights are read
/// where they stand. Four filters are computed together: a line that several of them take is loaded
/// once, and the taps are sorted by who takes them, so that nothing is decided while multiplying.
///
///     const auto kernels = prunus::compress_kernels(weight, mask);
///     prunus::kernel_index_convolution<float> convolution{shape, kernels.index};
///     std::vector<float> scratch(convolution.scratch_size());
///     convolution.forward(x, kernels.weights.data(), {}, y, images, scratch.data());
///
/// All calls are const and use only the `scratch` they are given, so that threads can share it.
/// Method: Koo, Kim, "V-SKP: Vectorized Kernel-Based Structured Kernel Pruning for Accelerating
/// Deep Convolutional Neural Networks", IEEE Access 2023, who run it on a GPU; the code is our own.
template <std::floating_point S>
class kernel_index_convolution {
 public:
  /// Cost: one table entry for each weight of an output channel, for each four of them.
  /// @throws shape_error (shape_mismatch: see `validate`; an index of other channels; a grid of
  /// more
  ///         than 2^31 numbers), argument_error (unsupported: groups; out_of_range: an input that
  ///         does not exist or stands out of order)
  kernel_index_convolution(const convolution_shape& shape, const kernel_index& index)
      : shape_((check(shape, index), shape)), kept_(index.kept), grid_(shape, detail::lanes<S>) {
    const Index most = std::numeric_limits<std::int32_t>::max();
    if (in_size() > most || weight_size() > most)
      throw shape_error(errc::shape_mismatch,
                        "kernel_index_convolution: an image or the weights hold more than 2^31 "
                        "numbers");
    const std::vector<detail::line_tap> dense = grid_.forward_taps();
    for (Index f = 0; f < shape.out_channels; f += detail::pattern_rows)
      add_tile(index, f, std::min<Index>(detail::pattern_rows, shape.out_channels - f), dense);
  }

  [[nodiscard]] const convolution_shape& shape() const noexcept { return shape_; }
  /// out x kept x kernel_height x kernel_width.
  [[nodiscard]] Index weight_size() const noexcept {
    return shape_.out_channels * kept_ * shape_.kernel_area();
  }
  /// Multiply-adds of one image, those on padding included.
  [[nodiscard]] Index macs() const noexcept {
    return shape_.out_size() * kept_ * shape_.kernel_area();
  }
  /// Numbers of scratch memory that `forward` needs.
  [[nodiscard]] Index scratch_size() const noexcept {
    return in_size() + detail::pattern_rows * grid_.in_plane;
  }

  /// y = epilogue(x * weights).
  /// @pre x: images x in x H x W, weights: weight_size(), y: images x out x H' x W', none
  ///      overlapping; scratch: scratch_size() numbers
  void forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
               Index images, S* scratch) const noexcept {
    for (Index n = 0; n < images; n += grid_.images) {
      const Index count = std::min(grid_.images, images - n);
      detail::spread_images(grid_, x + n * shape_.in_size(), count, scratch);
      forward_block(scratch, weights, epilogue, y + n * shape_.out_size(), count,
                    scratch + in_size());
    }
  }

 private:
  /// Up to four filters and where their taps stand.
  struct tile {
    Index first = 0, rows = 0, first_tap = 0;
    std::array<Index, (1 << detail::pattern_rows) + 1> begin{};
  };

  static void check(const convolution_shape& shape, const kernel_index& index) {
    validate(shape);
    if (shape.groups != 1)
      throw argument_error(errc::unsupported,
                           detail::concat("kernel_index_convolution: ", shape.groups,
                                          " groups; an index is over all input channels, use 1"));
    if (index.out_channels != shape.out_channels || index.in_channels != shape.in_channels ||
        static_cast<Index>(index.inputs.size()) != index.out_channels * index.kept)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("kernel_index_convolution: an index of ", index.out_channels,
                                       " x ", index.in_channels, " kernels for a convolution of ",
                                       shape.out_channels, " x ", shape.in_channels));
    for (Index f = 0; f < index.out_channels; ++f) {
      std::int32_t least = 0;
      for (const std::int32_t c : index.inputs_of(f)) {
        if (c < least || c >= index.in_channels)
          throw argument_error(
              errc::out_of_range,
              detail::concat("kernel_index_convolution: filter ", f, " lists input ", c, " of ",
                             index.in_channels, "; inputs must be ascending and exist"));
        least = c + 1;
      }
    }
  }

  [[nodiscard]] Index in_size() const noexcept {
    return shape_.in_channels * grid_.phases() * grid_.in_plane;
  }

  void add_tile(const kernel_index& index, Index first, Index rows,
                const std::vector<detail::line_tap>& dense) {
    tile added{first, rows, static_cast<Index>(taps_.size())};
    const Index area = shape_.kernel_area();
    for (std::size_t pattern = 0; pattern + 1 < added.begin.size(); ++pattern) {
      added.begin[pattern] = static_cast<Index>(taps_.size()) - added.first_tap;
      if (pattern == 0) continue;
      std::array<std::size_t, detail::pattern_rows> next{};  // of each row's inputs
      for (Index c = 0; c < shape_.in_channels; ++c) {
        std::size_t takers = 0;
        detail::pattern_tap tap{};
        for (Index r = 0; r < rows; ++r) {
          const std::span<const std::int32_t> inputs = index.inputs_of(first + r);
          std::size_t& j = next[static_cast<std::size_t>(r)];
          if (j == inputs.size() || inputs[j] != c) continue;
          takers |= std::size_t{1} << r;
          tap.weight[static_cast<std::size_t>(r)] = static_cast<std::int32_t>(
              ((first + r) * index.kept + static_cast<Index>(j++)) * area);
        }
        if (takers != pattern) continue;
        for (Index k = 0; k < area; ++k) {
          tap.line = dense[static_cast<std::size_t>(c * area + k)].line;
          taps_.push_back(tap);
          for (std::int32_t& weight : tap.weight) ++weight;
        }
      }
    }
    added.begin.back() = static_cast<Index>(taps_.size()) - added.first_tap;
    tiles_.push_back(added);
  }

  void forward_block(const S* lines, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                     Index count, S* result) const noexcept {
    const Index height = grid_.rows.out, width = grid_.columns.out,
                positions = grid_.outputs(count);
    for (const tile& t : tiles_) {
      const detail::patterned_taps taps{taps_.data() + t.first_tap, t.begin};
      detail::with_tile_rows(static_cast<int>(t.rows), [&](auto rows) {
        if constexpr (rows() <= detail::pattern_rows)
          detail::sum_of_patterned_lines<S, rows()>(lines, taps, weights, epilogue.from(t.first),
                                                    result, grid_.in_plane, positions);
      });
      for (Index n = 0; n < count; ++n)
        for (Index r = 0; r < t.rows; ++r)
          detail::copy_rows(result + r * grid_.in_plane + n * grid_.image_pitch, grid_.pitch,
                            height, width,
                            y + n * shape_.out_size() + (t.first + r) * height * width, width);
    }
  }

  convolution_shape shape_;
  Index kept_;
  detail::convolution_grid grid_;
  std::vector<detail::pattern_tap> taps_;
  std::vector<tile> tiles_;
};

}  // namespace prunus::inline v0
