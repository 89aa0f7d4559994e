// SPDX-License-Identifier: MIT
#include <prunus/core/archive.hpp>

#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cstdint>  // std::int64_t, std::uint8_t, ...
#include <cstring>  // std::memcpy
#include <string>   // std::string
#include <utility>  // std::swap
#include <vector>   // std::vector

namespace {

using prunus::archive_reader;
using prunus::archive_writer;
using prunus::errc;
using prunus::file_error;
using support::code_of;

std::string sample() {
  archive_writer out;
  out.tag("prunus sample 1");
  out.number(std::int64_t{-5});
  out.text("conv1.weight");
  const std::vector<double> values{0.5, -1.25, 1e300};
  out.values(values.data(), 3);
  out.number(std::uint8_t{1});
  return out.bytes();
}

/// Reads the whole sample; throws where it is damaged.
void read_sample(const std::string& bytes) {
  archive_reader in(bytes, "sample");
  in.tag("prunus sample 1");
  (void)in.number<std::int64_t>();
  (void)in.text();
  std::vector<double> values(3);
  in.values(values.data(), 3);
  (void)in.number<std::uint8_t>();
}

}  // namespace

TEST_CASE("what was written is read back unchanged", "[core][archive]") {
  const std::string bytes = sample();
  archive_reader in(bytes, "sample");
  in.tag("prunus sample 1");
  CHECK(in.number<std::int64_t>() == -5);
  CHECK(in.text() == "conv1.weight");
  std::vector<double> values(3);
  in.values(values.data(), 3);
  CHECK(values == std::vector<double>{0.5, -1.25, 1e300});
  CHECK_FALSE(in.at_end());
  CHECK(in.number<std::uint8_t>() == 1);
  CHECK(in.at_end());
  CHECK(in.origin() == "sample");
}

TEST_CASE("nothing may be written and read", "[core][archive]") {
  archive_writer out;
  out.text("");
  out.values(static_cast<const float*>(nullptr), 0);
  archive_reader in(out.bytes(), "nothing");
  CHECK(in.text().empty());
  in.values(static_cast<float*>(nullptr), 0);
  CHECK(in.at_end());
}

TEST_CASE("an archive that is cut at any byte is refused as truncated", "[core][archive]") {
  const std::string bytes = sample();
  read_sample(bytes);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(code_of<file_error>([&] { read_sample(bytes.substr(0, length)); }) == errc::truncated);
  }
  const std::string pieces = support::pieces_of(bytes);
  for (std::size_t length = 0; length < pieces.size(); ++length) {
    CAPTURE(length);
    CHECK(code_of<file_error>([&] { read_sample(support::sealed(pieces.substr(0, length))); }) ==
          errc::truncated);
  }
}

TEST_CASE("a foreign tag is refused with the place and the tag that was expected",
          "[core][archive]") {
  archive_writer out;
  out.number(std::int64_t{7});
  out.tag("prunus mask 1");
  archive_reader in(out.bytes(), "checkpoint.bin");
  (void)in.number<std::int64_t>();
  for (const char* other : {"prunus mask 2", "prunus pass 1", "mask", ""}) {
    const support::thrown error = support::error_of<file_error>([&] { in.tag(other); });
    CHECK(error.code == errc::malformed);
    CHECK(error.says("checkpoint.bin"));
    CHECK(error.says(other));
    CHECK(error.says("byte 28"));
  }
  in.tag("prunus mask 1");  // a refused tag is not consumed
  CHECK(in.at_end());
}

TEST_CASE("files of other kinds and of another byte order are malformed, not truncated",
          "[core][archive]") {
  const std::string json = R"({"format": "something else", "version": 3})";
  CHECK(code_of<file_error>([&] { read_sample(json); }) == errc::malformed);
  std::string swapped = sample();
  std::swap(swapped[0], swapped[7]);  // the length of the tag, most significant byte first
  CHECK(code_of<file_error>([&] { read_sample(swapped); }) == errc::malformed);
}

TEST_CASE("damaged lengths are refused before anything is allocated", "[core][archive]") {
  for (std::int64_t length : {std::int64_t{-1}, std::int64_t{1} << 62}) {
    archive_writer out;
    out.number(length);
    archive_reader in(out.bytes(), "damaged");
    CHECK(code_of<file_error>([&] { (void)in.text(); }) == errc::truncated);
  }
  const std::string four_bytes = support::sealed("abcd");
  for (prunus::Index count : {prunus::Index{-1}, prunus::Index{2}, prunus::Index{1} << 61}) {
    archive_reader in(four_bytes, "damaged");
    float value = 3;
    CHECK(code_of<file_error>([&] { in.values(&value, count); }) == errc::truncated);
    CHECK(value == 3);
  }
}

TEST_CASE("no flipped bit, lost byte or byte too much is taken for another archive",
          "[core][archive]") {
  const std::string bytes = sample();
  CHECK(support::flips_taken(bytes, read_sample) == 0);
  CHECK(code_of<file_error>([&] { read_sample(bytes + "x"); }) == errc::malformed);
  CHECK(code_of<file_error>([&] { read_sample(bytes + std::string(1, '\0')); }) == errc::malformed);
  const support::thrown damaged = support::error_of<file_error>([&] {
    std::string other = bytes;
    other.back() = 2;
    read_sample(other);
  });
  CHECK(damaged.code == errc::malformed);
  CHECK(damaged.says("sample: the checksum"));
}

TEST_CASE("the checksum is the CRC-32 of gzip", "[core][archive]") {
  CHECK(prunus::detail::crc32("123456789") == 0xcbf43926);
  CHECK(prunus::detail::crc32("") == 0);
  CHECK(prunus::detail::crc32("6789", prunus::detail::crc32("12345")) == 0xcbf43926);
  const std::string bytes = sample();
  std::uint32_t stored = 0;
  std::memcpy(&stored, bytes.data() + 16, 4);
  CHECK(stored == prunus::detail::crc32(support::pieces_of(bytes)));
}

TEST_CASE("what counts is neither negative nor huge, what is marked is 0 or 1", "[core][archive]") {
  archive_writer out;
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{1} << 53, std::int64_t{-1}, (std::int64_t{1} << 53) + 1})
    out.number(value);
  for (const int value : {0, 1, 2}) out.number(static_cast<std::uint8_t>(value));
  archive_reader in(out.bytes(), "state.bin");
  CHECK(in.count("steps") == 0);
  CHECK(in.count("steps") == prunus::Index{1} << 53);
  for (int i = 0; i < 2; ++i) {
    const support::thrown error = support::error_of<file_error>([&] { (void)in.count("steps"); });
    CHECK(error.code == errc::malformed);
    CHECK(error.says("state.bin: the number of steps is "));
  }
  CHECK_FALSE(in.flag("a start"));
  CHECK(in.flag("a start"));
  CHECK(code_of<file_error>([&] { in.expect_end(); }) == errc::malformed);
  CHECK(code_of<file_error>([&] { (void)in.flag("a start"); }) == errc::malformed);
  in.expect_end();
}
