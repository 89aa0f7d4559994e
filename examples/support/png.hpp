// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "file_output.hpp"
#include "text.hpp"

#include <zlib.h>  // compress2, compressBound, crc32

#include <cstddef>      // std::ptrdiff_t, std::size_t
#include <cstdint>      // std::uint8_t, std::uint32_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus_examples {

struct rgb {
  std::uint8_t red = 0, green = 0, blue = 0;
  friend constexpr bool operator==(const rgb&, const rgb&) = default;
};

/// A picture of pixels, white at first.
class bitmap {
 public:
  /// @throws prunus::argument_error out_of_range: a side below 1
  bitmap(std::ptrdiff_t width, std::ptrdiff_t height) : width_(width), height_(height) {
    if (width < 1 || height < 1)
      throw prunus::argument_error(
          prunus::errc::out_of_range,
          joined("bitmap: sides of at least 1 were expected, got ", width, " x ", height));
    pixels_.assign(static_cast<std::size_t>(width * height), rgb{255, 255, 255});
  }
  [[nodiscard]] std::ptrdiff_t width() const noexcept { return width_; }
  [[nodiscard]] std::ptrdiff_t height() const noexcept { return height_; }
  [[nodiscard]] rgb& at(std::ptrdiff_t x, std::ptrdiff_t y) {
    return pixels_[static_cast<std::size_t>(y * width_ + x)];
  }
  [[nodiscard]] const rgb& at(std::ptrdiff_t x, std::ptrdiff_t y) const {
    return pixels_[static_cast<std::size_t>(y * width_ + x)];
  }
  /// Fills the square of `size` pixels whose upper left corner is (x, y); what lies outside is left
  /// out.
  void fill(std::ptrdiff_t x, std::ptrdiff_t y, std::ptrdiff_t size, rgb colour) {
    for (std::ptrdiff_t row = y; row < y + size; ++row)
      for (std::ptrdiff_t column = x; column < x + size; ++column)
        if (row >= 0 && row < height_ && column >= 0 && column < width_) at(column, row) = colour;
  }

 private:
  std::ptrdiff_t width_, height_;
  std::vector<rgb> pixels_;
};

namespace detail {

inline void append_big_endian(std::string& bytes, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<std::uint8_t>(number >> shift));
}

inline void append_png_chunk(std::string& bytes, std::string_view kind, std::string_view contents) {
  append_big_endian(bytes, static_cast<std::uint32_t>(contents.size()));
  std::string checked(kind);
  checked += contents;
  bytes += checked;
  const auto* data = reinterpret_cast<const Bytef*>(checked.data());
  append_big_endian(bytes,
                    static_cast<std::uint32_t>(crc32(0, data, static_cast<uInt>(checked.size()))));
}

}  // namespace detail

/// The picture as the bytes of a PNG file (ISO/IEC 15948): eight bits of red, green and blue.
[[nodiscard]] inline std::string png_bytes(const bitmap& picture) {
  std::string rows;
  for (std::ptrdiff_t y = 0; y < picture.height(); ++y) {
    rows += '\0';  // the row is not filtered
    for (std::ptrdiff_t x = 0; x < picture.width(); ++x)
      for (const std::uint8_t part :
           {picture.at(x, y).red, picture.at(x, y).green, picture.at(x, y).blue})
        rows += static_cast<char>(part);
  }
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
            reinterpret_cast<const Bytef*>(rows.data()), static_cast<uLong>(rows.size()),
            Z_BEST_COMPRESSION);  // cannot fail: the room is as large as it asks for
  packed.resize(size);

  std::string header;
  detail::append_big_endian(header, static_cast<std::uint32_t>(picture.width()));
  detail::append_big_endian(header, static_cast<std::uint32_t>(picture.height()));
  header += std::string_view("\x08\x02\x00\x00\x00", 5);  // depth, colours, no choices
  std::string bytes = "\x89PNG\r\n\x1a\n";
  detail::append_png_chunk(bytes, "IHDR", header);
  detail::append_png_chunk(bytes, "IDAT", packed);
  detail::append_png_chunk(bytes, "IEND", {});
  return bytes;
}

/// @throws prunus::file_error cannot_open; the old file is then as it was
inline void write_png(const bitmap& picture, const std::string& path) {
  write_file(path, png_bytes(picture));
}

}  // namespace prunus_examples
