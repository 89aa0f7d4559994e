// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <charconv>     // std::to_chars
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_arithmetic_v, std::is_same_v

namespace prunus_examples {
namespace detail {

inline void append_text(std::string& text, std::string_view part) { text += part; }
inline void append_text(std::string& text, char part) { text += part; }
template <class Number>
  requires std::is_arithmetic_v<Number>
void append_text(std::string& text, Number part) {
  if constexpr (std::is_same_v<Number, bool>) {
    text += part ? '1' : '0';
  } else {
    std::array<char, 64> digits;
    text.append(digits.data(),
                std::to_chars(digits.data(), digits.data() + digits.size(), part).ptr);
  }
}

}  // namespace detail

/// Texts and numbers, one after the other: joined("image ", 3, " of ", 10) is "image 3 of 10".
/// Numbers read back as the same value and have a decimal point whatever the locale.
template <class... Parts>
[[nodiscard]] std::string joined(const Parts&... parts) {
  std::string result;
  (detail::append_text(result, parts), ...);
  return result;
}

}  // namespace prunus_examples
