// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill_n, std::min
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <utility>    // std::index_sequence

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Extents of a linear layer: weights are out x in, row-major.
struct linear_shape {
  Index in = 1;
  Index out = 1;
};

namespace detail {

/// y[r] = sum over i of w[r * size + i] * x[i] for `Rows` rows.
/// @pre size >= lanes
template <class S, int Rows>
inline void dot_products_tile(const S* w, const S* x, Index size, S* y) noexcept {
  [&]<std::size_t... R>(std::index_sequence<R...>) {
    packet<S> sum[] = {(static_cast<void>(R), packet<S>{})...};
    Index i = 0;
    for (; i + lanes<S> <= size; i += lanes<S>) {
      const packet<S> a = load(x + i);
      ((sum[R] = sum[R] + load(w + Index(R) * size + i) * a), ...);
    }
    if (i < size) {
      const packet<S> a = load_last<S>(x + size, size - i);
      ((sum[R] = sum[R] + load(w + Index(R) * size + size - lanes<S>) * a), ...);
    }
    ((y[R] = sum_of_lanes<S>(sum[R])), ...);
  }
  (std::make_index_sequence<std::size_t{Rows}>{});
}

/// y = x * weights^T, every output a dot product: for few samples.
template <class S>
inline void linear_by_dot_products(const linear_shape& shape, const S* x, const S* weights, S* y,
                                   Index samples) noexcept {
  for (Index n = 0; n < samples; ++n, x += shape.in, y += shape.out) {
    Index o = 0;
    if (shape.in >= lanes<S>) {
      for (; o + 8 <= shape.out; o += 8)
        dot_products_tile<S, 8>(weights + o * shape.in, x, shape.in, y + o);
      for (; o < shape.out; ++o)
        dot_products_tile<S, 1>(weights + o * shape.in, x, shape.in, y + o);
    }
    for (; o < shape.out; ++o) {
      y[o] = 0;
      for (Index i = 0; i < shape.in; ++i) y[o] += weights[o * shape.in + i] * x[i];
    }
  }
}

/// y = x * weights^T for at most as many samples as a register has lanes, a sample in each lane.
template <class S>
inline void linear_with_samples_in_lanes(const linear_shape& shape, const S* x, const S* weights,
                                         S* y, Index samples, S* scratch) noexcept {
  S *const lines = scratch, *const result = scratch + lanes<S> * shape.in;
  if (samples < lanes<S>) std::fill_n(lines, lanes<S> * shape.in, S(0));
  transpose(x, shape.in, samples, shape.in, lines, lanes<S>);
  for (Index o = 0; o < shape.out;) {
    const int tile = next_tile_rows(shape.out - o);
    with_tile_rows(tile, [&](auto height) {
      sum_of_lines_tile<S, height(), 1>(lines, strided_taps{lanes<S>, 1, shape.in},
                                        weights + o * shape.in, shape.in, channel_epilogue<S>{},
                                        result, lanes<S>);
    });
    transpose(result, lanes<S>, Index{tile}, samples, y + o, shape.out);
    o += tile;
  }
}

/// result[r * size + t] = sum over k of weights[k * weight_stride + r * weight_pitch] * lines[k *
/// size + t] for `rows` rows: a matrix product whose lines need no packing.
template <class S>
inline void product_of_lines(const S* lines, Index size, Index terms, const S* weights,
                             Index weight_stride, Index weight_pitch, S* result,
                             Index rows) noexcept {
  for (Index r = 0; r < rows;) {
    const int tile = next_tile_rows(rows - r);
    if (size >= lanes<S>)
      with_tile_rows(tile, [&](auto height) {
        exact_sum_of_lines<S, height()>(lines, strided_taps{size, weight_stride, terms},
                                        weights + r * weight_pitch, weight_pitch, result + r * size,
                                        size, size);
      });
    else
      for (Index i = r; i < r + tile; ++i)
        for (Index t = 0; t < size; ++t) {
          S sum = 0;
          for (Index k = 0; k < terms; ++k)
            sum += weights[k * weight_stride + i * weight_pitch] * lines[k * size + t];
          result[i * size + t] = sum;
        }
    r += tile;
  }
}

}  // namespace detail

/// Numbers of scratch memory that `linear_forward` needs.
template <std::floating_point S>
[[nodiscard]] constexpr Index linear_scratch_size(const linear_shape& shape) noexcept {
  return detail::lanes<S> * (shape.in + detail::most_tile_rows);
}

/// y = epilogue(x * weights^T).
///
///     prunus::linear_forward(shape, x, weights, {.shift = bias, .relu = true}, y, samples,
///     scratch);
///
/// @pre x: samples x in, weights: out x in, y: samples x out, scratch: linear_scratch_size(), none
///      overlapping
template <std::floating_point S>
void linear_forward(const linear_shape& shape, const S* x, const S* weights,
                    const channel_epilogue<S>& epilogue, S* y, Index samples, S* scratch) noexcept {
  Index n = 0;
  for (; n + detail::lanes<S> / 2 <= samples; n += std::min(detail::lanes<S>, samples - n))
    detail::linear_with_samples_in_lanes(shape, x + n * shape.in, weights, y + n * shape.out,
                                         std::min(detail::lanes<S>, samples - n), scratch);
  if (n < samples)
    detail::linear_by_dot_products(shape, x + n * shape.in, weights, y + n * shape.out,
                                   samples - n);
  for (Index sample = 0; sample < samples; ++sample, y += shape.out) epilogue.apply(y, shape.out);
}

/// dx = dy * weights.
/// @pre dy: samples x out, weights: out x in, dx: samples x in, none overlapping
template <std::floating_point S>
void linear_input_gradient(const linear_shape& shape, const S* dy, const S* weights, S* dx,
                           Index samples) noexcept {
  detail::product_of_lines(weights, shape.in, shape.out, dy, 1, shape.out, dx, samples);
}

/// Rows [first, first + rows) of the weight gradient dw = dy^T * x and of the bias gradient db, the
/// sum of dy.
/// @pre x: samples x in, dy: samples x out, dw: out x in, db: out or null
template <std::floating_point S>
void linear_weight_gradient(const linear_shape& shape, const S* x, const S* dy, S* dw, S* db,
                            Index samples, Index first, Index rows) noexcept {
  detail::product_of_lines(x, shape.in, samples, dy + first, shape.out, 1, dw + first * shape.in,
                           rows);
  if (db == nullptr) return;
  for (Index o = first; o < first + rows; ++o) db[o] = 0;
  for (Index n = 0; n < samples; ++n)
    for (Index o = first; o < first + rows; ++o) db[o] += dy[n * shape.out + o];
}

}  // namespace v0
}  // namespace prunus
