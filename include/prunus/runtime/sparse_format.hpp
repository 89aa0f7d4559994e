// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/formats/blocks_of.hpp>
#include <prunus/runtime/formats/patterns.hpp>
#include <prunus/runtime/formats/rows.hpp>

#include <array>        // std::array
#include <concepts>     // std::same_as
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view
#include <tuple>        // std::tuple
#include <utility>      // std::index_sequence

namespace prunus {
inline namespace v0 {
namespace detail {

/// What stands here can be chosen at run time, is timed by `fastest_kernel` and compiled into
/// `prunus::kernels`.
using listed_formats = std::tuple<formats::rows, formats::patterns, formats::blocks_of<4>,
                                  formats::blocks_of<8>, formats::blocks_of<16>>;

template <class F, class... Formats>
[[nodiscard]] consteval std::size_t index_in(std::tuple<Formats...>*) {
  std::size_t index = 0;
  static_cast<void>(((std::same_as<F, Formats> || (++index, false)) || ...));
  return index;
}
template <class F>
inline constexpr std::size_t format_index = index_in<F>(static_cast<listed_formats*>(nullptr));

}  // namespace detail

/// One of the library's formats, chosen at run time.
///
/// Every format can hold every weight; they differ in what they can skip.
///
/// | pruned as | format |
/// | --- | --- |
/// | `block(4, 1)` | `blocks_of<4>` |
/// | `block(8, 1)` | `blocks_of<8>`, `blocks_of<4>` |
/// | `block(16, 1)` or coarser | `blocks_of<16>` in linear layers, `blocks_of<8>` in convolutions |
/// | kernels, N of M, single weights | `patterns`; `rows` where most is gone |
class sparse_format {
 public:
  template <class F>
    requires(detail::format_index<F> < std::tuple_size_v<detail::listed_formats>)
  constexpr sparse_format(F) noexcept  // NOLINT(google-explicit-constructor): as std::variant does
      : index_(detail::format_index<F>) {}

  /// f(the format, as a value of its own type).
  template <class F>
  constexpr void visit(const F& f) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      static_cast<void>(
          ((index_ == I && (f(std::tuple_element_t<I, detail::listed_formats>{}), true)) || ...));
    }
    (std::make_index_sequence<std::tuple_size_v<detail::listed_formats>>{});
  }

  friend constexpr bool operator==(sparse_format, sparse_format) noexcept = default;

 private:
  std::size_t index_;
};

[[nodiscard]] constexpr std::string_view name_of(sparse_format format) noexcept {
  std::string_view name;
  format.visit([&](auto chosen) { name = chosen.name; });
  return name;
}

inline constexpr auto all_sparse_formats = []<class... F>(std::tuple<F...>) {
  return std::array{sparse_format(F{})...};
}(detail::listed_formats{});

}  // namespace v0
}  // namespace prunus
