// SPDX-License-Identifier: MIT
#pragma once

namespace prunus {
inline namespace v0 {
namespace detail {

struct tile_sum {
  static auto reduce(const auto& terms) { return terms.sum(); }
  static auto combine(const auto& a, const auto& b) { return a + b; }
};

struct magnitude_sum : tile_sum {
  static auto of(const auto& values) { return values.abs(); }
};

struct square_sum : tile_sum {
  static auto of(const auto& values) { return values.square(); }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
