// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/read_file.hpp>

#include <examples/support/file_output.hpp>
#include <examples/support/text.hpp>

#include <cmath>        // std::sqrt
#include <cstdlib>      // std::strtod
#include <filesystem>   // std::filesystem::exists
#include <sstream>      // std::istringstream
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::pair
#include <vector>       // std::vector

namespace prunus_benchmarks {

/// Results of a long comparison in a CSV file that is complete after every row: a program that was
/// killed finds there what it need not do again. A row is some texts, which are its key, and some
/// numbers.
class result_table {
 public:
  struct row {
    std::vector<std::string> key;
    std::vector<double> values;
  };

  /// Takes over the rows of the file, if it is there.
  /// @throws prunus::file_error malformed: a file of other columns
  result_table(std::string path, const std::vector<std::string>& key_columns,
               const std::vector<std::string>& value_columns)
      : path_(std::move(path)), keys_(key_columns.size()), values_(value_columns.size()) {
    for (const auto* columns : {&key_columns, &value_columns})
      for (const std::string& name : *columns) header_ += (header_.empty() ? "" : ",") + name;
    if (!std::filesystem::exists(path_)) return;
    std::istringstream lines(prunus::read_file(path_));
    std::string line;
    std::getline(lines, line);
    if (line != header_)
      throw prunus::file_error(
          prunus::errc::malformed,
          prunus_examples::joined(path_, ": a table with the columns ", header_,
                                  " was expected; name another file with --table"));
    while (std::getline(lines, line)) {
      std::istringstream cells(line);
      row r{std::vector<std::string>(keys_), std::vector<double>(values_)};
      for (std::string& key : r.key) std::getline(cells, key, ',');
      std::string cell;
      for (double& value : r.values) {
        std::getline(cells, cell, ',');
        value = std::strtod(cell.c_str(), nullptr);
      }
      rows_.push_back(std::move(r));
    }
  }

  [[nodiscard]] const std::vector<row>& rows() const noexcept { return rows_; }
  /// The row of that key, or nullptr.
  [[nodiscard]] const row* find(const std::vector<std::string>& key) const noexcept {
    for (const row& r : rows_)
      if (r.key == key) return &r;
    return nullptr;
  }
  /// Adds a row and writes the file.
  /// @throws prunus::argument_error out_of_range: other numbers of cells than columns, or a comma
  /// in a text; prunus::file_error
  void add(row r) {
    bool fits = r.key.size() == keys_ && r.values.size() == values_;
    for (const std::string& text : r.key)
      fits = fits && text.find_first_of(",\"\r\n") == std::string::npos;
    if (!fits)
      throw prunus::argument_error(
          prunus::errc::out_of_range,
          "result_table.add: one cell a column was expected, and texts without commas");
    rows_.push_back(std::move(r));
    std::string text = header_ + '\n';
    for (const row& each : rows_) {
      std::string line;
      for (const std::string& key : each.key) line += (line.empty() ? "" : ",") + key;
      for (const double value : each.values) line += prunus_examples::joined(",", value);
      text += line + '\n';
    }
    prunus_examples::write_file(path_, text);
  }

 private:
  std::string path_, header_;
  std::size_t keys_, values_;
  std::vector<row> rows_;
};

/// Mean and standard deviation; 0 where there is one value only.
[[nodiscard]] inline std::pair<double, double> spread(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean,
          values.size() > 1 ? std::sqrt(squares / static_cast<double>(values.size() - 1)) : 0.0};
}

}  // namespace prunus_benchmarks
