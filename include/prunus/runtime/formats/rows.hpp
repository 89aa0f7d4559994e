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

/// Every output on its own, which pays when hardly anything is left.
struct rows {
  static constexpr std::string_view name = "rows";
  static constexpr bool skips_single_zeros = true;
  template <class S, class Line, int MostRows>
  using packed = detail::packed_panels<S, Line, 1, false>;
  template <class S>
  [[nodiscard]] static std::vector<std::int32_t> order_of(const S*, Index rows, Index) {
    return detail::rows_in_order(rows);
  }
};
static_assert(packing_format<rows>);

}  // namespace formats
}  // namespace v0
}  // namespace prunus
