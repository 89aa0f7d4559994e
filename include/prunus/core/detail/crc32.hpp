// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <cstdint>      // std::uint32_t
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace detail {

inline constexpr std::array<std::uint32_t, 256> crc32_of_byte = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    table[byte] = byte;
    for (int bit = 0; bit < 8; ++bit)
      table[byte] = table[byte] >> 1 ^ ((table[byte] & 1) != 0 ? 0xedb88320u : 0u);
  }
  return table;
}();

/// The checksum of gzip and PNG, of the bytes that gave `before` followed by these. It changes with
/// any error within 32 neighbouring bits, so with every flipped bit.
/// Source: ISO/IEC/IEEE 8802-3, CRC-32
[[nodiscard]] constexpr std::uint32_t crc32(std::string_view bytes,
                                            std::uint32_t before = 0) noexcept {
  std::uint32_t crc = ~before;
  for (const char byte : bytes)
    crc = crc >> 8 ^ crc32_of_byte[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
