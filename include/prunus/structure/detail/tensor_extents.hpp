// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>  // std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <string>     // std::string
#include <utility>    // std::swap

namespace prunus {
inline namespace v0 {
namespace detail {

/// The extents of a declared tensor: out, in, height, width.
[[nodiscard]] inline std::array<Index, 4> extents_of(const parameter_declaration& p) {
  std::array<Index, 4> extents{1, 1, 1, 1};
  for (std::size_t k = 0; k < p.shape.size(); ++k) extents[k] = p.shape[k];
  if (p.features_last) std::swap(extents[0], extents[1]);
  return extents;
}
template <class S>
[[nodiscard]] std::array<Index, 4> extents_of(const weight_view<S>& w) {
  return {w.extent(axis::out), w.extent(axis::in), w.extent(axis::height), w.extent(axis::width)};
}
/// "64 x 32 x 3 x 3".
[[nodiscard]] inline std::string text_of(const std::array<Index, 4>& extents) {
  return concat(extents[0], " x ", extents[1], " x ", extents[2], " x ", extents[3]);
}

/// One kernel of a weight: whether it is all zero (a NaN is not), and its sum.
template <class S>
[[nodiscard]] bool kernel_is_zero(const weight_view<const S>& w, Index out, Index in) {
  for (Index y = 0; y < w.extent(axis::height); ++y)
    for (Index x = 0; x < w.extent(axis::width); ++x)
      if (!(w(out, in, y, x) == S(0))) return false;
  return true;
}
/// Whether all weights of one output are known to be zero: they are, and lie together in memory.
template <class S>
[[nodiscard]] bool output_is_zero(const weight_view<const S>& w, Index out) {
  constexpr Index together = 256;
  const Index size = w.stride(axis::out);
  if (size * w.extent(axis::out) != w.size()) return false;
  const S* const first = w.data + out * size;
  if (!(first[0] == S(0))) return false;
  for (Index begin = 0; begin < size; begin += together) {
    const Index end = std::min(begin + together, size);
    int others = 0;
    for (Index i = begin; i < end; ++i) others += first[i] == S(0) ? 0 : 1;
    if (others != 0) return false;
  }
  return true;
}
template <class S>
[[nodiscard]] double kernel_sum(const weight_view<const S>& w, Index out, Index in) {
  double sum = 0;
  for (Index y = 0; y < w.extent(axis::height); ++y)
    for (Index x = 0; x < w.extent(axis::width); ++x) sum += static_cast<double>(w(out, in, y, x));
  return sum;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
