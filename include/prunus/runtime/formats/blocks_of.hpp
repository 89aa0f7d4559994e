// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/detail/packed_panels.hpp>
#include <prunus/runtime/detail/similar_rows.hpp>
#include <prunus/runtime/packing_format.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <cstdint>      // std::int32_t
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace formats {

/// 4, 8 or 16 outputs together; an input (of a convolution: a position of its kernel) is left out
/// that none of them takes. Wants weights pruned in blocks of as many outputs or coarser. Half a
/// block is computed at once where there are few registers.
template <int Outputs>
struct blocks_of {
  static_assert(Outputs == 4 || Outputs == 8 || Outputs == 16);
  static constexpr std::string_view name = Outputs == 4   ? "blocks_of_4"
                                           : Outputs == 8 ? "blocks_of_8"
                                                          : "blocks_of_16";
  static constexpr bool skips_single_zeros = false;
  template <class S, class Line, int MostRows>
  using packed = detail::packed_panels<S, Line, std::min(Outputs, MostRows), false>;
  template <class S>
  [[nodiscard]] static std::vector<std::int32_t> order_of(const S*, Index rows, Index) {
    return detail::rows_in_order(rows);
  }
};
static_assert(packing_format<blocks_of<4>> && packing_format<blocks_of<16>>);

}  // namespace formats
}  // namespace v0
}  // namespace prunus
