// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max, std::min, std::fill_n
#include <concepts>   // std::floating_point

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Extents of a pooling of planes; out_* as of a convolution.
struct pooling_shape {
  Index height = 1;
  Index width = 1;
  Index kernel_height = 2;
  Index kernel_width = 2;
  Index stride_height = 2;
  Index stride_width = 2;
  Index padding_height = 0;
  Index padding_width = 0;

  [[nodiscard]] constexpr Index out_height() const noexcept {
    return (height + 2 * padding_height - kernel_height) / stride_height + 1;
  }
  [[nodiscard]] constexpr Index out_width() const noexcept {
    return (width + 2 * padding_width - kernel_width) / stride_width + 1;
  }
  [[nodiscard]] constexpr Index in_plane() const noexcept { return height * width; }
  [[nodiscard]] constexpr Index out_plane() const noexcept { return out_height() * out_width(); }
  /// The usual case, which has loops of its own: windows of 2 x 2 side by side.
  [[nodiscard]] constexpr bool is_halving() const noexcept {
    return kernel_height == 2 && kernel_width == 2 && stride_height == 2 && stride_width == 2 &&
           padding_height == 0 && padding_width == 0;
  }
};

namespace detail {

/// Calls f(output position, first row, last row, first column, last column) for every window,
/// clipped to the plane.
template <class F>
inline void for_each_window(const pooling_shape& s, const F& f) {
  for (Index y = 0; y < s.out_height(); ++y)
    for (Index x = 0; x < s.out_width(); ++x) {
      const Index top = y * s.stride_height - s.padding_height,
                  left = x * s.stride_width - s.padding_width;
      f(y * s.out_width() + x, std::max<Index>(top, 0), std::min(top + s.kernel_height, s.height),
        std::max<Index>(left, 0), std::min(left + s.kernel_width, s.width));
    }
}

template <class S>
[[nodiscard]] inline Index position_of_maximum(const S* x, Index width, Index top, Index bottom,
                                               Index left, Index right) noexcept {
  Index best = top * width + left;
  for (Index row = top; row < bottom; ++row)
    for (Index column = left; column < right; ++column)
      if (x[row * width + column] > x[best]) best = row * width + column;
  return best;
}

/// `Count` windows of 2 x 2 side by side, forwards and backwards.
template <Index Count, class S>
inline void halve(const S* __restrict upper, const S* __restrict lower, S* __restrict to) noexcept {
  if constexpr (has_shuffles && Count >= 4) {
    using packets = interleaved_packets<S, Count>;
    const packets u = packets::load_from(upper), l = packets::load_from(lower);
    const auto ab = u.odd > u.even ? u.odd : u.even, cd = l.odd > l.even ? l.odd : l.even;
    return store<S, Count>(to, cd > ab ? cd : ab);
  }
  for (Index i = 0; i < Count; ++i) {
    const S a = upper[2 * i], b = upper[2 * i + 1], c = lower[2 * i], d = lower[2 * i + 1];
    const S ab = b > a ? b : a, cd = d > c ? d : c;
    to[i] = cd > ab ? cd : ab;
  }
}
template <Index Count, class S>
inline void unhalve(const S* __restrict upper, const S* __restrict lower,
                    const S* __restrict gradient, S* __restrict to_upper,
                    S* __restrict to_lower) noexcept {
  if constexpr (has_shuffles && Count >= 4) {
    using packets = interleaved_packets<S, Count>;
    const packets u = packets::load_from(upper), l = packets::load_from(lower);
    const auto ab = u.odd > u.even ? u.odd : u.even, cd = l.odd > l.even ? l.odd : l.even;
    const packet<S, Count> g = load<S, Count>(gradient), zero{};
    const packet<S, Count> above = cd > ab ? zero : g, below = cd > ab ? g : zero;
    packets{u.odd > u.even ? zero : above, u.odd > u.even ? above : zero}.store_to(to_upper);
    packets{l.odd > l.even ? zero : below, l.odd > l.even ? below : zero}.store_to(to_lower);
    return;
  }
  for (Index i = 0; i < Count; ++i) {
    const S a = upper[2 * i], b = upper[2 * i + 1], c = lower[2 * i], d = lower[2 * i + 1],
            g = gradient[i];
    const S ab = b > a ? b : a, cd = d > c ? d : c;
    const S above = cd > ab ? S(0) : g, below = cd > ab ? g : S(0);
    to_upper[2 * i] = b > a ? S(0) : above;
    to_upper[2 * i + 1] = b > a ? above : S(0);
    to_lower[2 * i] = d > c ? S(0) : below;
    to_lower[2 * i + 1] = d > c ? below : S(0);
  }
}

}  // namespace detail

