// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/read_file.hpp>
#include <prunus/core/write_file.hpp>

#include "text.hpp"

#include <filesystem>    // std::filesystem::create_directories, std::filesystem::remove
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <system_error>  // std::error_code
#include <utility>       // std::move

namespace prunus_examples {

using prunus::write_file;

/// A file in the making, for programs that write by themselves: written beside its final place,
/// moved there in one step. Whoever reads the final path finds the old contents or the new ones,
/// never half of them.
class pending_file {
 public:
  explicit pending_file(std::string path)
      : path_(std::move(path)), temporary_(prunus::detail::unforeseen_name_beside(path_)) {}
  /// Removes the temporary file.
  ~pending_file() {
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
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
  void write(std::string_view contents) const { write_file(temporary_, contents); }

  /// Brings the written contents to their place.
  /// @throws prunus::file_error cannot_open
  void commit() const { write_file(path_, prunus::read_file(temporary_)); }

 private:
  std::string path_;
  std::string temporary_;
};

/// The folder that --output names, made where it is not there, and seen to be writable: what would
/// fail at the end must fail now. What lies in it stays as it is.
/// @throws prunus::file_error cannot_open
inline std::filesystem::path output_folder(const std::string& name) {
  std::error_code failed;
  std::filesystem::create_directories(name, failed);
  if (failed) {
    throw prunus::file_error(prunus::errc::cannot_open,
                             joined(name, ": the folder cannot be made (", failed.message(),
                                    "); name another one with --output"));
  }
  const std::filesystem::path probe = std::filesystem::path(name) / ".prunus-writable";
  prunus::write_file(probe.string(), "");
  std::filesystem::remove(probe, failed);
  return name;
}

}  // namespace prunus_examples
