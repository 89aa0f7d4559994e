// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "data_files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/idx.hpp>

#include <string>  // std::string
#include <vector>  // std::vector

using prunus_examples::dataset;
using prunus_examples::read_idx;
using prunus_examples::write_file;

namespace {

const std::string three_images =
    idx_head({3, 1, 2}) + bytes({0, 255}) + bytes({51, 102}) + bytes({255, 255});
const std::string three_labels = idx_head({3}) + bytes({7, 0, 9});

// Reads a pair of files with these contents.
prunus::errc error_of(const std::string& images, const std::string& labels,
                      std::ptrdiff_t limit = prunus_examples::data_limit::all) {
  const temporary_folder folder("idx");
  write_file(folder / "images", images);
  write_file(folder / "labels", labels);
  return file_error_of([&] { return read_idx(folder / "images", folder / "labels", limit); });
}

}  // namespace

TEST_CASE("read_idx reads plain and compressed files alike", "[examples][idx]") {
  const temporary_folder folder("idx");
  const bool compressed = GENERATE(false, true);
  if (compressed) {
    write_gz(folder / "images", three_images);
    write_gz(folder / "labels", three_labels);
  } else {
    write_file(folder / "images", three_images);
    write_file(folder / "labels", three_labels);
  }
  const dataset data = read_idx(folder / "images", folder / "labels");
  CHECK(data.channels == 1);
  CHECK(data.height == 1);
  CHECK(data.width == 2);
  CHECK(data.classes == 10);
  CHECK(data.labels == std::vector<int>{7, 0, 9});
  REQUIRE(data.images.size() == 6);
  CHECK(data.images == std::vector<float>{0, 1, 51.0F / 255, 102.0F / 255, 1, 1});
}

TEST_CASE("read_idx stops at its limit", "[examples][idx]") {
  const temporary_folder folder("idx");
  write_file(folder / "images", three_images);
  write_file(folder / "labels", three_labels);
  CHECK(read_idx(folder / "images", folder / "labels", 2).labels == std::vector<int>{7, 0});
  CHECK(read_idx(folder / "images", folder / "labels", 5).size() == 3);
  CHECK(read_idx(folder / "images", folder / "labels", 0).size() == 0);
}

TEST_CASE("read_idx tells truncated files", "[examples][idx]") {
  CHECK(error_of(three_images.substr(0, 21), three_labels) == prunus::errc::truncated);
  CHECK(error_of(three_images.substr(0, 10), three_labels) == prunus::errc::truncated);
  CHECK(error_of(three_images.substr(0, 3), three_labels) == prunus::errc::truncated);
  CHECK(error_of("", three_labels) == prunus::errc::truncated);
  CHECK(error_of(three_images, three_labels.substr(0, 10)) == prunus::errc::truncated);
  CHECK(error_of(three_images.substr(0, 20), three_labels, 2) == prunus::errc{});
}

TEST_CASE("read_idx tells foreign files", "[examples][idx]") {
  CHECK(error_of(three_labels + std::string(20, '\0'), three_labels) == prunus::errc::malformed);
  CHECK(error_of(three_images, three_images) == prunus::errc::malformed);
  CHECK(error_of("<!DOCTYPE html><html>", three_labels) == prunus::errc::malformed);
  const std::string floats = bytes({0, 0, 13}) + three_images.substr(3);
  CHECK(error_of(floats, three_labels) == prunus::errc::malformed);
}

TEST_CASE("read_idx tells counts and sizes that cannot be", "[examples][idx]") {
  CHECK(error_of(three_images, idx_head({2}) + bytes({7, 0})) == prunus::errc::malformed);
  CHECK(error_of(idx_head({0, 1, 2}), idx_head({0})) == prunus::errc::malformed);
  CHECK(error_of(idx_head({3, 0, 2}), three_labels) == prunus::errc::malformed);
  CHECK(error_of(idx_head({3, 1, 5000}), three_labels) == prunus::errc::malformed);
  CHECK(error_of(idx_head({4294967295U, 4096, 4096}), idx_head({4294967295U})) ==
        prunus::errc::truncated);
}

TEST_CASE("read_idx tells labels that are no class and bytes too many", "[examples][idx]") {
  CHECK(error_of(three_images, idx_head({3}) + bytes({7, 10, 9})) == prunus::errc::malformed);
  CHECK(error_of(three_images, idx_head({3}) + bytes({7, 255, 9}), 1) == prunus::errc{});
  CHECK(error_of(three_images + "x", three_labels) == prunus::errc::malformed);
  CHECK(error_of(three_images, three_labels + "x") == prunus::errc::malformed);
}

TEST_CASE("read_idx names the path, what was expected and what came", "[examples][idx]") {
  const temporary_folder folder("idx");
  write_file(folder / "images", three_images);
  write_file(folder / "labels", idx_head({3}) + bytes({7, 11, 9}));
  try {
    static_cast<void>(read_idx(folder / "images", folder / "labels"));
    FAIL("no exception");
  } catch (const prunus::file_error& error) {
    const std::string message = error.what();
    CHECK(message.find(folder / "labels") == 0);
    CHECK(message.find("0 to 9") != std::string::npos);
    CHECK(message.find("item 1 has 11") != std::string::npos);
  }
}

TEST_CASE("read_idx tells compressed files that end early, are damaged or are not there",
          "[examples][idx]") {
  const temporary_folder folder("idx");
  std::string noise = idx_head({1, 64, 64});
  for (unsigned i = 0; i < 64 * 64; ++i) noise += static_cast<char>(i * i * 2654435761U >> 13U);
  write_gz(folder / "whole", noise);
  const std::string whole = contents_of(folder / "whole");
  write_file(folder / "labels", idx_head({1}) + bytes({3}));
  const auto read = [&](const std::string& name) {
    return file_error_of([&] { return read_idx(folder / name, folder / "labels"); });
  };
  REQUIRE(read("whole") == prunus::errc{});

  write_file(folder / "short", whole.substr(0, whole.size() / 2));
  CHECK(read("short") == prunus::errc::truncated);

  std::string damaged = whole;
  for (std::size_t i = 100; i < 200; ++i) damaged[i] = static_cast<char>(~damaged[i]);
  write_file(folder / "damaged", damaged);
  CHECK(read("damaged") == prunus::errc::malformed);

  CHECK(read("missing") == prunus::errc::cannot_open);
  std::filesystem::create_directories(folder / "folder");
  CHECK(read("folder") == prunus::errc::cannot_open);
}
