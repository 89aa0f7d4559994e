// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "text.hpp"

#include <zlib.h>  // gzopen, gzread, gzclose, gzerror

#include <algorithm>  // std::min
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <memory>     // std::unique_ptr
#include <span>       // std::span
#include <string>     // std::string
#include <utility>    // std::move

namespace prunus_examples {

/// Reads a file from its beginning, gzip-compressed or plain: zlib looks which it is.
class gz_file {
 public:
  /// @throws prunus::file_error cannot_open
  explicit gz_file(std::string path) : path_(std::move(path)), file_(gzopen(path_.c_str(), "rb")) {
    if (!file_) {
      throw prunus::file_error(
          prunus::errc::cannot_open,
          joined(path_, ": the file cannot be read; is it there, and may you?"));
    }
    gzbuffer(file_.get(), 1U << 17U);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Fills `bytes` as far as the file goes and returns how many came.
  /// @throws prunus::file_error truncated, malformed: compressed data that ends early or is
  /// damaged;
  ///         cannot_open: it cannot be read
  [[nodiscard]] std::size_t read_some(std::span<std::uint8_t> bytes) {
    std::size_t total = 0;
    while (total < bytes.size()) {
      const std::size_t wanted = std::min<std::size_t>(bytes.size() - total, 1U << 30U);
      const int came = gzread(file_.get(), bytes.data() + total, static_cast<unsigned>(wanted));
      if (came < 0) fail_damaged();
      if (came == 0) break;
      total += static_cast<std::size_t>(came);
    }
    if (total < bytes.size()) fail_if_cut_short();
    return total;
  }

  /// Fills `bytes`, all of them.
  /// @param what names what is read, for the message: "the 60000 labels"
  /// @throws prunus::file_error truncated: the file ends before; malformed: it is damaged
  void read(std::span<std::uint8_t> bytes, const std::string& what) {
    const std::size_t came = read_some(bytes);
    if (came == bytes.size()) return;
    throw prunus::file_error(prunus::errc::truncated,
                             joined(path_, ": ", bytes.size(), " bytes were expected (", what,
                                    "), the file ends after ", came, "; fetch it again"));
  }

  /// True when nothing is left to read.
  [[nodiscard]] bool at_end() {
    std::uint8_t byte = 0;
    return read_some({&byte, 1}) == 0;
  }

 private:
  struct closer {
    void operator()(gzFile file) const noexcept { gzclose(file); }
  };

  [[noreturn]] void fail_damaged() const {
    int number = Z_OK;
    const std::string reason = gzerror(file_.get(), &number);
    if (number == Z_ERRNO) {  // a folder, a broken disk
      throw prunus::file_error(prunus::errc::cannot_open,
                               joined(path_, ": the file cannot be read (", reason, ")"));
    }
    throw prunus::file_error(
        number == Z_BUF_ERROR ? prunus::errc::truncated : prunus::errc::malformed,
        joined(path_, ": the compressed data is damaged (", reason, "); fetch the file again"));
  }

  // A compressed file that lacks its end reads as a short one, with this note.
  void fail_if_cut_short() const {
    int number = Z_OK;
    gzerror(file_.get(), &number);
    if (number == Z_BUF_ERROR) fail_damaged();
  }

  std::string path_;
  std::unique_ptr<gzFile_s, closer> file_;
};

}  // namespace prunus_examples
