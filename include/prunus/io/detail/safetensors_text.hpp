// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>
#include <prunus/io/detail/safetensors_header.hpp>
#include <prunus/io/stored_type.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>    // std::reverse, std::sort, std::is_sorted
#include <array>        // std::array
#include <bit>          // std::endian
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <cstring>      // std::memcpy
#include <map>          // std::map
#include <set>          // std::set
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

template <weight_scalar S>
struct tensor_to_write {
  std::string_view name;
  weight_view<const S> values;
};

/// The text in quotes, escaped as JSON asks for.
/// @throws argument_error (unknown_name) for a text that is not UTF-8
[[nodiscard]] inline std::string json_text(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    throw argument_error(errc::unknown_name,
                         concat("write_safetensors: \"", shown(text), "\" is not UTF-8"));
  }
}

/// The axes that the user's tensor has, in the order out, in, height, width.
template <weight_scalar S>
[[nodiscard]] std::vector<axis> axes_of(const tensor_to_write<S>& tensor) {
  const int rank = tensor.values.rank;
  if (rank < 1 || rank > 4)
    throw argument_error(errc::unsupported, concat("write_safetensors: ", shown(tensor.name),
                                                   " has ", rank, " axes; 1 to 4 can be written"));
  std::vector<axis> axes(tensor.values.axes.end() - rank, tensor.values.axes.end());
  std::sort(axes.begin(), axes.end());
  return axes;
}

/// Appends the values in the order out, in, height, width, lowest byte first.
template <weight_scalar S>
void append_values(std::string& bytes, const weight_view<const S>& values) {
  const auto append = [&](const S* first, Index count) {
    if (count == 0) return;
    const std::size_t at = bytes.size(), size = static_cast<std::size_t>(count) * sizeof(S);
    bytes.append(reinterpret_cast<const char*>(first), size);
    if constexpr (std::endian::native == std::endian::big)
      for (std::size_t i = at; i < bytes.size(); i += sizeof(S))
        std::reverse(bytes.data() + i, bytes.data() + i + sizeof(S));
  };
  const auto real = values.axes.end() - values.rank;
  if (std::is_sorted(real, values.axes.end())) return append(values.data, values.size());
  for (Index o = 0; o < values.extent(axis::out); ++o)
    for (Index i = 0; i < values.extent(axis::in); ++i)
      for (Index y = 0; y < values.extent(axis::height); ++y)
        for (Index x = 0; x < values.extent(axis::width); ++x) append(&values(o, i, y, x), 1);
}

/// A whole file.
template <weight_scalar S>
[[nodiscard]] std::string safetensors_text(const std::vector<tensor_to_write<S>>& tensors,
                                           const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  const auto separate = [&](char first) {
    if (header.back() != first) header += ',';
  };
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, text] : metadata) {
      separate('{');
      header += concat(json_text(key), ":", json_text(text));
    }
    header += '}';
  }
  std::set<std::string_view> names;
  std::uint64_t next = 0;
  for (const tensor_to_write<S>& tensor : tensors) {
    if (tensor.name.empty() || tensor.name == "__metadata__")
      throw argument_error(errc::unknown_name, concat("write_safetensors: a tensor cannot be ",
                                                      "called \"", tensor.name, "\""));
    if (!names.insert(tensor.name).second)
      throw argument_error(
          errc::duplicate_name,
          concat("write_safetensors: two tensors are called ", shown(tensor.name)));
    separate('{');
    header += concat(json_text(tensor.name), R"(:{"dtype":")", name_of(stored_type_of<S>()),
                     R"(","shape":[)");
    for (axis a : axes_of(tensor)) {
      separate('[');
      header += concat(tensor.values.extent(a));
    }
    const std::uint64_t end = next + static_cast<std::uint64_t>(tensor.values.size()) * sizeof(S);
    header += concat("],\"data_offsets\":[", next, ",", end, "]}");
    next = end;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');

  std::string bytes;
  bytes.reserve(8 + header.size() + static_cast<std::size_t>(next));
  for (unsigned shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift & 0xff);
  bytes += header;
  for (const tensor_to_write<S>& tensor : tensors) append_values(bytes, tensor.values);
  return bytes;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
