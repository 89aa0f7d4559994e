// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::max
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <cstdio>       // std::remove, std::rename
#include <cstring>      // std::memcpy
#include <fstream>      // std::ifstream, std::ofstream
#include <limits>       // std::numeric_limits
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_trivially_copyable_v

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Writes values one after the other into bytes: the format of saved masks, schedules and
/// checkpoints.
///
/// Each piece starts with a tag that the reader must ask for by the same name, so that a foreign or
/// damaged file is noticed where it differs. Numbers are stored as the machine holds them; the
/// length that stands before a tag tells a machine of another byte order.
class archive_writer {
 public:
  void tag(std::string_view name) { text(name); }
  void text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    bytes_ += value;
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void number(T value) { values(&value, 1); }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void values(const T* data, Index count) {
    bytes_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(count) * sizeof(T));
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads what archive_writer wrote; every read is checked against the end.
/// @throws file_error (truncated, malformed)
class archive_reader {
 public:
  /// `origin` names the source in messages, usually a path. The bytes must outlive the reader.
  archive_reader(std::string_view bytes, std::string_view origin)
      : bytes_(bytes), origin_(origin) {}

  void tag(std::string_view name) {
    const std::size_t at = position_;
    const auto size = number<std::int64_t>();
    const bool fits = size == static_cast<std::int64_t>(name.size());
    const std::string_view found = fits ? take(name.size()) : std::string_view{};
    if (fits && found == name) return;
    position_ = at;
    throw file_error(errc::malformed,
                     detail::concat(origin_, ": expected \"", name, "\" at byte ", at,
                                    ", found something else; is it a file of another kind, or of ",
                                    "a machine of another byte order?"));
  }
  [[nodiscard]] std::string text() {
    const auto size = number<std::int64_t>();
    if (size < 0) fail(size);
    return std::string(take(static_cast<std::size_t>(size)));
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T number() {
    T value;
    values(&value, 1);
    return value;
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void values(T* data, Index count) {
    if (count < 0 || static_cast<std::size_t>(count) > (bytes_.size() - position_) / sizeof(T))
      fail(count);
    const std::string_view source = take(static_cast<std::size_t>(count) * sizeof(T));
    if (count > 0) std::memcpy(data, source.data(), source.size());  // nothing may go to null
  }
  [[nodiscard]] bool at_end() const noexcept { return position_ == bytes_.size(); }
  /// Bytes that have not been read yet.
  [[nodiscard]] Index remaining() const noexcept {
    return static_cast<Index>(bytes_.size() - position_);
  }
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }

 private:
  [[nodiscard]] std::string_view take(std::size_t size) {
    if (size > bytes_.size() - position_) fail(size);
    const std::string_view taken = bytes_.substr(position_, size);
    position_ += size;
    return taken;
  }
  template <class Number>
  [[noreturn]] void fail(Number wanted) const {
    throw file_error(errc::truncated,
                     detail::concat(origin_, ": ends after ", bytes_.size(), " bytes, ", wanted,
                                    " more values were expected at byte ", position_));
  }

  std::string_view bytes_;
  std::string origin_;
  std::size_t position_ = 0;
};

/// The whole file as bytes. @throws file_error (cannot_open)
[[nodiscard]] inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  // A folder can be opened, too; it is then endless.
  if (size == std::numeric_limits<std::streamoff>::max()) size = -1;
  std::string bytes(static_cast<std::size_t>(std::max<std::streamoff>(size, 0)), '\0');
  file.seekg(0);
  file.read(bytes.data(), std::max<std::streamoff>(size, 0));
  if (!file || size < 0)
    throw file_error(errc::cannot_open,
                     detail::concat(path, ": cannot be read; does it exist, and may you read it?"));
  return bytes;
}

/// Writes a file whole or not at all: under a temporary name beside it, then renamed over it.
/// @throws file_error (cannot_open); the file that was there before is then untouched
inline void write_file(const std::string& path, std::string_view bytes) {
  const std::string unfinished = path + ".unfinished";
  {
    std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.flush();
    if (!file) {
      std::remove(unfinished.c_str());
      throw file_error(errc::cannot_open,
                       detail::concat(path, ": cannot be written; does the folder exist, may you ",
                                      "write there, and is there space?"));
    }
  }
  if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
    std::remove(unfinished.c_str());
    throw file_error(errc::cannot_open,
                     detail::concat(path, ": cannot be replaced by the finished file"));
  }
}

}  // namespace v0
}  // namespace prunus
