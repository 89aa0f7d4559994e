// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/gate.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/detail/mix_bits.hpp>
#include <prunus/core/error.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <cmath>        // std::abs, std::sqrt
#include <cstdint>      // std::uint64_t
#include <span>         // std::span
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace detail {

/// @throws argument_error (out_of_range) unless `kept` are some of 0 .. size - 1, ascending
template <class = compiled_on_use>
void check_kept(std::string_view where, std::span<const Index> kept, Index size) {
  Index least = 0;
  for (const Index i : kept) {
    if (i < least || i >= size)
      throw argument_error(errc::out_of_range, concat(where, ".compacted: ", i, " of ", size,
                                                      "; what is kept must be there and ascend"));
    least = i + 1;
  }
  if (kept.empty())
    throw argument_error(errc::out_of_range, concat(where, ".compacted: nothing of ", size,
                                                    " is kept; keep at least 1"));
}

/// Fills with uniform numbers of mean 0 and variance 2 / fan: a pure function of (seed, index).
template <class S>
void he_uniform(S* values, Index size, Index fan, std::uint64_t seed) noexcept {
  const double width = std::sqrt(6.0 / static_cast<double>(fan));
  for (Index i = 0; i < size; ++i) {
    const std::uint64_t bits = mix_bits(mix_bits(seed) + static_cast<std::uint64_t>(i));
    values[i] = static_cast<S>(width * (static_cast<double>(bits >> 11) * 0x1p-52 - 1));
  }
}

/// |x| of scalars and of registers.
template <class S>
struct absolute_value {
  [[nodiscard]] S operator()(S x) const noexcept { return std::abs(x); }
  [[nodiscard]] packet<S> operator()(const packet<S>& x) const noexcept {
    return positive_part<S>(x) + positive_part<S>(x * broadcast(S(-1)));
  }
};

/// Mean of every plane, or of its absolute values; 0 for closed channels, whose planes are not
/// read.
template <bool Absolute, class S>
void pool(const feature_maps<S>& x, S* means) noexcept {
  for (Index c = 0; c < x.channels; ++c) {
    means[c] = 0;
    if (!x.is_open(c)) continue;
    const S sum = Absolute ? sum_over<S>(x.plane, absolute_value<S>{}, x.plane_of(c))
                           : sum_over<S>(
                                 x.plane, [](auto v) { return v; }, x.plane_of(c));
    means[c] = sum / static_cast<S>(x.plane);
  }
}

/// Adds the gradient of the means to that of the planes of open channels.
template <bool Absolute, class S>
void pool_backward(const feature_maps<S>& x, const S* means_gradient, S* gradient) noexcept {
  for (Index c = 0; c < x.channels; ++c) {
    if (!x.is_open(c)) continue;
    const S share = means_gradient[c] / static_cast<S>(x.plane);
    const S* const from = x.plane_of(c);
    S* const to = gradient + c * x.plane;
    for (Index p = 0; p < x.plane; ++p)
      if constexpr (Absolute)
        to[p] += from[p] > 0 ? share : from[p] < 0 ? -share : S(0);
      else
        to[p] += share;
  }
}

/// y = W x + b; W: out x in.
template <class S>
void affine(const S* weights, const S* bias, const S* x, Index in, Index out, S* y) noexcept {
  for (Index o = 0; o < out; ++o) {
    const S* const row = weights + o * in;
    y[o] = bias[o] + sum_over<S>(
                         in, [](const auto& w, const auto& v) { return w * v; }, row, x);
  }
}

/// Adds to the gradients of W and b and writes that of x.
template <class S>
void affine_backward(const S* weights, const S* x, const S* y_gradient, Index in, Index out,
                     S* weights_gradient, S* bias_gradient, S* x_gradient) noexcept {
  for (Index i = 0; i < in; ++i) x_gradient[i] = 0;
  for (Index o = 0; o < out; ++o) {
    const S d = y_gradient[o];
    bias_gradient[o] += d;
    for (Index i = 0; i < in; ++i) {
      weights_gradient[o * in + i] += d * x[i];
      x_gradient[i] += d * weights[o * in + i];
    }
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
