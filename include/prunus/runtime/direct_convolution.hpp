// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/detail/convolution_grid.hpp>
#include <prunus/runtime/detail/unfolded_convolution.hpp>
#include <prunus/runtime/detail/weight_gradient.hpp>
#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::clamp, std::fill_n, std::max, std::min
#include <concepts>   // std::floating_point
#include <limits>     // std::numeric_limits
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// 2-D cross-correlation without im2col, forwards and backwards, for any kernel, stride, padding
/// and groups.
///
/// Every weight is one multiply-add of a shifted line of a zero-padded plane into a tile of
/// registers, so the time follows the number of multiply-adds whatever the number of channels, and
/// the weights are read where they stand: nothing is packed and nothing needs to be told when a
/// weight changes.
///
/// The object holds the tables of one shape; all calls are const and use only the `scratch` they
/// are given, so that threads can share it. Images and gradients are dense: images x channels x
/// height x width.
///
///     prunus::direct_convolution<float> convolution{{.in_channels = 16, .out_channels = 32,
///     .height = 32, ...}}; std::vector<float> scratch(convolution.scratch_size());
///     convolution.forward(x, weights, {.shift = bias, .relu = true}, y, images, scratch.data());
///
/// Rounding: the order of summation is fixed by the shape and the width of the machine's registers.
template <std::floating_point S>
class direct_convolution {
 public:
  /// Cost: one table entry for each weight of an output channel and for each weight of an input
  /// channel.
  /// @throws shape_error (shape_mismatch: see `validate`; a grid of more than 2^31 numbers)
  explicit direct_convolution(const convolution_shape& shape)
      : shape_((validate(shape), shape)),
        grid_(shape, slack),
        taps_(checked(grid_).forward_taps()) {
    if (unfolded::pays(shape, grid_.outputs(1))) unfolded_.emplace_back(shape);
    if (unfolded::has_mirrored(shape) &&
        unfolded::pays(unfolded::mirrored_shape(shape),
                       (shape.height - 1) * grid_.pitch + shape.width, true))
      mirrored_.push_back(unfolded::mirrored(shape));
    for (Index p = 0; p < grid_.rows.phases(); ++p)
      for (Index q = 0; q < grid_.columns.phases(); ++q)
        backward_taps_.push_back(grid_.backward_taps(p, q));
  }

  [[nodiscard]] const convolution_shape& shape() const noexcept { return shape_; }
  /// Numbers of scratch memory that `forward` and `backward` need.
  [[nodiscard]] Index scratch_size() const noexcept {
    Index size = in_size() + out_size() + result_size();
    for (const auto* convolutions : {&unfolded_, &mirrored_})
      for (const unfolded& one : *convolutions) size = std::max(size, one.scratch_size());
    return size;
  }

