// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/measure/detail/number_text.hpp>
#include <prunus/measure/measurement.hpp>
#include <prunus/measure/verdict.hpp>

#include <algorithm>  // std::max
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <optional>   // std::optional
#include <set>        // std::set
#include <string>     // std::string
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// A network before and after pruning, and whether it was worth it.
struct measurement_report {
  measurement dense = {};
  measurement pruned = {};
  prunus::verdict verdict = {};
};

/// @throws argument_error as judge
[[nodiscard]] inline measurement_report make_report(const measurement& dense,
                                                    const measurement& pruned,
                                                    const verdict_options& options = {}) {
  return {dense, pruned, judge(dense, pruned, options)};
}

namespace detail {

using report_line = std::array<std::string, 4>;  // label, dense, pruned, ratio

/// One quantity; a row is shown when either side has it.
struct report_row {
  std::string label;
  std::string key;  // its name in CSV
  std::optional<double> dense;
  std::optional<double> pruned;
  std::string (*text)(double) = nullptr;
  bool is_difference = false;  // the last column shows points of difference instead of a ratio
};

template <class = compiled_on_use>
[[nodiscard]] std::vector<report_row> rows_of(const measurement_report& report) {
  const auto& [dense, pruned, judgement] = report;
  const auto count = [](double value) { return scaled_text(value, ""); };
  const auto bytes = [](double value) { return scaled_text(value, "B"); };
  std::vector<report_row> rows{
      {"accuracy", "accuracy", dense.accuracy, pruned.accuracy, &percent_text, true},
      {"MACs", "macs", dense.macs, pruned.macs, count},
      {"parameters", "parameters", dense.parameters, pruned.parameters, count},
      {"bytes", "bytes", dense.bytes, pruned.bytes, bytes}};
  std::set<int> thread_counts;
  for (const thread_latency& entry : dense.latencies) thread_counts.insert(entry.threads);
  for (const thread_latency& entry : pruned.latencies) thread_counts.insert(entry.threads);
  for (const int threads : thread_counts) {
    const char* const noun = threads == 1 ? "thread" : "threads";
    rows.push_back({concat("latency, ", threads, " ", noun), concat("seconds_", threads, "_", noun),
                    dense.seconds(threads), pruned.seconds(threads), &milliseconds_text});
  }
  std::erase_if(rows, [](const report_row& row) { return !row.dense && !row.pruned; });
  return rows;
}

/// Pruned over dense; nothing where a side is missing or dense is zero.
[[nodiscard]] inline std::optional<double> ratio_of(const report_row& row) {
  if (!row.dense || !row.pruned || *row.dense == 0) return std::nullopt;
  return *row.pruned / *row.dense;
}

[[nodiscard]] inline std::string change_text(const report_row& row) {
  if (row.is_difference && row.dense && row.pruned) {
    const double points = 100 * (*row.pruned - *row.dense);
    return concat(points < 0 ? "" : "+", fixed_text(points, 2), " pt");
  }
  const std::optional<double> ratio = ratio_of(row);
  return ratio ? fixed_text(*ratio, 3) + " x " : "-";
}

template <class = compiled_on_use>
[[nodiscard]] std::vector<report_line> lines_of(const measurement_report& report) {
  std::vector<report_line> lines{{"", "dense", "pruned", "ratio"}};
  const auto cell = [](const report_row& row, std::optional<double> value) {
    return value ? row.text(*value) : std::string("-");
  };
  for (const report_row& row : rows_of(report)) {
    lines.push_back({row.label, cell(row, row.dense), cell(row, row.pruned), change_text(row)});
  }
  return lines;
}

}  // namespace detail

/// The report as a table for a terminal, plain ASCII, each line ended, the verdict last:
///
///                           dense    pruned      ratio
///     -------------------------------------------------
///     accuracy             98.71 %   98.42 %   -0.29 pt
///     MACs                  1.23 M     412 k   0.334 x
///     latency, 1 thread    2.31 ms   1.06 ms   0.459 x
///     -------------------------------------------------
///     use pruned: 0.459 x the time with 1 thread, accuracy -0.29 points
template <class = compiled_on_use>
[[nodiscard]] std::string to_text(const measurement_report& report) {
  const std::vector<detail::report_line> lines = detail::lines_of(report);
  std::array<std::size_t, 4> widths{};
  for (const detail::report_line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  constexpr std::size_t gap = 3;
  const std::size_t total = widths[0] + widths[1] + widths[2] + widths[3] + 3 * gap;
  const std::string rule = std::string(total, '-') + '\n';
  std::string text;
  for (const detail::report_line& line : lines) {
    text.append(line[0]).append(widths[0] - line[0].size(), ' ');
    for (std::size_t i = 1; i < line.size(); ++i) {
      text.append(gap + widths[i] - line[i].size(), ' ').append(line[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
    if (&line == &lines.front()) text += rule;
  }
  return text + rule + report.verdict.reason + '\n';
}

/// The report as a Markdown table, the verdict below it.
template <class = compiled_on_use>
[[nodiscard]] std::string to_markdown(const measurement_report& report) {
  std::string text;
  const std::vector<detail::report_line> lines = detail::lines_of(report);
  for (const detail::report_line& line : lines) {
    for (const std::string& cell : line) {
      const std::size_t length = cell.find_last_not_of(' ') + 1;
      text.append("| ").append(cell, 0, length).append(length == 0 ? "" : " ");
    }
    text += "|\n";
    if (&line == &lines.front()) text += "|:---|---:|---:|---:|\n";
  }
  return text + "\n**" + report.verdict.reason + "**\n";
}

/// The rows as CSV with plain numbers in full precision: fractions, counts, bytes and seconds. What
/// was not measured stays empty; the verdict is left out.
template <class = compiled_on_use>
[[nodiscard]] std::string to_csv(const measurement_report& report) {
  const auto number = [](std::optional<double> value) {
    return value ? detail::shortest_text(*value) : std::string();
  };
  std::string text = "quantity,dense,pruned,ratio\n";
  for (const detail::report_row& row : detail::rows_of(report)) {
    text += detail::concat(row.key, ",", number(row.dense), ",", number(row.pruned), ",",
                           number(detail::ratio_of(row)), "\n");
  }
  return text;
}

}  // namespace v0
}  // namespace prunus
