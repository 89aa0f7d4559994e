// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/tensor_reader.hpp>

namespace prunus {
inline namespace v0 {
namespace detail {

/// Of a table of rows x channels: all rows hold the same for a channel.
[[nodiscard]] inline bool column_is_constant(const tensor_reader& table, Index channel) noexcept {
  for (Index row = 1; row < table.extent(axis::in); ++row)
    if (table(channel, row) != table(channel, 0)) return false;
  return true;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
