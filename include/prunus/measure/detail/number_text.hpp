// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>

#include <algorithm>     // std::clamp
#include <array>         // std::array
#include <charconv>      // std::to_chars
#include <cmath>         // std::abs, std::floor, std::isfinite, std::log10, std::pow
#include <cstddef>       // std::size_t
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <system_error>  // std::errc

namespace prunus {
inline namespace v0 {
namespace detail {

/// The shortest text that reads back as the same number; a decimal point whatever the locale.
[[nodiscard]] inline std::string shortest_text(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

/// With so many digits after the decimal point: 2.5, 2 -> "2.50".
[[nodiscard]] inline std::string fixed_text(double value, int decimals) {
  std::array<char, 400> buffer;  // the largest double has 309 digits before the point
  const auto [end, problem] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                            std::chars_format::fixed, decimals);
  return problem == std::errc{} ? std::string(buffer.data(), end) : shortest_text(value);
}

/// As fixed_text, without the zeros at the end: 0.950, 3 -> "0.95".
[[nodiscard]] inline std::string trimmed_text(double value, int decimals) {
  std::string text = fixed_text(value, decimals);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// With three digits that count, never fewer than stand before the point: 0.0456, 12.3, 1234.
[[nodiscard]] inline std::string three_digits(double value) {
  const double size = std::abs(value);
  if (!(size > 0) || !std::isfinite(size)) return fixed_text(value, 0);
  int before = static_cast<int>(std::floor(std::log10(size))) + 1;
  if (size >= std::pow(10.0, before) * (1 - 0.0005)) ++before;  // 9.996 is shown as 10.0
  return fixed_text(value, std::clamp(3 - before, 0, 12));
}

/// In steps of a thousand: 1234567, "B" -> "1.23 MB"; whole numbers below 1000 as they are.
template <class = compiled_on_use>
[[nodiscard]] std::string scaled_text(double value, std::string_view unit) {
  constexpr std::array<std::string_view, 6> prefixes{"", "k", "M", "G", "T", "P"};
  std::size_t step = 0;
  while (step + 1 < prefixes.size() && value >= 999.5) {
    value /= 1000;
    ++step;
  }
  const bool whole = step == 0 && value == std::floor(value);
  std::string text = whole ? fixed_text(value, 0) : three_digits(value);
  if (step == 0 && unit.empty()) return text;
  return text.append(" ").append(prefixes[step]).append(unit);
}

[[nodiscard]] inline std::string percent_text(double fraction) {
  return fixed_text(100 * fraction, 2) + " %";
}

[[nodiscard]] inline std::string milliseconds_text(double seconds) {
  return three_digits(1000 * seconds) + " ms";
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
