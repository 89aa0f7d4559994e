// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>
#include <prunus/io/stored_type.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>    // std::all_of, std::sort
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t, std::uint64_t
#include <limits>       // std::numeric_limits
#include <map>          // std::map
#include <optional>     // std::optional
#include <set>          // std::set
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <tuple>        // std::tie
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// What a header says of one tensor; bytes are counted from the end of the header.
struct safetensors_entry {
  std::string name;
  stored_type type = stored_type::f32;
  std::string type_name;
  std::vector<Index> shape;
  std::uint64_t begin = 0, end = 0;
};

struct safetensors_header {
  std::vector<safetensors_entry> entries;
  std::map<std::string, std::string> metadata;
};

inline constexpr std::uint64_t safetensors_header_limit = 100'000'000;

/// A text of a stranger, fit for a message.
[[nodiscard]] inline std::string shown(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string result(text.substr(0, longest));
  for (char& letter : result)
    if (static_cast<unsigned char>(letter) < 0x20) letter = '?';
  if (text.size() > longest) result += "...";
  return result;
}

/// Takes the events of the JSON parser and accepts exactly what a header may hold: no tree is
/// built, nothing nests deeper than the format does, and no key may come twice.
class safetensors_header_reader {
  using json = nlohmann::json;

 public:
  explicit safetensors_header_reader(std::string_view origin) : origin_(origin) {}

  [[nodiscard]] safetensors_header take() { return std::move(header_); }

  bool start_object(std::size_t) {
    if (place_ == place::start)
      place_ = place::top;
    else if (place_ == place::top && key_ == "__metadata__")
      place_ = place::metadata;
    else if (place_ == place::top)
      begin_tensor();
    else
      unexpected("an object");
    return true;
  }
  bool end_object() {
    if (place_ == place::tensor) end_tensor();
    place_ = place_ == place::top ? place::end : place::top;
    return true;
  }
  bool key(std::string& name) {
    if (place_ == place::tensor) {
      if (!fields_.insert(name).second) twice(name);
    } else if (place_ == place::metadata) {
      if (header_.metadata.contains(name)) twice(name);
    } else if (!names_.insert(name).second) {
      twice(name);
    }
    (place_ == place::top ? key_ : field_) = std::move(name);
    return true;
  }
  bool start_array(std::size_t) {
    if (place_ != place::tensor || (field_ != "shape" && field_ != "data_offsets"))
      unexpected("an array");
    place_ = field_ == "shape" ? place::shape : place::offsets;
    return true;
  }
  bool end_array() {
    if (place_ == place::offsets && offsets_.size() != 2)
      fail(here(), ": data_offsets has ", offsets_.size(), " numbers; it must have 2");
    place_ = place::tensor;
    return true;
  }
  bool string(std::string& text) {
    if (place_ == place::metadata) {
      header_.metadata.emplace(field_, std::move(text));
    } else if (place_ == place::tensor && field_ == "dtype") {
      const auto is_letter = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
      };
      if (text.empty() || text.size() > 32 || !std::all_of(text.begin(), text.end(), is_letter))
        fail(here(), ": \"", shown(text), "\" names no type");
      header_.entries.back().type = stored_type_named(text).value_or(stored_type::other);
      header_.entries.back().type_name = std::move(text);
    } else {
      unexpected("a text");
    }
    return true;
  }
  bool number_unsigned(std::uint64_t number) {
    if (place_ == place::shape) {
      if (number > static_cast<std::uint64_t>(std::numeric_limits<Index>::max()))
        fail(here(), ": an extent of ", number, " is too large");
      header_.entries.back().shape.push_back(static_cast<Index>(number));
    } else if (place_ == place::offsets) {
      offsets_.push_back(number);
    } else {
      unexpected("a number");
    }
    return true;
  }
  bool number_integer(std::int64_t) { return unexpected("a negative number"); }
  bool number_float(double, const std::string&) {
    return unexpected("a number that is not whole or too large");
  }
  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("a truth value"); }
  bool binary(json::binary_t&) { return unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) {
    fail("the header is no JSON at byte ", position);
  }

 private:
  enum class place : std::uint8_t { start, top, metadata, tensor, shape, offsets, end };

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw file_error(errc::malformed, concat(origin_, ": ", parts...));
  }
  [[nodiscard]] std::string here() const {
    return place_ == place::start ? "the header" : concat("\"", shown(key_), "\"");
  }
  bool unexpected(std::string_view what) const {
    const bool in_field = place_ != place::start && place_ != place::top;
    fail(here(), in_field ? concat(", ", shown(field_)) : std::string(), ": did not expect ", what);
  }
  [[noreturn]] void twice(const std::string& name) const {
    fail("the key \"", shown(name), "\" comes twice");
  }

  void begin_tensor() {
    place_ = place::tensor;
    header_.entries.emplace_back().name = key_;
    fields_.clear();
    offsets_.clear();
  }
  void end_tensor() {
    safetensors_entry& entry = header_.entries.back();
    for (const char* field : {"dtype", "shape", "data_offsets"})
      if (!fields_.contains(field)) fail(here(), " has no ", field);
    if (fields_.size() > 3) fail(here(), " has more than dtype, shape and data_offsets");
    entry.begin = offsets_[0];
    entry.end = offsets_[1];
    if (entry.end < entry.begin)
      fail(here(), ": the data ends at byte ", entry.end, ", before its begin at ", entry.begin);
    const Index bits = bits_of(entry.type_name).value_or(8), parts = bits % 8 == 0 ? 1 : 8;
    const std::optional<Index> elements = product_of(entry.shape);
    const std::optional<Index> size = product_of({elements.value_or(-1), bits * parts / 8});
    if (!size) fail(here(), ": the shape has more elements than can be counted");
    if (!bits_of(entry.type_name)) return;  // whatever it is, it lies where the offsets say
    if (*size % parts != 0)
      fail(here(), ": ", *elements, " elements of ", bits, " bits are no whole number of bytes");
    if (static_cast<std::uint64_t>(*size / parts) != entry.end - entry.begin)
      fail(here(), ": type and shape take ", *size / parts, " bytes, the offsets ", entry.begin,
           " and ", entry.end, " span ", entry.end - entry.begin);
  }

  std::string origin_;
  safetensors_header header_;
  place place_ = place::start;
  std::string key_, field_;
  std::set<std::string> names_, fields_;
  std::vector<std::uint64_t> offsets_;  // of the tensor that is being read
};

