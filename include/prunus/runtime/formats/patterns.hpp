// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/detail/packed_panels.hpp>
#include <prunus/runtime/detail/similar_rows.hpp>
#include <prunus/runtime/packing_format.hpp>

#include <Eigen/Core>

#include <cstdint>      // std::int32_t
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace formats {

/// Four outputs together, of which every single zero is left out: the inputs are sorted by which of
/// the four take them. In convolutions, the four are those that have most inputs in common.
///
/// N of M is no format of its own: without instructions for it, packing as patterns was as fast as
/// walking the groups in step.
///
/// Cost: a pass for each of 15 patterns, and in convolutions a comparison of each two outputs of a
/// group, which looks at 64 weights at a time.
struct patterns {
  static constexpr std::string_view name = "patterns";
  static constexpr bool skips_single_zeros = true;
  template <class S, class Line, int MostRows>
  using packed = detail::packed_panels<S, Line, detail::pattern_rows, true>;
  template <class S>
  [[nodiscard]] static std::vector<std::int32_t> order_of(const S* weights, Index rows,
                                                          Index terms) {
    return detail::similar_rows(weights, rows, terms, detail::pattern_rows);
  }
};
static_assert(packing_format<patterns>);

}  // namespace formats
}  // namespace v0
}  // namespace prunus
