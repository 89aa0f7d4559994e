// SPDX-License-Identifier: MIT
#include <prunus/core/archive.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temporary_folder.hpp"

#include <cstdint>     // std::int64_t, std::uint8_t
#include <filesystem>  // std::filesystem
#include <string>      // std::string
#include <vector>      // std::vector

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
    CHECK(error.says("byte 8"));
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
  const std::string four_bytes = "abcd";
  for (prunus::Index count : {prunus::Index{-1}, prunus::Index{2}, prunus::Index{1} << 61}) {
    archive_reader in(four_bytes, "damaged");
    float value = 3;
    CHECK(code_of<file_error>([&] { in.values(&value, count); }) == errc::truncated);
    CHECK(value == 3);
  }
}

TEST_CASE("a file is written whole and read whole", "[core][archive]") {
  const temporary_folder folder("archive");
  const std::string path = folder / "state.bin";
  const std::string bytes("with\0zero and \n line ends\r\n", 26);
  prunus::write_file(path, bytes);
  CHECK(prunus::read_file(path) == bytes);
  prunus::write_file(path, "shorter");
  CHECK(prunus::read_file(path) == "shorter");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()),
                      std::filesystem::directory_iterator()) == 1);  // nothing else stays behind
}

TEST_CASE("a file that cannot be written leaves the old one as it was", "[core][archive]") {
  const temporary_folder folder("archive");
  const std::string path = folder / "state.bin";
  prunus::write_file(path, "old");
  std::filesystem::create_directories(path + ".unfinished/in the way");
  CHECK(code_of<file_error>([&] { prunus::write_file(path, "new"); }) == errc::cannot_open);
  CHECK(prunus::read_file(path) == "old");

  const std::string in_no_folder = folder / "missing/state.bin";
  CHECK(code_of<file_error>([&] { prunus::write_file(in_no_folder, "new"); }) == errc::cannot_open);
  CHECK_FALSE(std::filesystem::exists(folder / "missing"));

  const std::string a_folder = folder / "folder";
  std::filesystem::create_directories(a_folder + "/inside");
  CHECK(code_of<file_error>([&] { prunus::write_file(a_folder, "new"); }) == errc::cannot_open);
  CHECK(std::filesystem::exists(a_folder + "/inside"));
  CHECK_FALSE(std::filesystem::exists(a_folder + ".unfinished"));
}

TEST_CASE("a file that is not there is refused by its path", "[core][archive]") {
  const temporary_folder folder("archive");
  const support::thrown error =
      support::error_of<file_error>([&] { (void)prunus::read_file(folder / "missing.bin"); });
  CHECK(error.code == errc::cannot_open);
  CHECK(error.says("missing.bin"));
}
