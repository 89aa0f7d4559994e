// SPDX-License-Identifier: MIT
#include <prunus/core/read_file.hpp>
#include <prunus/core/write_file.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temporary_folder.hpp"

#include <sys/stat.h>  // mkfifo, umask

#include <filesystem>  // std::filesystem
#include <future>      // std::async
#include <string>      // std::string
#include <thread>      // std::thread
#include <vector>      // std::vector

namespace {

using prunus::errc;
using prunus::file_error;
using prunus::read_file;
using prunus::write_file;
using support::code_of;
namespace fs = std::filesystem;

}  // namespace

TEST_CASE("a file is written whole and read whole", "[core][write_file]") {
  const temporary_folder folder("write_file");
  const std::string path = folder / "state.bin";
  const std::string bytes("with\0zero and \n line ends\r\n", 26);
  write_file(path, bytes);
  CHECK(read_file(path) == bytes);
  write_file(path, "shorter");
  CHECK(read_file(path) == "shorter");
  write_file(path, "");
  CHECK(read_file(path).empty());
  const std::string large(300'000, 'x');
  write_file(path, large);
  CHECK(read_file(path) == large);
  CHECK(folder.files() == 1);  // nothing else stays behind
}

TEST_CASE("a file that cannot be written leaves the old one as it was", "[core][write_file]") {
  const temporary_folder folder("write_file");
  const std::string in_no_folder = folder / "missing/state.bin";
  const support::thrown missing =
      support::error_of<file_error>([&] { write_file(in_no_folder, "new"); });
  CHECK(missing.code == errc::cannot_open);
  CHECK(missing.says(in_no_folder + ": cannot be written (No such file or directory)"));
  CHECK_FALSE(fs::exists(folder / "missing"));

  const std::string a_folder = folder / "folder";
  fs::create_directories(a_folder + "/inside");
  CHECK(code_of<file_error>([&] { write_file(a_folder, "new"); }) == errc::cannot_open);
  CHECK(fs::exists(a_folder + "/inside"));
  CHECK(folder.files() == 1);

  if (fs::exists("/dev/full")) {
    const support::thrown full =
        support::error_of<file_error>([] { write_file("/dev/full", "new"); });
    CHECK(full.code == errc::cannot_open);
    CHECK(full.says("No space left"));
    CHECK(fs::is_character_file("/dev/full"));
  }
}

TEST_CASE("links that lie where others expect the unfinished file are left alone",
          "[core][write_file]") {
  const temporary_folder folder("write_file");
  write_file(folder / "victim", "precious");
  for (const char* name : {"state.bin.unfinished", "state.bin.tmp"})
    fs::create_symlink(folder / "victim", folder / name);
  write_file(folder / "state.bin", "new");
  CHECK(read_file(folder / "state.bin") == "new");
  CHECK(read_file(folder / "victim") == "precious");
  CHECK(fs::is_symlink(folder / "state.bin.unfinished"));
}

TEST_CASE("a link stays, and the file that it names is replaced", "[core][write_file]") {
  const temporary_folder folder("write_file");
  fs::create_directories(folder / "there");
  write_file(folder / "there/real", "old");
  fs::create_symlink("there/real", folder / "link");
  write_file(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_file(folder / "there/real") == "new");
  CHECK(folder.files() == 2);
}

TEST_CASE("the mode of a file that is replaced is kept", "[core][write_file]") {
  const temporary_folder folder("write_file");
  const std::string path = folder / "state.bin";
  const auto mode = [&] { return fs::status(path).permissions(); };
  const mode_t before = ::umask(022);
  write_file(path, "new");
  CHECK(mode() == static_cast<fs::perms>(0644));
  for (const int kept : {0600, 0664, 0755}) {
    fs::permissions(path, static_cast<fs::perms>(kept));
    write_file(path, "again");
    CHECK(mode() == static_cast<fs::perms>(kept));
  }
  ::umask(before);
}

TEST_CASE("a device or pipe is written to, never replaced", "[core][write_file]") {
  const temporary_folder folder("write_file");
  write_file("/dev/null", "gone");
  CHECK(fs::is_character_file("/dev/null"));
  fs::create_symlink("/dev/null", folder / "link");
  write_file(folder / "link", "gone");
  CHECK(fs::is_symlink(folder / "link"));

  const std::string pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::future<std::string> read = std::async(std::launch::async, [&] { return read_file(pipe); });
  const std::string large(100'000, 'p');
  write_file(pipe, large);
  CHECK(read.get() == large);
  CHECK(fs::is_fifo(pipe));
  CHECK(folder.files() == 2);
}

TEST_CASE("of two writers of one path both succeed, with one of the two contents",
          "[core][write_file]") {
  const temporary_folder folder("write_file");
  const std::string path = folder / "state.bin";
  const std::string a(20'000, 'a'), b(30'000, 'b');
  const auto write_often = [&](const std::string& contents) {
    for (int i = 0; i < 20; ++i) write_file(path, contents);
    return true;
  };
  std::future<bool> other = std::async(std::launch::async, [&] { return write_often(a); });
  CHECK(write_often(b));
  CHECK(other.get());
  const std::string found = read_file(path);
  CHECK((found == a || found == b));
  CHECK(folder.files() == 1);
}

TEST_CASE("a file that is not there, or a folder, is refused by its path", "[core][read_file]") {
  const temporary_folder folder("write_file");
  const support::thrown error =
      support::error_of<file_error>([&] { (void)read_file(folder / "missing.bin"); });
  CHECK(error.code == errc::cannot_open);
  CHECK(error.says("missing.bin"));
  CHECK(code_of<file_error>([&] { (void)read_file(folder.path()); }) == errc::cannot_open);
}
