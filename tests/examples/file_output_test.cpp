// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/file_output.hpp>

#include <filesystem>  // std::filesystem
#include <string>      // std::string

using prunus_examples::pending_file;
using prunus_examples::write_file;

TEST_CASE("write_file writes the contents, over an old file too, and leaves nothing else",
          "[examples][file_output]") {
  const temporary_folder folder("file_output");
  write_file(folder / "note.txt", "first and long");
  write_file(folder / "note.txt", std::string("a\0b\n", 4));
  CHECK(contents_of(folder / "note.txt") == std::string("a\0b\n", 4));
  CHECK(folder.files() == 1);
}

TEST_CASE("write_file says that a folder is missing", "[examples][file_output]") {
  const temporary_folder folder("file_output");
  const std::string path = folder / "missing/note.txt";
  try {
    write_file(path, "text");
    FAIL("no exception");
  } catch (const prunus::file_error& error) {
    CHECK(error.code() == prunus::errc::cannot_open);
    CHECK(std::string(error.what()).find(path) == 0);
  }
  CHECK(folder.files() == 0);
}

TEST_CASE("write_file that cannot take a place leaves what is there and nothing half-written",
          "[examples][file_output]") {
  const temporary_folder folder("file_output");
  write_file(folder / "taken", "old");
  std::filesystem::create_directories(folder / "note.txt/inside");
  try {
    write_file(folder / "note.txt", "text");
    FAIL("no exception");
  } catch (const prunus::file_error& error) {
    CHECK(error.code() == prunus::errc::cannot_open);
  }
  CHECK(std::filesystem::is_directory(folder / "note.txt/inside"));
  CHECK(folder.files() == 2);
}

TEST_CASE("a pending_file that is not committed leaves the old file as it was",
          "[examples][file_output]") {
  const temporary_folder folder("file_output");
  write_file(folder / "note.txt", "old");
  {
    const pending_file pending(folder / "note.txt");
    pending.write("new");
    CHECK(contents_of(pending.temporary()) == "new");
    CHECK(contents_of(folder / "note.txt") == "old");
  }
  CHECK(contents_of(folder / "note.txt") == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE(
    "a pending_file is beside its place, under a name of its own, and never replaces a device",
    "[examples][file_output]") {
  const temporary_folder folder("file_output");
  const pending_file one(folder / "note.txt"), two(folder / "note.txt");
  CHECK(one.temporary() != two.temporary());
  CHECK(std::filesystem::path(one.temporary()).parent_path() == folder.path());
  one.write("one");
  two.write("two");
  one.commit();
  two.commit();
  CHECK(contents_of(folder / "note.txt") == "two");

  std::filesystem::create_symlink("/dev/null", folder / "nowhere");
  const pending_file gone(folder / "nowhere");
  gone.write("gone");
  gone.commit();
  CHECK(std::filesystem::is_symlink(folder / "nowhere"));
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("an output folder is made, tried, and left as it was", "[examples][file_output]") {
  const temporary_folder folder("file_output");
  write_file(folder / "pruning.csv", "an earlier result\n");
  const std::string path = (folder / "pruning.csv");
  const std::string parent = std::filesystem::path(path).parent_path().string();
  CHECK(prunus_examples::output_folder(parent) == std::filesystem::path(parent));
  CHECK(contents_of(path) == "an earlier result\n");
  CHECK(folder.files() == 1);
  CHECK(std::filesystem::is_directory(prunus_examples::output_folder(folder / "deep/er")));
  CHECK_THROWS_AS(prunus_examples::output_folder(path), prunus::file_error);
}
