// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "text.hpp"

#include <cerrno>        // errno
#include <cstddef>       // std::size_t
#include <cstdio>        // std::FILE, std::fopen, std::fwrite, std::fclose
#include <filesystem>    // std::filesystem::remove, std::filesystem::rename
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <system_error>  // std::error_code, std::generic_category
#include <utility>       // std::move

#if defined(_WIN32)
#include <process.h>  // _getpid
#else
#include <unistd.h>  // getpid
#endif

namespace prunus_examples {

/// A file in the making: written beside its final place, moved there in one step. Whoever reads the
/// final path finds the old contents or the new ones, never half of them.
class pending_file {
 public:
  explicit pending_file(std::string path)
      : path_(std::move(path)), temporary_(joined(path_, ".tmp-", process_id())) {}
  /// Removes the temporary file, if it was not committed.
  ~pending_file() {
    std::error_code ignored;
    if (!committed_) std::filesystem::remove(temporary_, ignored);
  }
  pending_file(const pending_file&) = delete;
  pending_file& operator=(const pending_file&) = delete;
  pending_file(pending_file&&) = delete;
  pending_file& operator=(pending_file&&) = delete;

  /// Where to write until commit().
  [[nodiscard]] const std::string& temporary() const noexcept { return temporary_; }

  /// Writes the whole contents to the temporary file.
  /// @throws prunus::file_error cannot_open: the folder is missing or not writable, or the disk
  /// full
  void write(std::string_view contents) const {
    std::FILE* const file = std::fopen(temporary_.c_str(), "wb");
    if (file == nullptr) fail("the file cannot be written", last_error());
    const std::size_t written = std::fwrite(contents.data(), 1, contents.size(), file);
    const std::error_code problem = last_error();
    const bool closed = std::fclose(file) == 0;  // flushes: a full disk may show only here
    if (written != contents.size()) fail("the file cannot be written to its end", problem);
    if (!closed) fail("the file cannot be written to its end", last_error());
  }

  /// Moves the written file to its place.
  /// @throws prunus::file_error cannot_open
  void commit() {
    std::error_code problem;
    std::filesystem::rename(temporary_, path_, problem);
    if (problem) fail("the finished file cannot be moved there", problem);
    committed_ = true;
  }

 private:
  [[noreturn]] void fail(const char* what, const std::error_code& reason) const {
    throw prunus::file_error(prunus::errc::cannot_open,
                             joined(path_, ": ", what, " (", reason.message(),
                                    "); choose a path in a folder that exists and can be written"));
  }

  [[nodiscard]] static std::error_code last_error() { return {errno, std::generic_category()}; }

  [[nodiscard]] static long process_id() {
#if defined(_WIN32)
    return _getpid();
#else
    return getpid();
#endif
  }

  std::string path_;
  std::string temporary_;
  bool committed_ = false;
};

/// Writes a whole file or leaves the old one as it was.
/// @throws prunus::file_error cannot_open
inline void write_file(const std::string& path, std::string_view contents) {
  pending_file pending(path);
  pending.write(contents);
  pending.commit();
}

/// The folder that --output names, made where it is not there.
/// @throws prunus::file_error cannot_open
inline std::filesystem::path output_folder(const std::string& name) {
  std::error_code failed;
  std::filesystem::create_directories(name, failed);
  if (failed) {
    throw prunus::file_error(prunus::errc::cannot_open,
                             joined(name, ": the folder cannot be made (", failed.message(),
                                    "); name another one with --output"));
  }
  return name;
}

}  // namespace prunus_examples
