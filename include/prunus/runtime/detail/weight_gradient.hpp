// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/detail/convolution_grid.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::clamp, std::fill_n, std::min
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The gradient of the weights of a convolution: for every tap and output channel the product of a
/// shifted line and a gradient, summed over the positions.
///
/// The gradients of the outputs are transposed, so that registers hold neighbouring output channels
/// and nothing must be summed across a register.
template <class S>
class weight_gradient {
 public:
  /// @pre both outlive the object
  weight_gradient(const convolution_grid& grid, const std::vector<line_tap>& taps) noexcept
      : grid_(grid), taps_(taps) {}

  [[nodiscard]] Index scratch_size() const noexcept {
    return padded_outputs() *
           (chunk_images() * chunk_rows() * grid_.columns.out + grid_.shape.row_size());
  }

  /// gradient (+)= sum over `count` images. `lines` as `spread_images` makes them.
  void operator()(const S* lines, const S* y_gradient, Index count, bool accumulate, S* gradient,
                  S* scratch) const noexcept {
    const convolution_shape& shape = grid_.shape;
    const Index inputs = shape.group_inputs() * grid_.phases() * grid_.in_plane;
    const Index outputs = shape.group_outputs(), padded = padded_outputs();
    const Index width = grid_.columns.out, plane = grid_.rows.out * width;
    const Index rows = chunk_rows(), images = chunk_images();
    S *const sums = scratch, *const transposed = sums + shape.row_size() * padded;
    // The rest of the last register stays zero.
    std::fill_n(transposed, images * rows * width * padded, S(0));
    for (Index g = 0; g < shape.groups; ++g) {
      std::fill_n(sums, shape.row_size() * padded, S(0));
      for (Index n = 0; n < count; n += images)
        for (Index top = 0; top < grid_.rows.out; top += rows) {
          const grid_window window{std::min(rows, grid_.rows.out - top), width, grid_.pitch,
                                   std::min(images, count - n), grid_.image_pitch};
          for (Index i = 0; i < window.images; ++i)
            transpose(y_gradient + (n + i) * shape.out_size() + g * outputs * plane + top * width,
                      plane, outputs, window.rows * width,
                      transposed + i * window.rows * width * padded, padded);
          add_products(lines + g * inputs + n * grid_.image_pitch + top * grid_.pitch, window,
                       transposed, sums);
        }
      collect(sums, accumulate, gradient + g * outputs * shape.row_size());
    }
  }

 private:
  /// Registers are halved for a last few output channels.
  static constexpr Index half_lanes = lanes<S> >= 4 ? lanes<S> / 2 : lanes<S>;
  /// Registers of output channels that are worked on together.
  static constexpr int widest = tile_vectors(6);
  /// Taps that are worked on together. Each needs a register for its offset, and with few
  /// multiply-adds between them there is no time to fetch offsets from elsewhere.
  template <int Vectors>
  static constexpr int most_taps = Vectors > 1 && Vectors <= tile_vectors(most_tile_rows)
                                       ? most_tile_rows
                                       : 6;

  /// Output channels of a group, rounded up to halves of registers: the pitch of transposed
  /// gradients.
  [[nodiscard]] Index padded_outputs() const noexcept {
    return (grid_.shape.group_outputs() + half_lanes - 1) / half_lanes * half_lanes;
  }
  /// Rows of an image, or images, whose transposed gradients stay near while all taps pass.
  [[nodiscard]] Index chunk_rows() const noexcept {
    return std::clamp(near / (padded_outputs() * grid_.columns.out), Index{1}, grid_.rows.out);
  }
  [[nodiscard]] Index chunk_images() const noexcept {
    return std::clamp(near / (padded_outputs() * grid_.columns.out * grid_.rows.out), Index{1},
                      grid_.images);
  }
  static constexpr Index near = Index{1} << 14;

  void add_products(const S* grid, const grid_window& window, const S* transposed,
                    S* sums) const noexcept {
    const Index whole = padded_outputs() / lanes<S>, rest = whole * lanes<S>;
    const Index blocks = (whole + widest - 1) / widest;
    for (Index b = 0; b < blocks; ++b) {
      const Index first = b * whole / blocks, last = (b + 1) * whole / blocks;
      with_width<widest>(last - first, [&](auto vectors) {
        add_columns<vectors(), lanes<S>>(grid, window, transposed + first * lanes<S>,
                                         sums + first * lanes<S>);
      });
    }
    if (rest < padded_outputs())
      add_columns<1, half_lanes>(grid, window, transposed + rest, sums + rest);
  }

  /// Calls `f` with `vectors` as a constant.
  template <int Most, class F>
  static void with_width(Index vectors, const F& f) {
    if constexpr (Most > 1)
      if (vectors < Most) return with_width<Most - 1>(vectors, f);
    f(int_constant<Most>{});
  }

  template <int Vectors, Index Lanes>
  void add_columns(const S* grid, const grid_window& window, const S* transposed,
                   S* sums) const noexcept {
    const Index padded = padded_outputs(), terms = grid_.shape.row_size();
    for (Index k = 0; k < terms;) {
      const int tile = std::min(most_taps<Vectors>, next_tile_rows(terms - k));
      with_tile_rows(tile, [&](auto height) {
        outer_products_tile<S, std::min(height(), most_taps<Vectors>), Vectors, Lanes>(
            grid, taps_.data() + k, window, transposed, padded, sums + k * padded, padded);
      });
      k += tile;
    }
  }

  /// gradient[o][k] (+)= sums[k][o]
  void collect(const S* sums, bool accumulate, S* gradient) const noexcept {
    constexpr Index block = 16;  // what is read together shares cache lines
    const Index outputs = grid_.shape.group_outputs(), terms = grid_.shape.row_size();
    const Index padded = padded_outputs();
    for (Index o0 = 0; o0 < outputs; o0 += block)
      for (Index k = 0; k < terms; ++k)
        for (Index o = o0; o < std::min(o0 + block, outputs); ++o) {
          S& to = gradient[o * terms + k];
          to = (accumulate ? to : S(0)) + sums[k * padded + o];
        }
  }

  const convolution_grid& grid_;
  const std::vector<line_tap>& taps_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
