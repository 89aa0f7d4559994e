// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <array>        // std::array
#include <concepts>     // std::same_as
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t, ...
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <type_traits>  // std::type_identity

namespace prunus {
inline namespace v0 {

/// The types in which a file may store numbers.
enum class stored_type : std::uint8_t {
  boolean,  ///< a byte, 0 or 1
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  u64,
  i64,
  f16,
  bf16,
  f32,
  f64,
  other  ///< one that the library does not compute with: F8_E4M3, F4, C64, ...
};

namespace detail {

inline constexpr std::array<std::string_view, 13> stored_type_names{
    "BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "BF16", "F32", "F64"};

/// Calls f(std::type_identity<T>{}) with the C++ type that has the bits of `type`; bytes of what is
/// not known.
template <class F>
constexpr decltype(auto) with_type(stored_type type, const F& f) {
  switch (type) {
    case stored_type::boolean:
    case stored_type::u8:
    case stored_type::other:
      break;
    case stored_type::i8:
      return f(std::type_identity<std::int8_t>{});
    case stored_type::u16:
      return f(std::type_identity<std::uint16_t>{});
    case stored_type::i16:
      return f(std::type_identity<std::int16_t>{});
    case stored_type::u32:
      return f(std::type_identity<std::uint32_t>{});
    case stored_type::i32:
      return f(std::type_identity<std::int32_t>{});
    case stored_type::u64:
      return f(std::type_identity<std::uint64_t>{});
    case stored_type::i64:
      return f(std::type_identity<std::int64_t>{});
    case stored_type::f16:
      return f(std::type_identity<Eigen::half>{});
    case stored_type::bf16:
      return f(std::type_identity<Eigen::bfloat16>{});
    case stored_type::f32:
      return f(std::type_identity<float>{});
    case stored_type::f64:
      return f(std::type_identity<double>{});
  }
  return f(std::type_identity<std::uint8_t>{});
}

/// Bits that one element of that type takes; nothing where that is not known.
[[nodiscard]] constexpr std::optional<unsigned> bits_of(std::string_view type) noexcept {
  for (std::size_t i = 0; i < stored_type_names.size(); ++i)
    if (stored_type_names[i] == type)
      return static_cast<unsigned>(
          with_type(static_cast<stored_type>(i),
                    []<class T>(std::type_identity<T>) { return 8 * sizeof(T); }));
  if (type == "F4") return 4;
  if (type == "F6_E2M3" || type == "F6_E3M2") return 6;
  if (type.starts_with("F8_")) return 8;
  if (type == "C64") return 64;
  return std::nullopt;
}

}  // namespace detail

/// "F32", as safetensors files name it; "other".
[[nodiscard]] constexpr std::string_view name_of(stored_type type) noexcept {
  return type == stored_type::other ? "other"
                                    : detail::stored_type_names[static_cast<std::size_t>(type)];
}
/// The type of that name; nothing for a name that is not known.
[[nodiscard]] constexpr std::optional<stored_type> stored_type_named(
    std::string_view name) noexcept {
  for (std::size_t i = 0; i < detail::stored_type_names.size(); ++i)
    if (detail::stored_type_names[i] == name) return static_cast<stored_type>(i);
  return std::nullopt;
}

/// Bytes that one number takes; 0 where that is not known.
[[nodiscard]] constexpr std::size_t bytes_of(stored_type type) noexcept {
  if (type == stored_type::other) return 0;
  return detail::with_type(type, []<class T>(std::type_identity<T>) { return sizeof(T); });
}
[[nodiscard]] constexpr bool is_floating(stored_type type) noexcept {
  return type >= stored_type::f16 && type != stored_type::other;
}

/// The type in which weights of that scalar are stored.
template <weight_scalar S>
[[nodiscard]] constexpr stored_type stored_type_of() noexcept {
  if constexpr (std::same_as<S, float>) return stored_type::f32;
  if constexpr (std::same_as<S, double>) return stored_type::f64;
  if constexpr (std::same_as<S, Eigen::half>) return stored_type::f16;
  return stored_type::bf16;
}

}  // namespace v0
}  // namespace prunus
