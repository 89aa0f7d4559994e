// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "file_output.hpp"
#include "text.hpp"

#include <concepts>     // std::convertible_to
#include <cstddef>      // std::size_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_arithmetic_v
#include <vector>       // std::vector

namespace prunus_examples {

/// What a cell may hold: a number or a text.
template <class Value>
concept csv_cell = std::is_arithmetic_v<Value> || std::convertible_to<Value, std::string_view>;

/// A table with named columns that becomes a CSV file (RFC 4180, lines ended by "\n").
///
/// Numbers are written so that they read back as the same value, with a decimal point whatever the
/// locale; texts are quoted where they must be. The rows stay in memory, so that write() can be
/// called after every epoch: the file on disk is complete at any time.
class csv_table {
 public:
  /// @throws prunus::shape_error shape_mismatch: no column
  explicit csv_table(const std::vector<std::string>& columns) : columns_(columns.size()) {
    if (columns.empty()) {
      throw prunus::shape_error(prunus::errc::shape_mismatch,
                                "csv_table: at least one column was expected, got none");
    }
    for (const std::string& name : columns) text_ += quoted(name) + ',';
    text_.back() = '\n';
  }

  /// Adds a row, one cell a column.
  /// @throws prunus::shape_error shape_mismatch: more or fewer cells than columns; no row is added
  template <csv_cell... Cells>
  void add(const Cells&... cells) {
    if (sizeof...(cells) != columns_) {
      throw prunus::shape_error(
          prunus::errc::shape_mismatch,
          joined("csv_table::add: ", columns_, " cells were expected, one a column, got ",
                 sizeof...(cells)));
    }
    std::string row;
    ((row += cell_text(cells), row += ','), ...);
    row.back() = '\n';
    text_ += row;
  }

  /// The header line and all rows.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  /// @throws prunus::file_error cannot_open; the old file is then as it was
  void write(const std::string& path) const { write_file(path, text_); }

 private:
  template <csv_cell Cell>
  [[nodiscard]] static std::string cell_text(const Cell& cell) {
    if constexpr (std::is_arithmetic_v<Cell>) {
      return joined(cell);
    } else {
      return quoted(cell);
    }
  }

  [[nodiscard]] static std::string quoted(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string result = "\"";
    for (const char letter : text) {
      if (letter == '"') result += '"';
      result += letter;
    }
    return result + '"';
  }

  std::size_t columns_;
  std::string text_;
};

}  // namespace prunus_examples
