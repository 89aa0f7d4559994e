// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <fcntl.h>       // open
#include <sys/random.h>  // getentropy
#include <sys/stat.h>    // fchmod, stat
#include <unistd.h>      // close, fsync, unlink, write

#include <array>         // std::array
#include <cerrno>        // errno
#include <charconv>      // std::to_chars
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint64_t
#include <cstdio>        // std::rename
#include <cstdlib>       // std::free, realpath
#include <memory>        // std::unique_ptr
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <system_error>  // std::generic_category

namespace prunus {
inline namespace v0 {
namespace detail {

/// A file that is being written; functions return whether they succeeded and leave errno.
class output_descriptor {
 public:
  explicit output_descriptor(int number) noexcept : number_(number) {}
  ~output_descriptor() { (void)close(); }
  output_descriptor(const output_descriptor&) = delete;
  output_descriptor& operator=(const output_descriptor&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
  [[nodiscard]] bool write(std::string_view bytes) const noexcept {
    while (!bytes.empty()) {
      const auto written = ::write(number_, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) return false;
      if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  [[nodiscard]] bool set_mode(mode_t mode) const noexcept { return ::fchmod(number_, mode) == 0; }
  /// Waits until the bytes are on the disk, where the file system knows how.
  [[nodiscard]] bool sync() const noexcept { return ::fsync(number_) == 0 || errno == EINVAL; }
  [[nodiscard]] bool close() noexcept {
    const int number = number_;
    number_ = -1;
    return number < 0 || ::close(number) == 0;
  }

 private:
  int number_;
};

[[noreturn]] inline void fail_to_write(const std::string& path) {
  throw file_error(errc::cannot_open,
                   concat(path, ": cannot be written (", std::generic_category().message(errno),
                          "); does the folder exist, may you write there, and is there space?"));
}

/// A name in the folder of `path` that nobody can foresee.
[[nodiscard]] inline std::string unforeseen_name_beside(const std::string& path) {
  std::string name = path.substr(0, path.rfind('/') + 1) + ".prunus-";
  std::array<std::uint64_t, 2> random{};
  if (::getentropy(random.data(), sizeof random) != 0) fail_to_write(path);
  for (const std::uint64_t number : random) {
    std::array<char, 16> digits{};
    name.append(digits.data(),
                std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr);
  }
  return name;
}

/// Writes a file under a name of its own, and gives it that of `path` when it is complete.
inline void replace_file(const std::string& path, std::string_view bytes, mode_t mode,
                         bool keep_mode) {
  const std::string unfinished = unforeseen_name_beside(path);
  output_descriptor file(
      ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.is_open()) fail_to_write(path);
  const bool done = (!keep_mode || file.set_mode(mode)) && file.write(bytes) && file.sync() &&
                    file.close() && std::rename(unfinished.c_str(), path.c_str()) == 0;
  if (done) return;
  const int reason = errno;
  ::unlink(unfinished.c_str());
  errno = reason;
  fail_to_write(path);
}

}  // namespace detail

/// Writes a file whole or not at all: under a fresh name beside it, which no link or file of others
/// can take, flushed to the disk, then renamed. A file that it replaces hands on its mode; a link
/// stays and the file that it names is replaced; a device or pipe is written to. Of several writers
/// of one path all succeed, and the contents are those of one of them.
/// @throws file_error (cannot_open); the file that was there before is then untouched
inline void write_file(const std::string& path, std::string_view bytes) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return detail::replace_file(path, bytes, 0666, false);
  if (S_ISREG(there.st_mode) ||
      S_ISDIR(there.st_mode)) {  // a folder cannot be replaced, and says so
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
    return detail::replace_file(real == nullptr ? path : real.get(), bytes, there.st_mode & 0777,
                                true);
  }
  detail::output_descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open() || !file.write(bytes) || !file.close()) detail::fail_to_write(path);
}

}  // namespace v0
}  // namespace prunus
