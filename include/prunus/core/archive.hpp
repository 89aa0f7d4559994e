// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/crc32.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t, std::uint8_t, ...
#include <cstring>      // std::memcpy
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_trivially_copyable_v

namespace prunus {
inline namespace v0 {

using Eigen::Index;

namespace detail {

/// What stands in front of the pieces of an archive. Numbers are stored as the machine holds them:
/// a machine of another byte order does not find the mark.
struct archive_header {
  static constexpr std::uint64_t expected_mark = 0x322073756e757270;  // "prunus 2"
  static constexpr std::size_t bytes = 20;

  std::uint64_t mark = expected_mark;
  std::int64_t size = 0;       ///< of the pieces, in bytes
  std::uint32_t checksum = 0;  ///< crc32 of the pieces

  void write(char* to) const noexcept {
    std::memcpy(to, &mark, 8);
    std::memcpy(to + 8, &size, 8);
    std::memcpy(to + 16, &checksum, 4);
  }
  [[nodiscard]] static archive_header read(const char* from) noexcept {
    archive_header result;
    std::memcpy(&result.mark, from, 8);
    std::memcpy(&result.size, from + 8, 8);
    std::memcpy(&result.checksum, from + 16, 4);
    return result;
  }
};

}  // namespace detail

/// Writes values one after the other into bytes: the format of saved masks, schedules and
/// checkpoints.
///
/// A mark, the length of what follows and its checksum (CRC-32) stand in front, so that bytes that
/// are cut, lengthened or changed anywhere are refused. Each piece starts with a tag that the
/// reader must ask for by the same name, so that a file of another kind is noticed where it
/// differs.
class archive_writer {
 public:
  archive_writer() : bytes_(detail::archive_header::bytes, '\0') { header_.write(bytes_.data()); }

  void tag(std::string_view name) { text(name); }
  void text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    append(value);
  }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void number(T value) { values(&value, 1); }
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void values(const T* data, Index count) {
    append({reinterpret_cast<const char*>(data), static_cast<std::size_t>(count) * sizeof(T)});
  }
  /// Complete at any time.
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void append(std::string_view piece) {
    bytes_ += piece;
    header_.size += static_cast<std::int64_t>(piece.size());
    header_.checksum = detail::crc32(piece, header_.checksum);
    header_.write(bytes_.data());
  }

  std::string bytes_;
  detail::archive_header header_;
};

/// Reads what archive_writer wrote; every read is checked against the end.
/// @throws file_error (truncated, malformed)
class archive_reader {
 public:
  /// `origin` names the source in messages, usually a path. The bytes must outlive the reader; they
  /// are checked as a whole. Cost: one pass over them.
  archive_reader(std::string_view bytes, std::string_view origin)
      : bytes_(bytes), origin_(origin), position_(detail::archive_header::bytes) {
    check();
  }

  void tag(std::string_view name) {
    const std::size_t at = position_;
    const auto size = number<std::int64_t>();
    const bool fits = size == static_cast<std::int64_t>(name.size());
    const std::string_view found = fits ? take(name.size()) : std::string_view{};
    if (fits && found == name) return;
    position_ = at;
    throw file_error(errc::malformed,
                     detail::concat(origin_, ": expected \"", name, "\" at byte ", at,
                                    ", found something else; is it a file of another kind?"));
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
  /// A number that counts something: not negative, and far from what sums of counts overflow at.
  [[nodiscard]] Index count(std::string_view what) {
    constexpr std::int64_t largest = std::int64_t{1} << 53;
    const auto value = number<std::int64_t>();
    if (value < 0 || value > largest)
      throw file_error(errc::malformed, detail::concat(origin_, ": the number of ", what, " is ",
                                                       value, "; 0 to ", largest, " can be"));
    return value;
  }
  [[nodiscard]] bool flag(std::string_view what) {
    const auto value = number<std::uint8_t>();
    if (value > 1)
      throw file_error(errc::malformed, detail::concat(origin_, ": ", what, " is marked ",
                                                       Index{value}, "; it must be 0 or 1"));
    return value == 1;
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
  /// For whoever has read all that he knows of. @throws file_error (malformed: there is more)
  void expect_end() const {
    if (!at_end())
      throw file_error(
          errc::malformed,
          detail::concat(origin_, ": goes on for ", remaining(),
                         " bytes behind what it should hold; is it of another kind, or "
                         "of a newer version?"));
  }
  /// Bytes that have not been read yet.
  [[nodiscard]] Index remaining() const noexcept {
    return static_cast<Index>(bytes_.size() - position_);
  }
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }

 private:
  void check() const {
    using detail::archive_header;
    std::array<char, archive_header::bytes> begin{};
    archive_header{}.write(begin.data());
    const std::string_view mark(begin.data(),
                                std::min(bytes_.size(), sizeof(archive_header::mark)));
    if (!bytes_.starts_with(mark))
      throw file_error(errc::malformed,
                       detail::concat(origin_,
                                      ": does not begin as an archive does; is it a file of "
                                      "another kind or version, or of a machine of another byte "
                                      "order?"));
    if (bytes_.size() < archive_header::bytes)
      throw file_error(errc::truncated, detail::concat(origin_, ": ends after ", bytes_.size(),
                                                       " bytes, in its head"));
    const archive_header header = archive_header::read(bytes_.data());
    const auto size = static_cast<std::int64_t>(bytes_.size() - archive_header::bytes);
    if (header.size != size)
      throw file_error(header.size > size ? errc::truncated : errc::malformed,
                       detail::concat(origin_, ": ", header.size,
                                      " bytes are announced behind the "
                                      "head, there are ",
                                      size));
    if (detail::crc32(bytes_.substr(archive_header::bytes)) != header.checksum)
      throw file_error(errc::malformed, detail::concat(origin_,
                                                       ": the checksum does not agree with "
                                                       "the contents; the file is damaged"));
  }
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
  std::size_t position_;
};

}  // namespace v0
}  // namespace prunus
