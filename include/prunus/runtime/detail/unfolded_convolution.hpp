// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/detail/unfolded_lines.hpp>
#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::clamp, std::max, std::min
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int32_t
#include <utility>    // std::index_sequence
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// sums[r * sums_pitch + p] = sum over i of weights[r * weight_pitch + i] * x[p * x_pitch + i].
/// @pre size >= lanes
template <class S, int Rows, int Positions>
[[gnu::noinline]] void dot_products_tile(const S* weights, Index weight_pitch, const S* x,
                                         Index x_pitch, Index size, S* sums,
                                         Index sums_pitch) noexcept {
  [&]<std::size_t... P, std::size_t... A>(std::index_sequence<P...>, std::index_sequence<A...>) {
    constexpr std::size_t positions = sizeof...(P);
    packet<S> sum[] = {(static_cast<void>(A), packet<S>{})...};
    Index i = 0;
    for (; i + lanes<S> <= size; i += lanes<S>) {
      const packet<S> value[] = {load(x + Index(P) * x_pitch + i)...};
      ((sum[A] = sum[A] +
                 load(weights + Index(A / positions) * weight_pitch + i) * value[A % positions]),
       ...);
    }
    if (i < size) {
      const packet<S> value[] = {load_last<S>(x + Index(P) * x_pitch + size, size - i)...};
      ((sum[A] = sum[A] + load(weights + Index(A / positions) * weight_pitch + size - lanes<S>) *
                              value[A % positions]),
       ...);
    }
    ((sums[Index(A / positions) * sums_pitch + Index(A % positions)] = sum_of_lanes<S>(sum[A])),
     ...);
  }
  (std::make_index_sequence<std::size_t{Positions}>{},
   std::make_index_sequence<std::size_t{Rows} * std::size_t{Positions}>{});
}

/// A convolution over unfolded lines, image by image.
template <class S>
class unfolded_convolution {
 public:
  explicit unfolded_convolution(const convolution_shape& shape)
      : unfolded_convolution(shape, {shape.row_size(), shape.kernel_area()}, false) {}

  /// The gradient of the input of a convolution of stride 1, which is a convolution of the gradient
  /// of the output with the same weights turned round. `shape` is that of the first.
  /// @pre has_mirrored(shape)
  [[nodiscard]] static unfolded_convolution mirrored(const convolution_shape& shape) {
    return {mirrored_shape(shape), {shape.kernel_area(), shape.row_size()}, true};
  }
  [[nodiscard]] static bool has_mirrored(const convolution_shape& s) noexcept {
    return s.stride_height == 1 && s.stride_width == 1 && s.padding_height < s.kernel_height &&
           s.padding_width < s.kernel_width;
  }
  [[nodiscard]] static convolution_shape mirrored_shape(const convolution_shape& s) noexcept {
    return {.in_channels = s.out_channels,
            .out_channels = s.in_channels,
            .height = s.out_height(),
            .width = s.out_width(),
            .kernel_height = s.kernel_height,
            .kernel_width = s.kernel_width,
            .padding_height = s.kernel_height - 1 - s.padding_height,
            .padding_width = s.kernel_width - 1 - s.padding_width,
            .groups = s.groups};
  }

  /// Whether copies cost less than the positions that a grid wastes, on which an image has
  /// `grid_positions`. In multiply-adds; moving a number costs as much as some of them.
  [[nodiscard]] static bool pays(const convolution_shape& shape, Index grid_positions,
                                 bool backwards = false) noexcept {
    const unfolded_lines lines{shape};
    const Index plane = lines.out_plane(), rest = plane % lanes<S>;
    if (plane < lanes<S> || (!lines.in_place() && lines.channel_pitch() > cached)) return false;
    const Index products = shape.out_channels * shape.row_size();
    const bool dots = !backwards && ends_in_dot_products(rest, shape.row_size());
    const Index moved = shape.stride_width == 1 ? 4 : 8;
    const Index chunks = 1 + shape.group_inputs() * lines.channel_pitch() / cached;
    const Index copies = lines.in_place() ? 0
                                          : 2 * moved * shape.in_channels * lines.channel_pitch() +
                                                4 * (chunks - 1) * shape.out_size();
    return products * (dots ? plane : rounded_up(plane)) + copies <
           products * rounded_up(grid_positions) + moved * shape.in_size() + 4 * shape.out_size();
  }

