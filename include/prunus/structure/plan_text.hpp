// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/detail/crc32.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/detail/plan_consistency.hpp>
#include <prunus/structure/plan.hpp>

#include <algorithm>     // std::min
#include <array>         // std::array
#include <charconv>      // std::from_chars, std::to_chars
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint32_t
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <system_error>  // std::errc
#include <utility>       // std::move
#include <vector>        // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

inline constexpr std::string_view plan_header = "prunus-plan 2";

/// The words of a file for an enumeration, in the order of its values.
inline constexpr std::array<std::string_view, 3> removal_words{"constant", "unread", "requested"};
inline constexpr std::array<std::string_view, 3> receiver_words{"bias", "new_bias", "running_mean"};
inline constexpr std::array<std::string_view, 7> keep_words{
    "zero_padding",      "layer_norm",       "partly_alive", "last_of_layer",
    "output_of_network", "input_of_network", "opaque"};
template <class Enum, std::size_t N>
[[nodiscard]] constexpr std::string_view word_of(Enum value,
                                                 const std::array<std::string_view, N>& words) {
  return words[static_cast<std::size_t>(value)];
}

/// Writes one record a line: a word, then numbers and quoted names.
class record_writer {
 public:
  record_writer& line(std::string_view word) {
    if (!text_.empty()) text_ += '\n';
    text_ += word;
    return *this;
  }
  record_writer& operator<<(Index number) { return put(std::to_string(number)); }
  record_writer& operator<<(double number) { return put(shortest(number)); }
  record_writer& operator<<(std::string_view word) { return put(word); }
  record_writer& quoted(std::string_view name) {
    std::string text = "\"";
    for (char c : name) {
      if (c == '"' || c == '\\') text += '\\';
      if (c == '\n')
        text += "\\n";
      else
        text += c;
    }
    return put(text += '"');
  }
  record_writer& operator<<(const std::vector<Index>& numbers) {
    *this << static_cast<Index>(numbers.size());
    for (Index number : numbers) *this << number;
    return *this;
  }
  record_writer& operator<<(const cost& f) { return *this << f.macs << f.parameters << f.bytes; }
  [[nodiscard]] std::string finish() { return std::move(text_ += '\n'); }

 private:
  record_writer& put(std::string_view part) {
    text_ += ' ';
    text_ += part;
    return *this;
  }
  std::string text_;
};

/// Reads what record_writer wrote, and nothing else.
class record_reader {
 public:
  /// @pre lines are complete
  explicit record_reader(std::string_view lines) : rest_(lines) {}

  /// Goes to the next line; false when the text is over.
  [[nodiscard]] bool next_line() {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    ++number_;
    return true;
  }

  [[nodiscard]] std::string_view word() {
    skip_space();
    const std::size_t end = std::min(line_.find(' '), line_.size());
    if (end == 0) fail("something is missing");
    const std::string_view result = line_.substr(0, end);
    line_.remove_prefix(end);
    return result;
  }
  template <class Number>
  [[nodiscard]] Number number() {
    const std::string_view digits = word();
    Number value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) fail(digits, " is no number");
    return value;
  }
  /// A number that cannot be negative.
  [[nodiscard]] Index count() {
    const Index value = number<Index>();
    if (value < 0) fail(value, " is negative");
    return value;
  }
  [[nodiscard]] std::string quoted() {
    skip_space();
    if (!line_.starts_with('"')) fail("a name in quotes is missing");
    std::string name;
    for (std::size_t i = 1; i < line_.size(); ++i) {
      if (line_[i] == '"') {
        line_.remove_prefix(i + 1);
        return name;
      }
      const bool escaped = line_[i] == '\\';
      if (escaped && ++i == line_.size()) break;
      name += escaped && line_[i] == 'n' ? '\n' : line_[i];
    }
    fail("a name has no closing quote");
  }
  /// Positions below `extent`, ascending, never all of them.
  [[nodiscard]] std::vector<Index> positions(Index extent) {
    const Index size = count();
    if (size >= extent) fail(size, " positions of ", extent, "; at least one must stay");
    std::vector<Index> result;
    for (Index i = 0; i < size; ++i) {
      const Index position = count();
      if (position >= extent || (i > 0 && position <= result.back()))
        fail("position ", position, " of ", extent, " is out of range or out of order");
      result.push_back(position);
    }
    return result;
  }
  template <class Enum, std::size_t N>
  [[nodiscard]] Enum value_of(const std::array<std::string_view, N>& words) {
    const std::string_view wanted = word();
    for (std::size_t i = 0; i < N; ++i)
      if (words[i] == wanted) return static_cast<Enum>(i);
    fail(wanted, " is not known");
  }
  void expect_end_of_line() const {
    if (!line_.empty()) fail("there is more than belongs here: ", line_);
  }
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw file_error(errc::malformed, concat("load_plan: line ", number_, ": ", parts...));
  }

 private:
  void skip_space() {
    if (line_.starts_with(' ')) line_.remove_prefix(1);
  }
  std::string_view rest_, line_;
  Index number_ = 1;  // the first line was read before
};