/// The largest value of each window; padding never wins.
/// @pre x: planes x H x W, y: planes x H' x W'. NaN: a window whose first value is NaN gives NaN,
/// others are passed over.
template <std::floating_point S>
void max_pooling_forward(const pooling_shape& s, const S* x, S* y, Index planes) {
  for (Index plane = 0; plane < planes; ++plane, x += s.in_plane(), y += s.out_plane()) {
    if (s.is_halving()) {
      for (Index row = 0; row < s.out_height(); ++row) {
        const S *upper = x + 2 * row * s.width, *lower = upper + s.width;
        S* to = y + row * s.out_width();
        detail::in_overlapping_steps<S>(s.out_width(), [&](auto count, Index i) {
          detail::halve<count()>(upper + 2 * i, lower + 2 * i, to + i);
        });
      }
    } else {
      detail::for_each_window(s, [&](Index out, Index top, Index bottom, Index left, Index right) {
        y[out] = x[detail::position_of_maximum(x, s.width, top, bottom, left, right)];
      });
    }
  }
}

/// Each gradient goes to the first largest value of its window.
/// @pre as of `max_pooling_forward`, dx like x; without `accumulate` dx is overwritten
template <std::floating_point S>
void max_pooling_backward(const pooling_shape& s, const S* x, const S* dy, bool accumulate, S* dx,
                          Index planes) {
  const bool covered = s.is_halving() && s.height % 2 == 0 && s.width % 2 == 0;
  if (!accumulate && !covered) std::fill_n(dx, planes * s.in_plane(), S(0));
  for (Index plane = 0; plane < planes;
       ++plane, x += s.in_plane(), dy += s.out_plane(), dx += s.in_plane()) {
    if (covered && !accumulate) {
      for (Index row = 0; row < s.out_height(); ++row) {
        const S *upper = x + 2 * row * s.width, *lower = upper + s.width,
                *from = dy + row * s.out_width();
        S *to_upper = dx + 2 * row * s.width, *to_lower = to_upper + s.width;
        detail::in_overlapping_steps<S>(s.out_width(), [&](auto count, Index i) {
          detail::unhalve<count()>(upper + 2 * i, lower + 2 * i, from + i, to_upper + 2 * i,
                                   to_lower + 2 * i);
        });
      }
    } else {
      detail::for_each_window(s, [&](Index out, Index top, Index bottom, Index left, Index right) {
        dx[detail::position_of_maximum(x, s.width, top, bottom, left, right)] += dy[out];
      });
    }
  }
}

/// The mean of each window; zero padding counts.
template <std::floating_point S>
void average_pooling_forward(const pooling_shape& s, const S* x, S* y, Index planes) {
  const S share = S(1) / static_cast<S>(s.kernel_height * s.kernel_width);
  for (Index plane = 0; plane < planes; ++plane, x += s.in_plane(), y += s.out_plane())
    detail::for_each_window(s, [&](Index out, Index top, Index bottom, Index left, Index right) {
      S sum = 0;
      for (Index row = top; row < bottom; ++row)
        for (Index column = left; column < right; ++column) sum += x[row * s.width + column];
      y[out] = sum * share;
    });
}

/// Each gradient goes in equal shares to the values of its window.
template <std::floating_point S>
void average_pooling_backward(const pooling_shape& s, const S* dy, bool accumulate, S* dx,
                              Index planes) {
  const S share = S(1) / static_cast<S>(s.kernel_height * s.kernel_width);
  if (!accumulate) std::fill_n(dx, planes * s.in_plane(), S(0));
  for (Index plane = 0; plane < planes; ++plane, dy += s.out_plane(), dx += s.in_plane())
    detail::for_each_window(s, [&](Index out, Index top, Index bottom, Index left, Index right) {
      for (Index row = top; row < bottom; ++row)
        for (Index column = left; column < right; ++column)
          dx[row * s.width + column] += dy[out] * share;
    });
}

}  // namespace v0
}  // namespace prunus