/// Tensors follow each other without holes and overlaps and fill the data.
inline void expect_contiguous(const safetensors_header& header, std::uint64_t data_size,
                              std::string_view origin) {
  std::uint64_t next = 0;
  for (const safetensors_entry& entry : header.entries) {
    if (entry.begin != next)
      throw file_error(errc::malformed,
                       concat(origin, ": \"", shown(entry.name), "\" begins at byte ", entry.begin,
                              " of the data, the tensor before it ends at ", next,
                              "; tensors must neither overlap nor leave holes"));
    next = entry.end;
  }
  if (next == data_size) return;
  throw file_error(next > data_size ? errc::truncated : errc::malformed,
                   concat(origin, ": the tensors take ", next, " bytes, the file has ", data_size,
                          " behind its header"));
}

/// Reads and checks all that stands before the data; `size` is that of the header with its length.
/// @throws file_error (truncated, malformed)
[[nodiscard]] inline safetensors_header read_safetensors_header(std::string_view bytes,
                                                                std::string_view origin,
                                                                std::size_t& size) {
  constexpr std::size_t prefix = 8;
  const auto fail = [&](errc code, const auto&... parts) {
    throw file_error(code, concat(origin, ": ", parts...));
  };
  if (bytes.size() < prefix)
    fail(errc::truncated, "has ", bytes.size(),
         " bytes; 8 for the length of the header come first");
  std::uint64_t length = 0;
  for (std::size_t k = prefix; k-- > 0;)
    length = length << 8 | static_cast<unsigned char>(bytes[k]);
  if (length > safetensors_header_limit)
    fail(errc::malformed, "a header of ", length, " bytes is announced, more than the ",
         safetensors_header_limit, " that are allowed; is it a safetensors file?");
  if (length > bytes.size() - prefix)
    fail(errc::truncated, "a header of ", length, " bytes is announced, the file has ",
         bytes.size() - prefix, " more");
  size = prefix + static_cast<std::size_t>(length);
  const std::string_view text = bytes.substr(prefix, size - prefix);
  if (!text.starts_with('{'))
    fail(errc::malformed, "the header does not begin with '{'; is it a safetensors file?");

  // The parser would take it for the end of the text, and read nothing of what stands behind it.
  if (const std::size_t nul = text.find('\0'); nul != text.npos)
    fail(errc::malformed, "the header is no JSON at byte ", nul, ": a zero byte");
  safetensors_header_reader reader(origin);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  safetensors_header header = reader.take();
  std::sort(header.entries.begin(), header.entries.end(),
            [](const safetensors_entry& a, const safetensors_entry& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  expect_contiguous(header, bytes.size() - size, origin);
  return header;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