  [[nodiscard]] Index scratch_size() const noexcept {
    return lines_size() + lanes<S> * (chunk_channels() * lines_.shape.kernel_area());
  }

  /// y (+)= epilogue(x * weights)
  void operator()(const S* x, const S* weights, const channel_epilogue<S>& epilogue, bool add, S* y,
                  Index images, S* scratch) const noexcept {
    const convolution_shape& shape = lines_.shape;
    const Index inputs = shape.group_inputs(), outputs = shape.group_outputs();
    const Index plane_in = shape.height * shape.width, chunk = chunk_channels();
    const Index weights_of_group = outputs * shape.row_size();
    for (Index n = 0; n < images; ++n)
      for (Index g = 0; g < shape.groups; ++g)
        for (Index c = 0; c < inputs; c += chunk) {
          const Index channels = std::min(chunk, inputs - c);
          const S* lines = x + (n * shape.in_channels + g * inputs + c) * plane_in;
          if (!lines_.in_place()) {
            lines_.unfold(lines, channels, scratch);
            lines = scratch;
          }
          add_products(lines, {taps_.data(), channels * shape.kernel_area()},
                       weights + g * weights_of_group + c * steps_.channel,
                       epilogue.from(g * outputs), add || c > 0, c + channels == inputs,
                       y + (n * shape.groups + g) * outputs * lines_.out_plane(), scratch);
        }
  }

 private:
  /// Distances between weights: of neighbouring results, and of neighbouring channels of the input.
  struct weight_steps {
    Index row, channel;
  };

  unfolded_convolution(const convolution_shape& shape, const weight_steps& steps, bool backwards)
      : lines_{shape}, steps_(steps), backwards_(backwards) {
    const Index area = shape.kernel_area();
    for (Index c = 0; c < chunk_channels(); ++c)
      for (Index k = 0; k < area; ++k)
        taps_.push_back(
            {static_cast<std::int32_t>(
                 lines_.line(c, k / shape.kernel_width, k % shape.kernel_width)),
             static_cast<std::int32_t>(c * steps.channel + (backwards ? area - 1 - k : k))});
  }

  /// Numbers of lines that stay in the second level of the cache while all output channels pass.
  static constexpr Index cached = (Index{3} << 17) / Index{sizeof(S)};

  /// Weights of an output channel for which those of a tile stay in the first level.
  static constexpr Index most_terms = Index{9} << 7;

  /// Where registers are few, a tile reads a line for so few multiply-adds that finding the page on
  /// which it stands in the image would take longer. Lines in place are then copied into one piece,
  /// block after block.
  static constexpr bool copies_blocks = vector_registers < 32;

  /// Positions of the widest tile.
  static constexpr Index tile = tile_vectors(most_tile_rows) * lanes<S>;

  /// Numbers of lines in place that are read together: copies stay in the first level.
  static constexpr Index block = copies_blocks ? (Index{3} << 13) / Index{sizeof(S)} : cached;

  [[nodiscard]] Index chunk_channels() const noexcept {
    const Index by_weights = most_terms / lines_.shape.kernel_area();
    const Index most = lines_.in_place()
                           ? by_weights  // there, the positions come in blocks instead
                           : std::min(by_weights, cached / lines_.channel_pitch());
    return std::clamp(most, Index{1}, lines_.shape.group_inputs());
  }
  [[nodiscard]] Index lines_size() const noexcept {
    if (lines_.in_place()) return copies_blocks ? std::max(block, chunk_channels() * tile) : 0;
    return chunk_channels() * lines_.channel_pitch();
  }
  [[nodiscard]] static Index rounded_up(Index positions) noexcept {
    return (positions + lanes<S> - 1) / lanes<S> * lanes<S>;
  }
  /// A few positions behind the last whole register are cheaper along the weights than across.
  [[nodiscard]] static bool ends_in_dot_products(Index rest, Index terms) noexcept {
    return rest <= lanes<S> / 2 && terms >= 8 * lanes<S>;
  }

