// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <examples/support/file_output.hpp>
#include <zlib.h>  // gzopen, gzwrite

#include <cstdint>           // std::uint32_t
#include <initializer_list>  // std::initializer_list
#include <string>            // std::string

// Tiny data files, made by hand.

[[nodiscard]] inline std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

/// The head of an IDX file and the lengths of its axes, highest byte first.
[[nodiscard]] inline std::string idx_head(std::initializer_list<std::uint32_t> lengths) {
  std::string text = bytes({0, 0, 8, static_cast<int>(lengths.size())});
  for (const std::uint32_t length : lengths) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) text += static_cast<char>(length >> shift);
  }
  return text;
}

/// A record of CIFAR-10: the label and three planes of 1024 equal bytes.
[[nodiscard]] inline std::string cifar_record(int label, int red, int green, int blue) {
  std::string text = bytes({label});
  for (const int value : {red, green, blue}) text.append(1024, static_cast<char>(value));
  return text;
}

inline void write_gz(const std::string& path, const std::string& contents) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, contents.data(), static_cast<unsigned>(contents.size()));
  gzclose(file);
}

/// The code of the file_error that a call throws; no code where it throws none.
template <class Call>
[[nodiscard]] prunus::errc file_error_of(Call&& call) {
  try {
    static_cast<void>(call());
  } catch (const prunus::file_error& error) {
    return error.code();
  }
  return prunus::errc{};
}
