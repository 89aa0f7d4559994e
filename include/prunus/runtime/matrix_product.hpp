// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/detail/line_kernels.hpp>
#include <prunus/runtime/detail/packet.hpp>

#include <Eigen/Core>

#include <concepts>  // std::floating_point
#include <utility>   // std::index_sequence

namespace prunus::inline v0 {

using Eigen::Index;

/// Extents of a dense layer: weights are out x in, row-major.
struct dense_shape {
  Index in = 1;
  Index out = 1;
};

namespace detail {

/// y[s * y_pitch + r] = sum over i of w[r * size + i] * x[s * size + i] for a tile of Rows x Samples dot products.
/// @pre size >= lanes
template <class S, int Rows, int Samples>
inline void dot_products_tile(const S* w, const S* x, Index size, S* y, Index y_pitch) noexcept {
  [&]<std::size_t... R, std::size_t... N, std::size_t... A>(
      std::index_sequence<R...>, std::index_sequence<N...>, std::index_sequence<A...>) {
    constexpr std::size_t width = sizeof...(N);
    packet<S> sum[] = {(static_cast<void>(A), packet<S>{})...};
    Index i = 0;
    for (; i + lanes<S> <= size; i += lanes<S>) {
      const packet<S> a[] = {load(x + Index(N) * size + i)...};
      const packet<S> b[] = {load(w + Index(R) * size + i)...};
      ((sum[A] = sum[A] + b[A / width] * a[A % width]), ...);
    }
    if (i < size) {
      const packet<S> a[] = {load_last<S>(x + Index(N) * size + size, size - i)...};
      const packet<S> b[] = {load_last<S>(w + Index(R) * size + size, size - i)...};
      ((sum[A] = sum[A] + b[A / width] * a[A % width]), ...);
    }
    ((y[Index(A % width) * y_pitch + Index(A / width)] = sum_of_lanes<S>(sum[A])), ...);
  }(std::make_index_sequence<std::size_t{Rows}>{}, std::make_index_sequence<std::size_t{Samples}>{},
    std::make_index_sequence<std::size_t{Rows} * std::size_t{Samples}>{});
}

/// All samples against `Rows` rows of weights.
template <class S, int Rows>
inline void dot_products(const S* w, const S* x, Index size, S* y, Index y_pitch, Index samples) noexcept {
  Index n = 0;
  const auto sweep = [&]<int Samples>(int_constant<Samples>) {
    for (; n + Samples <= samples; n += Samples)
      dot_products_tile<S, Rows, Samples>(w, x + n * size, size, y + n * y_pitch, y_pitch);
  };
  constexpr int wide = vector_registers >= 32 ? 6 : 2;
  sweep(int_constant<wide>{});
  if constexpr (wide > 2) sweep(int_constant<2>{});
  sweep(int_constant<1>{});
}

/// result[r * size + t] = sum over k of weights[k * weight_stride + r * weight_pitch] * lines[k * size + t] for
/// `rows` rows: a matrix product whose lines need no packing.
template <class S>
inline void product_of_lines(const S* lines, Index size, Index terms, const S* weights, Index weight_stride,
                             Index weight_pitch, S* result, Index rows) noexcept {
  for (Index r = 0; r < rows;) {
    const int tile = next_tile_rows(rows - r);
    if (size >= lanes<S>)
      with_tile_rows(tile, [&](auto height) {
        exact_sum_of_lines<S, height()>(lines, strided_taps{size, weight_stride, terms}, weights + r * weight_pitch,
                                        weight_pitch, result + r * size, size, size);
      });
    else
      for (Index i = r; i < r + tile; ++i)
        for (Index t = 0; t < size; ++t) {
          S sum = 0;
          for (Index k = 0; k < terms; ++k) sum += weights[k * weight_stride + i * weight_pitch] * lines[k * size + t];
          result[i * size + t] = sum;
        }
    r += tile;
  }
}

}  // namespace detail

/// y = x * weights^T + bias, and zero where negative when `relu` is set.
/// @pre x: samples x in, weights: out x in, bias: out or null, y: samples x out, none overlapping
template <std::floating_point S>
void dense_forward(const dense_shape& shape, const S* x, const S* weights, const S* bias, bool relu, S* y,
                   Index samples) noexcept {
  constexpr Index rows = 4;
  Index o = 0;
  if (shape.in >= detail::lanes<S>) {
    for (; o + rows <= shape.out; o += rows)
      detail::dot_products<S, rows>(weights + o * shape.in, x, shape.in, y + o, shape.out, samples);
    for (; o < shape.out; ++o)
      detail::dot_products<S, 1>(weights + o * shape.in, x, shape.in, y + o, shape.out, samples);
  }
  for (; o < shape.out; ++o)
    for (Index n = 0; n < samples; ++n) {
      S sum = 0;
      for (Index i = 0; i < shape.in; ++i) sum += weights[o * shape.in + i] * x[n * shape.in + i];
      y[n * shape.out + o] = sum;
    }
  for (Index n = 0; n < samples; ++n, y += shape.out) {
    if (bias != nullptr)
      for (Index i = 0; i < shape.out; ++i) y[i] += bias[i];
    if (relu)
      for (Index i = 0; i < shape.out; ++i) y[i] = y[i] < 0 ? S(0) : y[i];  // NaN stays NaN
  }
}

/// dx = dy * weights.
/// @pre dy: samples x out, weights: out x in, dx: samples x in, none overlapping
template <std::floating_point S>
void dense_input_gradient(const dense_shape& shape, const S* dy, const S* weights, S* dx, Index samples) noexcept {
  detail::product_of_lines(weights, shape.in, shape.out, dy, 1, shape.out, dx, samples);
}

/// Rows [first, first + rows) of the weight gradient dw = dy^T * x and of the bias gradient db, the sum of dy.
/// @pre x: samples x in, dy: samples x out, dw: out x in, db: out or null
template <std::floating_point S>
void dense_weight_gradient(const dense_shape& shape, const S* x, const S* dy, S* dw, S* db, Index samples,
                           Index first, Index rows) noexcept {
  detail::product_of_lines(x, shape.in, samples, dy + first, shape.out, 1, dw + first * shape.in, rows);
  if (db == nullptr) return;
  for (Index o = first; o < first + rows; ++o) db[o] = 0;
  for (Index n = 0; n < samples; ++n)
    for (Index o = first; o < first + rows; ++o) db[o] += dy[n * shape.out + o];
}

}  // namespace prunus::inline v0
