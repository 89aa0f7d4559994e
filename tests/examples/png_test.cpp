// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <examples/support/png.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint32_t
#include <string>   // std::string

namespace {

using namespace prunus_examples;

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    number = number << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return number;
}

/// The rows of a picture as they stand in the packed part of its file, whose checksums are looked
/// at on the way.
std::string rows_of(const std::string& png) {
  REQUIRE(png.substr(0, 8) == "\x89PNG\r\n\x1a\n");
  std::string rows, kinds;
  for (std::size_t at = 8; at < png.size();) {
    const std::size_t size = number_at(png, at);
    REQUIRE(at + 12 + size <= png.size());
    const std::string kind = png.substr(at + 4, 4), contents = png.substr(at + 8, size);
    const std::string checked = kind + contents;
    CHECK(number_at(png, at + 8 + size) == crc32(0, reinterpret_cast<const Bytef*>(checked.data()),
                                                 static_cast<uInt>(checked.size())));
    kinds += kind;
    if (kind == "IDAT") {
      uLongf room = 4096;
      rows.resize(room);
      REQUIRE(uncompress(reinterpret_cast<Bytef*>(rows.data()), &room,
                         reinterpret_cast<const Bytef*>(contents.data()),
                         static_cast<uLong>(size)) == Z_OK);
      rows.resize(room);
    }
    at += 12 + size;
  }
  CHECK(kinds == "IHDRIDATIEND");
  return rows;
}

}  // namespace

TEST_CASE("a bitmap becomes a PNG file that holds its pixels", "[examples][png]") {
  bitmap picture(3, 2);
  picture.at(0, 0) = {1, 2, 3};
  picture.at(2, 1) = {250, 251, 252};
  const std::string png = png_bytes(picture);
  CHECK(number_at(png, 16) == 3);
  CHECK(number_at(png, 20) == 2);
  CHECK(png.substr(24, 5) == std::string("\x08\x02\x00\x00\x00", 5));
  const std::string white = "\xff\xff\xff";
  CHECK(rows_of(png) == std::string("\0\1\2\3", 4) + white + white + std::string(1, '\0') + white +
                            white + "\xfa\xfb\xfc");
}

TEST_CASE("a square is painted as far as it lies inside", "[examples][png]") {
  bitmap picture(4, 3);
  const rgb ink{9, 8, 7};
  picture.fill(2, 1, 5, ink);
  picture.fill(-1, -1, 2, ink);
  int painted = 0;
  for (std::ptrdiff_t y = 0; y < 3; ++y)
    for (std::ptrdiff_t x = 0; x < 4; ++x) painted += picture.at(x, y) == ink;
  CHECK(painted == 5);
  CHECK(picture.at(0, 0) == ink);
  CHECK(picture.at(3, 2) == ink);
}

TEST_CASE("a bitmap without pixels is refused", "[examples][png]") {
  CHECK(support::code_of<prunus::argument_error>([] { bitmap(0, 4); }) ==
        prunus::errc::out_of_range);
  CHECK(support::code_of<prunus::argument_error>([] { bitmap(4, -1); }) ==
        prunus::errc::out_of_range);
}
