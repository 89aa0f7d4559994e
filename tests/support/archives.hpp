// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>

#include <cstddef>  // std::size_t
#include <string>   // std::string

namespace support {

/// What stands behind the head of an archive.
[[nodiscard]] inline std::string pieces_of(const std::string& archive) {
  return archive.substr(prunus::detail::archive_header::bytes);
}
/// An archive of these bytes, with a head that agrees: as who wants to do harm would write it.
[[nodiscard]] inline std::string sealed(const std::string& pieces) {
  prunus::archive_writer out;
  out.values(pieces.data(), static_cast<prunus::Index>(pieces.size()));
  return out.bytes();
}
/// Of the archives that an archive becomes when any one bit of it is flipped, how many `load` takes
/// without a prunus::file_error.
template <class Load>
[[nodiscard]] std::size_t flips_taken(const std::string& archive, const Load& load) {
  std::size_t taken = 0;
  for (std::size_t bit = 0; bit < 8 * archive.size(); ++bit) {
    std::string flipped = archive;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    try {
      load(flipped);
      ++taken;
    } catch (const prunus::file_error&) {
    }
  }
  return taken;
}

}  // namespace support