[[nodiscard]] inline cost read_cost(record_reader& in) {
  cost f;
  f.macs = in.count();
  f.parameters = in.count();
  f.bytes = in.count();
  return f;
}

template <class = compiled_on_use>
void read_record(record_reader& in, plan& p) {
  const std::string_view kind = in.word();
  if (kind == "before") {
    if (p.before != cost{}) in.fail("the cost before comes twice");
    p.before = read_cost(in);
  } else if (kind == "after") {
    if (p.after != cost{}) in.fail("the cost after comes twice");
    p.after = read_cost(in);
  } else if (kind == "remove") {
    plan::removal& r = p.removed.emplace_back();
    r.coupling = in.quoted();
    r.unit = in.count();
    r.reason = in.value_of<plan::removal_reason>(removal_words);
    r.sentence = in.quoted();
  } else if (kind == "slice") {
    plan::tensor_slice& c = p.slices.emplace_back();
    c.tensor = in.quoted();
    for (Index& extent : c.extents)
      if (extent = in.count(); extent == 0) in.fail("an extent of 0");
    c.out = in.positions(c.extents[0]);
    c.in = in.positions(c.extents[1]);
  } else if (kind == "fold") {
    plan::fold& f = p.folds.emplace_back();
    f.from = in.quoted();
    f.channel = in.count();
    f.value = in.number<double>();
    f.weight = in.quoted();
    f.groups = in.count();
    if (f.groups == 0) in.fail("0 groups");
    f.into = in.value_of<plan::receiver>(receiver_words);
    f.tensor = in.quoted();
  } else if (kind == "new") {
    plan::new_tensor& t = p.new_tensors.emplace_back();
    t.name = in.quoted();
    t.weight = in.quoted();
    t.size = in.count();
  } else if (kind == "keep") {
    plan::kept_channel& k = p.kept.emplace_back();
    k.node = in.quoted();
    k.channel = in.count();
    k.reason = in.value_of<keep_reason>(keep_words);
    k.because_of = in.quoted();
  } else if (kind == "approximate") {
    plan::approximation& a = p.approximations.emplace_back();
    a.from = in.quoted();
    a.channel = in.count();
    a.layer = in.quoted();
  } else if (kind == "opaque") {
    plan::opaque_node& o = p.opaque.emplace_back();
    o.node = in.quoted();
    o.kind = in.quoted();
    o.channels = in.count();
  } else {
    in.fail("a record called ", kind, " is not known");
  }
}

/// The last line of a text: "end" and the CRC-32 of all lines before it, in hexadecimal digits.
[[nodiscard]] inline std::string end_line(std::string_view lines) {
  std::array<char, 8> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), crc32(lines), 16).ptr;
  return concat(
      "end ", std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())), "\n");
}