  /// y = epilogue(x * weights).
  /// @pre x: images x in x H x W, weights: out x in/groups x kH x kW, y: images x out x H' x W',
  /// none overlapping;
  ///      scratch: scratch_size() numbers
  void forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
               Index images, S* scratch) const noexcept {
    if (!unfolded_.empty())
      return unfolded_.front()(x, weights, epilogue, false, y, images, scratch);
    S* const lines = scratch;
    S* const result = scratch + in_size();
    for (Index n = 0; n < images; n += grid_.images) {
      const Index count = std::min(grid_.images, images - n);
      detail::spread_images(grid_, x + n * shape_.in_size(), count, lines);
      forward_block(lines, weights, epilogue, y + n * shape_.out_size(), count, result);
    }
  }

  /// What `backward` computes; a null pointer leaves a gradient out.
  struct gradients {
    S* weights = nullptr;  ///< out x in/groups x kH x kW
    bool accumulate_weights = false;
    S* input = nullptr;  ///< images x in x H x W
    bool accumulate_input = false;
  };

  /// Gradients of the weights, summed over the images, and of the input.
  /// @pre as of `forward`; `x` may be null when the gradient of the weights is left out, `weights`
  /// when that of the
  ///      input is
  void backward(const S* x, const S* weights, const S* y_gradient, const gradients& wanted,
                Index images, S* scratch) const noexcept {
    S* const lines = scratch;
    S* const rows = scratch + in_size();
    S* const result = rows + out_size();
    for (Index n = 0; n < images; n += grid_.images) {
      const Index count = std::min(grid_.images, images - n);
      if (wanted.weights != nullptr) {
        detail::spread_images(grid_, x + n * shape_.in_size(), count, lines);
        detail::weight_gradient<S>(grid_, taps_)(lines, y_gradient + n * shape_.out_size(), count,
                                                 wanted.accumulate_weights || n > 0, wanted.weights,
                                                 rows);
      }
      if (wanted.input != nullptr && !mirrored_.empty()) {
        mirrored_.front()(y_gradient + n * shape_.out_size(), weights, {}, wanted.accumulate_input,
                          wanted.input + n * shape_.in_size(), count, scratch);
      } else if (wanted.input != nullptr) {
        spread_gradient(y_gradient + n * shape_.out_size(), count, rows);
        input_gradient(rows, weights, wanted.input + n * shape_.in_size(), wanted.accumulate_input,
                       count, result);
      }
    }
  }

 private:
  using unfolded = detail::unfolded_convolution<S>;

  /// What a tile may read or write behind the last position.
  static constexpr Index slack = detail::lanes<S>;

  [[nodiscard]] Index in_size() const noexcept {
    return shape_.in_channels * grid_.phases() * grid_.in_plane;
  }
  /// Gradients of the outputs, spread or transposed.
  [[nodiscard]] Index out_size() const noexcept {
    return std::max(shape_.out_channels * grid_.out_plane,
                    detail::weight_gradient<S>(grid_, taps_).scratch_size());
  }
  [[nodiscard]] Index result_pitch() const noexcept {
    return std::max(grid_.in_plane, grid_.out_plane);
  }
  [[nodiscard]] Index result_size() const noexcept {
    return detail::most_tile_rows * result_pitch();
  }

  [[nodiscard]] static detail::tabled_taps tabled(
      const std::vector<detail::line_tap>& taps) noexcept {
    return {taps.data(), static_cast<Index>(taps.size())};
  }

  static const detail::convolution_grid& checked(const detail::convolution_grid& grid) {
    const Index most = std::numeric_limits<std::int32_t>::max();
    if (grid.shape.in_channels * grid.phases() * grid.in_plane > most ||
        grid.shape.out_channels * grid.out_plane > most || grid.shape.weight_size() > most)
      throw shape_error(errc::shape_mismatch,
                        "convolution: an image or the weights hold more than 2^31 numbers");
    return grid;
  }

  /// Covers the positions of `count` images on the grid: image by image, or all at once where the
  /// images are so small that single ones would leave more lanes idle than the rows between them
  /// cost. f(first position, positions)
  template <class F>
  void sweep(Index count, Index positions_of_one, const F& f) const {
    const auto rounded = [](Index positions) {
      return (positions + detail::lanes<S> - 1) / detail::lanes<S> * detail::lanes<S>;
    };
    const Index all = (count - 1) * grid_.image_pitch + positions_of_one;
    if (rounded(all) < count * rounded(positions_of_one)) return f(Index{0}, all);
    for (Index n = 0; n < count; ++n) f(n * grid_.image_pitch, positions_of_one);
  }

  /// Copies the gradients of `count` outputs onto zeroed grids.
  void spread_gradient(const S* y, Index count, S* to) const noexcept {
    const Index height = grid_.rows.out, width = grid_.columns.out;
    for (Index o = 0; o < shape_.out_channels; ++o, to += grid_.out_plane) {
      std::fill_n(to, grid_.out_plane, S(0));
      for (Index n = 0; n < count; ++n)
        detail::copy_rows(y + n * shape_.out_size() + o * height * width, width, height, width,
                          to + grid_.out_begin() + n * grid_.image_pitch, grid_.pitch);
    }
  }

  void forward_block(const S* lines, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                     Index count, S* result) const noexcept {
    const Index height = grid_.rows.out, width = grid_.columns.out;
    const Index inputs = shape_.group_inputs() * grid_.phases() * grid_.in_plane;
    for (Index g = 0; g < shape_.groups; ++g)
      for (Index o = 0; o < shape_.group_outputs();) {
        const int tile = detail::next_tile_rows(shape_.group_outputs() - o);
        const Index first_out = g * shape_.group_outputs() + o;
        detail::with_tile_rows(tile, [&](auto rows) {
          sweep(count, grid_.outputs(1), [&](Index begin, Index positions) {
            detail::sum_of_lines<S, rows()>(lines + g * inputs + begin, tabled(taps_),
                                            weights + first_out * shape_.row_size(),
                                            shape_.row_size(), epilogue.from(first_out),
                                            result + begin, result_pitch(), positions);
          });
        });
        for (Index n = 0; n < count; ++n)
          for (Index r = 0; r < tile; ++r)
            detail::copy_rows(result + r * result_pitch() + n * grid_.image_pitch, grid_.pitch,
                              height, width,
                              y + n * shape_.out_size() + (first_out + r) * height * width, width);
        o += tile;
      }
  }

  void input_gradient(const S* rows, const S* weights, S* gradient, bool accumulate, Index count,
                      S* result) const noexcept {
    const bool all_reached =
        shape_.stride_height <= shape_.kernel_height && shape_.stride_width <= shape_.kernel_width;
    if (!accumulate && !all_reached) std::fill_n(gradient, count * shape_.in_size(), S(0));
    for (Index g = 0; g < shape_.groups; ++g)
      for (Index c = 0; c < shape_.group_inputs();) {
        const int tile = detail::next_tile_rows(shape_.group_inputs() - c);
        const S* tile_weights =
            weights + g * shape_.group_outputs() * shape_.row_size() + c * shape_.kernel_area();
        for (Index p = 0; p < grid_.rows.phases(); ++p)
          for (Index q = 0; q < grid_.columns.phases(); ++q) {
            const std::vector<detail::line_tap>& taps =
                backward_taps_[static_cast<std::size_t>(p * grid_.columns.phases() + q)];
            const Index top = grid_.rows.first(p), bottom = grid_.rows.last(p);
            const Index left = grid_.columns.first(q), right = grid_.columns.last(q);
            if (top >= bottom || left >= right) continue;
            const Index positions_of_one = (bottom - 1 - top) * grid_.pitch + right - left;
            const S* lines = rows + g * shape_.group_outputs() * grid_.out_plane +
                             grid_.out_begin() + top * grid_.pitch + left;
            detail::with_tile_rows(tile, [&](auto height) {
              sweep(count, positions_of_one, [&](Index begin, Index positions) {
                detail::sum_of_lines<S, height()>(lines + begin, tabled(taps), tile_weights,
                                                  shape_.kernel_area(), {}, result + begin,
                                                  result_pitch(), positions);
              });
            });
            for (Index r = 0; r < tile; ++r)
              collect(
                  result + r * result_pitch(), p, q, count, accumulate,
                  gradient + (g * shape_.group_inputs() + c + r) * shape_.height * shape_.width);
          }
        c += tile;
      }
  }

  /// Takes one phase of one channel from the grid back into the dense gradient.
  void collect(const S* result, Index p, Index q, Index count, bool accumulate,
               S* gradient) const noexcept {
    const detail::grid_axis &rows = grid_.rows, &columns = grid_.columns;
    const Index width = columns.last(q) - columns.first(q), step = columns.stride;
    const Index height = rows.last(p) - rows.first(p), row_step = rows.stride * shape_.width;
    for (Index n = 0; n < count; ++n) {
      const S* from = result + n * grid_.image_pitch;
      S* to = gradient + n * shape_.in_size() + rows.at(rows.first(p), p) * shape_.width +
              columns.at(columns.first(q), q);
      if (step == 1 && !accumulate)
        detail::copy_rows(from, grid_.pitch, height, width, to, row_step);
      else
        for (Index y = 0; y < height; ++y, from += grid_.pitch, to += row_step)
          for (Index i = 0; i < width; ++i)
            to[i * step] = (accumulate ? to[i * step] : S(0)) + from[i];
    }
  }

  convolution_shape shape_;
  detail::convolution_grid grid_;
  std::vector<detail::line_tap> taps_;
  std::vector<std::vector<detail::line_tap>> backward_taps_;  // one list a phase
  std::vector<unfolded> unfolded_, mirrored_;  // one for each direction where it pays, or none
};

}  // namespace v0
}  // namespace prunus
