// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <cerrno>        // errno
#include <cstddef>       // std::size_t
#include <cstdio>        // std::fopen, std::fread, std::fclose
#include <memory>        // std::unique_ptr
#include <string>        // std::string
#include <system_error>  // std::generic_category

namespace prunus {
inline namespace v0 {

/// The whole file as bytes; a pipe or device is read to its end.
/// @throws file_error (cannot_open)
[[nodiscard]] inline std::string read_file(const std::string& path) {
  struct closer {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, closer> file(std::fopen(path.c_str(), "rb"));
  std::string bytes;
  std::size_t size = 0;
  while (file != nullptr && size == bytes.size()) {
    bytes.resize(2 * size + (std::size_t{1} << 16));
    size += std::fread(bytes.data() + size, 1, bytes.size() - size, file.get());
  }
  if (file == nullptr || std::ferror(file.get()) != 0)
    throw file_error(errc::cannot_open, detail::concat(path, ": cannot be read (",
                                                       std::generic_category().message(errno),
                                                       "); does it exist, and may you read it?"));
  bytes.resize(size);
  return bytes;
}

}  // namespace v0
}  // namespace prunus