/// The lines between the first and the last, both of which must be as `save_plan` writes them.
/// @throws file_error (truncated, malformed)
template <class = compiled_on_use>
[[nodiscard]] std::string_view checked_lines(std::string_view text) {
  const std::string first = concat(plan_header, "\n");
  if (std::string_view(first).starts_with(text))
    throw file_error(errc::truncated,
                     "load_plan: the text stops before its first line is complete");
  if (!text.starts_with(first))
    throw file_error(errc::malformed,
                     concat("load_plan: the text does not start with \"", plan_header,
                            "\"; it is no plan, or one of another version"));
  const std::size_t last = text.find("\nend ");  // within names, lines end otherwise
  if (last == text.npos || text.find('\n', last + 1) == text.npos)
    throw file_error(errc::truncated, "load_plan: the text stops before its end line is complete");
  const std::string_view lines = text.substr(0, last + 1), found = text.substr(last + 1);
  if (const std::string expected = end_line(lines); found != expected)
    throw file_error(errc::malformed,
                     concat("load_plan: the text ends with \"", found.substr(0, found.find('\n')),
                            "\" where \"", expected.substr(0, expected.size() - 1),
                            "\" was expected, the checksum of its lines; it was damaged or edited, "
                            "or goes on after its end"));
  return lines.substr(first.size());
}

}  // namespace detail

/// The plan as text that `load_plan` reads: a version line, one record a line, "end" and a checksum
/// (CRC-32) as the last line. Numbers are written so that they read back bit for bit.
/// @throws argument_error, value_error where the plan contradicts itself
template <class = compiled_on_use>
[[nodiscard]] std::string save_plan(const plan& p) {
  detail::expect_consistent(p);
  detail::record_writer out;
  out.line(detail::plan_header);
  out.line("before") << p.before;
  out.line("after") << p.after;
  for (const plan::removal& r : p.removed)
    (out.line("remove").quoted(r.coupling)
     << r.unit << detail::word_of(r.reason, detail::removal_words))
        .quoted(r.sentence);
  for (const plan::tensor_slice& c : p.slices) {
    out.line("slice").quoted(c.tensor);
    for (Index extent : c.extents) out << extent;
    out << c.out << c.in;
  }
  for (const plan::fold& f : p.folds)
    ((out.line("fold").quoted(f.from) << f.channel << f.value).quoted(f.weight)
     << f.groups << detail::word_of(f.into, detail::receiver_words))
        .quoted(f.tensor);
  for (const plan::new_tensor& t : p.new_tensors)
    out.line("new").quoted(t.name).quoted(t.weight) << t.size;
  for (const plan::kept_channel& k : p.kept)
    (out.line("keep").quoted(k.node) << k.channel << detail::word_of(k.reason, detail::keep_words))
        .quoted(k.because_of);
  for (const plan::approximation& a : p.approximations)
    (out.line("approximate").quoted(a.from) << a.channel).quoted(a.layer);
  for (const plan::opaque_node& o : p.opaque)
    out.line("opaque").quoted(o.node).quoted(o.kind) << o.channels;
  std::string text = out.finish();
  return text += detail::end_line(text);
}

/// The plan that `save_plan` wrote.
/// @throws file_error (malformed: another kind of text, another version, a checksum that differs, a
///         record that is not known, damaged, or contradicts another; truncated: the text stops
///         before its last line)
template <class = compiled_on_use>
[[nodiscard]] plan load_plan(std::string_view text) {
  detail::record_reader in(detail::checked_lines(text));
  plan result;
  while (in.next_line()) {
    detail::read_record(in, result);
    in.expect_end_of_line();
  }
  try {
    detail::expect_consistent(result);
  } catch (const error& problem) {
    throw file_error(errc::malformed, detail::concat("load_plan: ", problem.what()));
  }
  return result;
}

}  // namespace v0
}  // namespace prunus
