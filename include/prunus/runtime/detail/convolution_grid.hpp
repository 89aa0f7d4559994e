// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max, std::min, std::clamp
#include <cstdint>    // std::int32_t
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

// How the direct convolution sees its images.
//
// An image is copied onto a grid: rows of `pitch` numbers, the image's own columns and enough zeros
// behind them that a window which leaves a row at its end reads zeros and then the zeros in front
// of the next row. On such a grid the whole convolution is a sum of shifted lines: output[t] = sum
// over taps of weight * line[t + shift], for all positions t of the grid at once, those between the
// rows included, whose results nobody looks at.
//
// A stride s is taken apart first: the positions with equal remainder modulo s form a phase, a grid
// of its own, and on the phases the convolution has stride 1 again. Backwards the same holds with
// the two sides exchanged.

/// One direction (height or width) of the grid.
struct grid_axis {
  Index size, kernel, stride, padding, out;

  [[nodiscard]] Index phases() const noexcept { return std::min(stride, kernel); }
  /// The largest shift of a tap in `phase`.
  [[nodiscard]] Index shifts(Index phase) const noexcept { return (kernel - 1 - phase) / stride; }
  /// Position x of `phase` is position at(x, phase) of the image, which may lie outside.
  [[nodiscard]] Index at(Index x, Index phase) const noexcept {
    return stride * x + phase - padding;
  }
  /// First x inside the image.
  [[nodiscard]] Index first(Index phase) const noexcept { return divided_up(padding - phase); }
  /// One behind the last x inside the image.
  [[nodiscard]] Index last(Index phase) const noexcept {
    return divided_up(size + padding - phase);
  }
  /// One behind the last x that a window reads.
  [[nodiscard]] Index read() const noexcept { return out + shifts(0); }
  /// Zeros in front of the gradient of the output, for windows that begin before it.
  [[nodiscard]] Index lead() const noexcept {
    Index most = 0;
    for (Index q = 0; q < phases(); ++q) most = std::max(most, shifts(q) - first(q));
    return most;
  }
  /// The smallest pitch with which all that stands above holds for inputs and for gradients of
  /// outputs.
  [[nodiscard]] Index pitch() const noexcept {
    Index least = out + lead();
    for (Index q = 0; q < phases(); ++q) {
      least = std::max(least, std::min(last(q), read()));
      least = std::max(least, read() - first(q));
      least = std::max(least, last(q));
    }
    return least;
  }

 private:
  [[nodiscard]] Index divided_up(Index x) const noexcept {
    return x <= 0 ? 0 : (x + stride - 1) / stride;
  }
};

/// The grid of a convolution for a number of images one below the other.
struct convolution_grid {
  convolution_shape shape;
  grid_axis rows, columns;
  Index images = 1;     ///< that stand below each other on one grid
  Index pitch;          ///< from row to row
  Index image_pitch;    ///< from image to image
  Index in_plane = 0;   ///< from one plane of inputs (channel and phase) to the next
  Index out_plane = 0;  ///< from one plane of gradients of outputs to the next

  /// Grids of about `wanted` positions keep the vector units busy on small images; `limit` bounds
  /// the scalars of all planes together, which should stay in the cache.
  explicit convolution_grid(const convolution_shape& s, Index slack, Index wanted = 1024,
                            Index limit = Index{1} << 17)
      : shape(s),
        rows{s.height, s.kernel_height, s.stride_height, s.padding_height, s.out_height()},
        columns{s.width, s.kernel_width, s.stride_width, s.padding_width, s.out_width()},
        pitch(columns.pitch()),
        image_pitch(rows.pitch() * pitch) {
    const Index planes = s.in_channels * phases() + s.out_channels;
    images = std::clamp(std::min(wanted / image_pitch, limit / (planes * image_pitch)), Index{1},
                        Index{64});
    const Index tail =
        (rows.read() + 1) * pitch;  // windows of the last image may read behind its own rows
    in_plane = spread((images - 1) * image_pitch + std::max(tail, image_pitch) + slack);
    // NOLINTNEXTLINE(cppcoreguidelines-prefer-member-initializer): it needs `images` from above
    out_plane = spread(rows.lead() * pitch + images * image_pitch + columns.lead() + pitch + slack);
  }

