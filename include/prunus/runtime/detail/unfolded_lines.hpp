// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::max, std::min
#include <type_traits>  // std::integral_constant

namespace prunus {
inline namespace v0 {
namespace detail {

// A second way to see images, for planes that are so small that the columns between the rows of a
// grid would cost too many lanes: every column of the kernel has a copy of the image of its own,
// moved to its place and as wide as the output. Lines are then exactly as long as an output plane,
// and results are written where they belong. A convolution of 1 x 1 reads the image itself.

/// Extents of such copies.
struct unfolded_lines {
  convolution_shape shape;

  [[nodiscard]] bool in_place() const noexcept {
    return shape.kernel_area() == 1 && shape.stride_height == 1 && shape.stride_width == 1 &&
           shape.padding_height == 0 && shape.padding_width == 0;
  }
  [[nodiscard]] Index out_plane() const noexcept { return shape.out_height() * shape.out_width(); }
  /// Rows of the image with equal remainder modulo the stride form a phase.
  [[nodiscard]] Index phases() const noexcept {
    return std::min(shape.stride_height, shape.kernel_height);
  }
  [[nodiscard]] Index rows(Index phase) const noexcept {
    return shape.out_height() + (shape.kernel_height - 1 - phase) / shape.stride_height;
  }
  /// Where a phase begins in a copy; that of phase `phases()` is the size of a copy.
  [[nodiscard]] Index phase_begin(Index phase) const noexcept {
    Index before = 0;
    for (Index p = 0; p < phase; ++p) before += rows(p);
    return before * shape.out_width();
  }
  /// From one channel to the next.
  [[nodiscard]] Index channel_pitch() const noexcept {
    return in_place() ? out_plane() : shape.kernel_width * phase_begin(phases());
  }

  /// Where the line of a tap begins.
  [[nodiscard]] Index line(Index channel, Index row, Index column) const noexcept {
    return channel * channel_pitch() + column * phase_begin(phases()) +
           phase_begin(row % shape.stride_height) + row / shape.stride_height * shape.out_width();
  }

  /// Writes the copies of `channels` channels of one image.
  template <class S>
  void unfold(const S* x, Index channels, S* lines) const noexcept {
    for (Index b = 0; b < shape.kernel_width; ++b)
      for (Index p = 0; p < phases(); ++p) {
        const range rows_inside(p - shape.padding_height, shape.stride_height, shape.height,
                                rows(p));
        const range columns_inside(b - shape.padding_width, shape.stride_width, shape.width,
                                   shape.out_width());
        for (Index c = 0; c < channels; ++c)
          copy(x + c * shape.height * shape.width, rows_inside, columns_inside,
               lines + c * channel_pitch() + b * phase_begin(phases()) + phase_begin(p));
      }
  }

 private:
  /// Of the positions begin, begin + stride, ... those that are inside [0, size).
  struct range {
    range(Index begin, Index stride, Index size, Index positions) noexcept : count(positions) {
      first = std::min(begin >= 0 ? Index{0} : (stride - 1 - begin) / stride, count);
      last = begin >= size ? 0 : std::min((size - begin + stride - 1) / stride, count);
      last = std::max(first, last);
      at = begin + first * stride;
    }
    Index count, first, last;
    Index at;  ///< the first one inside
  };

  template <class S>
  static void clear(S* to, Index count) noexcept {
    in_overlapping_steps<S>(count, [to]<Index Step>(std::integral_constant<Index, Step>, Index i) {
      for (Index j = 0; j < Step; ++j) to[i + j] = 0;
    });
  }
  /// One channel: what is inside the image, and zeros around it.
  template <class S>
  void copy(const S* x, const range& rows_inside, const range& columns_inside,
            S* to) const noexcept {
    const Index width = columns_inside.count, inside = columns_inside.last - columns_inside.first;
    const Index height = rows_inside.last - rows_inside.first;
    const Index row_step = shape.stride_height * shape.width;
    clear(to, rows_inside.first * width);
    clear(to + rows_inside.last * width, (rows_inside.count - rows_inside.last) * width);
    if (height == 0) return;
    const S* const from = x + rows_inside.at * shape.width + columns_inside.at;
    S* const row = to + rows_inside.first * width;
    if (shape.stride_width > 1)
      for (Index y = 0; y < height; ++y)
        copy_every(shape.stride_width, from + y * row_step, inside,
                   row + y * width + columns_inside.first);
    else if (row_step == width && inside > 0)  // what is read across the edges is cleared below
      copy_rows(from, 0, 1, height * width - (width - inside), row + columns_inside.first, 0);
    else
      copy_rows(from, row_step, height, inside, row + columns_inside.first, width);
    if (columns_inside.first > 0)
      for (Index y = 0; y < height; ++y)
        for (Index j = 0; j < columns_inside.first; ++j) row[y * width + j] = 0;
    if (columns_inside.last < width)
      for (Index y = 0; y < height; ++y)
        for (Index j = columns_inside.last; j < width; ++j) row[y * width + j] = 0;
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