  void add_products(const S* lines, const tabled_taps& taps, const S* weights,
                    const channel_epilogue<S>& epilogue, bool add, bool last, S* y,
                    S* scratch) const noexcept {
    const Index plane = lines_.out_plane(), rest = plane % lanes<S>, whole = plane - rest;
    const Index outputs = lines_.shape.group_outputs();
    const Index most =
        lines_.in_place() ? std::max(block / taps.count / tile, Index{1}) * tile : plane;
    const bool dots = rest > 0 && !backwards_ && ends_in_dot_products(rest, taps.count);
    S* const windows = scratch + lines_size();
    if (dots)
      for (Index t = 0; t < rest; ++t)
        for (Index k = 0; k < taps.count; ++k)
          windows[t * taps.count + k] = lines[taps.line(k) + whole + t];
    for (Index begin = 0; begin < plane; begin += most) {
      const Index size = std::min(most, plane - begin), pitch = size / lanes<S> * lanes<S>;
      const bool copied = copies_blocks && lines_.in_place();
      if (copied) copy_rows(lines + begin, plane, taps.count, pitch, scratch, pitch);
      for (Index o = 0; o < outputs;) {
        const int height = next_tile_rows(outputs - o);
        const S* const tile_weights = weights + o * steps_.row;
        S* const to = y + o * plane;
        with_tile_rows(height, [&](auto rows) {
          const auto multiply = [&](const S* from, const auto& of) {
            for_each_tile<rows()>(
                size / lanes<S>, [&]<int Vectors>(int_constant<Vectors>, Index first) {
                  const Index at = first * lanes<S>;
                  sum_of_lines_tile<S, rows(), Vectors>(
                      from + at, of, tile_weights, steps_.row,
                      last ? epilogue.from(o) : channel_epilogue<S>{}, to + begin + at, plane, add);
                });
          };
          if (!copied) multiply(lines + begin, taps);
          if constexpr (copies_blocks)
            if (copied) multiply(scratch, strided_taps{pitch, steps_.channel, taps.count});
          if (begin + size < plane || rest == 0) return;
          S sums[most_tile_rows * lanes<S>];
          if (dots)
            dot_products<rows()>(tile_weights, windows, taps.count, rest, sums);
          else
            sum_of_lines_tile<S, rows(), 1>(lines + plane - lanes<S>, taps, tile_weights,
                                            steps_.row, channel_epilogue<S>{}, sums, lanes<S>);
          finish(dots ? sums : sums + lanes<S> - rest, dots ? rest : lanes<S>, height, rest, add,
                 last ? epilogue.from(o) : channel_epilogue<S>{}, to + whole);
        });
        o += height;
      }
    }
  }

  /// sums[r][t] = the products of `Rows` rows of weights with `count` windows of `size` numbers.
  template <int Rows>
  void dot_products(const S* weights, const S* windows, Index size, Index count,
                    S* sums) const noexcept {
    constexpr int rows = Rows > 4 ? Rows / 2 : Rows, most = vector_registers >= 32 ? 4 : 2;
    const auto sweep = [&]<int Positions>(int_constant<Positions>, Index first) {
      for (Index r = 0; r < Rows; r += rows)
        dot_products_tile<S, rows, Positions>(weights + r * steps_.row, steps_.row,
                                              windows + first * size, size, size,
                                              sums + r * count + first, count);
    };
    Index t = 0;
    for (; t + most <= count; t += most) sweep(int_constant<most>{}, t);
    for (; t < count; ++t) sweep(int_constant<1>{}, t);
  }

  /// The last positions of some rows, from their sums.
  void finish(const S* sums, Index pitch, Index rows, Index rest, bool add,
              const channel_epilogue<S>& epilogue, S* y) const noexcept {
    for (Index r = 0; r < rows; ++r, sums += pitch, y += lines_.out_plane()) {
      const S scale = epilogue.scale == nullptr ? S(1) : epilogue.scale[r];
      const S shift = epilogue.shift == nullptr ? S(0) : epilogue.shift[r];
      for (Index t = 0; t < rest; ++t) {
        const S sum = add ? y[t] + sums[t] : sums[t], value = sum * scale + shift;
        y[t] = epilogue.relu && value < 0 ? S(0) : value;  // NaN stays NaN
      }
    }
  }

  unfolded_lines lines_;
  weight_steps steps_;
  bool backwards_;
  std::vector<line_tap> taps_;  // of one chunk of channels
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