  [[nodiscard]] Index phases() const noexcept { return rows.phases() * columns.phases(); }
  /// Positions from the first to the last output of `count` images.
  [[nodiscard]] Index outputs(Index count) const noexcept {
    return (count - 1) * image_pitch + (rows.out - 1) * pitch + columns.out;
  }
  /// Where the first value of a gradient of an output stands in its plane.
  [[nodiscard]] Index out_begin() const noexcept { return rows.lead() * pitch + columns.lead(); }

  /// Taps of the forward direction for one group, in the order of the weights of an output channel.
  [[nodiscard]] std::vector<line_tap> forward_taps() const {
    std::vector<line_tap> taps;
    for (Index c = 0; c < shape.group_inputs(); ++c)
      for (Index a = 0; a < shape.kernel_height; ++a)
        for (Index b = 0; b < shape.kernel_width; ++b) {
          const Index phase = (a % rows.stride) * columns.phases() + b % columns.stride;
          taps.push_back({static_cast<std::int32_t>((c * phases() + phase) * in_plane +
                                                    (a / rows.stride) * pitch + b / columns.stride),
                          static_cast<std::int32_t>(taps.size())});
        }
    return taps;
  }

  /// Taps that give one phase of the gradient of an input channel from the gradients of one group's
  /// outputs, relative to `out_begin()`.
  [[nodiscard]] std::vector<line_tap> backward_taps(Index row_phase, Index column_phase) const {
    std::vector<line_tap> taps;
    for (Index o = 0; o < shape.group_outputs(); ++o)
      for (Index a = row_phase; a < shape.kernel_height; a += rows.stride)
        for (Index b = column_phase; b < shape.kernel_width; b += columns.stride)
          taps.push_back(
              {static_cast<std::int32_t>(o * out_plane - (a / rows.stride) * pitch -
                                         b / columns.stride),
               static_cast<std::int32_t>(o * shape.row_size() + a * shape.kernel_width + b)});
    return taps;
  }

 private:
  /// Planes a power of two apart would fight for the same cache lines.
  [[nodiscard]] static Index spread(Index plane) noexcept {
    plane = (plane + 15) / 16 * 16;
    return plane % 256 == 0 ? plane + 16 : plane;
  }
};

/// Copies the channels [first, first + channels) of `count` images onto zeroed grids, one for each
/// channel and phase.
template <class S>
void spread_channels(const convolution_grid& grid, const S* x, Index count, S* lines, Index first,
                     Index channels) noexcept {
  const convolution_shape& shape = grid.shape;
  const grid_axis &rows = grid.rows, &columns = grid.columns;
  lines += first * grid.phases() * grid.in_plane;
  for (Index c = first; c < first + channels; ++c)
    for (Index p = 0; p < rows.phases(); ++p)
      for (Index q = 0; q < columns.phases(); ++q, lines += grid.in_plane) {
        std::fill_n(lines, grid.in_plane - (grid.images - count) * grid.image_pitch, S(0));
        const Index left = columns.first(q),
                    width = std::min(columns.last(q), columns.read()) - left;
        const Index bottom = std::min(rows.last(p), rows.read());
        const Index top = rows.first(p);
        for (Index n = 0; n < count; ++n) {
          const S* from = x + n * shape.in_size() +
                          (c * shape.height + rows.at(top, p)) * shape.width + columns.at(left, q);
          S* to = lines + n * grid.image_pitch + top * grid.pitch + left;
          if (columns.stride == 1)
            copy_rows(from, rows.stride * shape.width, bottom - top, width, to, grid.pitch);
          else
            for (Index y = top; y < bottom;
                 ++y, from += rows.stride * shape.width, to += grid.pitch)
              copy_every(columns.stride, from, width, to);
        }
      }
}

/// The same with all channels.
template <class S>
void spread_images(const convolution_grid& grid, const S* x, Index count, S* lines) noexcept {
  spread_channels(grid, x, count, lines, Index{0}, grid.shape.in_channels);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
