// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>

#include <array>   // std::array
#include <string>  // std::string

namespace prunus {
inline namespace v0 {
namespace detail {

/// Along out, in, height, width.
template <class S>
[[nodiscard]] std::array<Index, 4> extents_of(const weight_view<S>& w) {
  return {w.extent(axis::out), w.extent(axis::in), w.extent(axis::height), w.extent(axis::width)};
}
/// "64 x 32 x 3 x 3".
[[nodiscard]] inline std::string text_of(const std::array<Index, 4>& extents) {
  return concat(extents[0], " x ", extents[1], " x ", extents[2], " x ", extents[3]);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
