// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>
#include <prunus/io/detail/safetensors_header.hpp>
#include <prunus/io/stored_type.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>    // std::reverse, std::sort, std::is_sorted
#include <array>        // std::array
#include <bit>          // std::endian
#include <cstddef>      // std::byte, std::size_t
#include <cstdint>      // std::uint64_t
#include <cstring>      // std::memcpy
#include <map>          // std::map
#include <set>          // std::set
#include <span>         // std::span
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

/// What a file says of one tensor, and its bytes where they are written as they are.
struct tensor_record {
  std::string_view name, type;
  std::vector<Index> shape;
  std::uint64_t size = 0;  ///< in bytes
  std::span<const std::byte> bytes{};
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

/// The extents that the user's tensor has, in the order out, in, height, width.
template <weight_scalar S>
[[nodiscard]] std::vector<Index> shape_of(const tensor_to_write<S>& tensor) {
  const int rank = tensor.values.rank;
  if (rank < 0 || rank > 4)
    throw argument_error(errc::unsupported, concat("write_safetensors: ", shown(tensor.name),
                                                   " has ", rank, " axes; 0 to 4 can be written"));
  std::vector<axis> axes(tensor.values.axes.end() - rank, tensor.values.axes.end());
  std::sort(axes.begin(), axes.end());
  std::vector<Index> shape;
  for (const axis a : axes) shape.push_back(tensor.values.extent(a));
  if (product_of(shape) != product_of(tensor.values.extents))
    throw shape_error(errc::shape_mismatch,
                      concat("write_safetensors: ", shown(tensor.name), " has ", rank,
                             " axes and extents of ", joined_extents(tensor.values.extents)));
  return shape;
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

/// The length of the header and the header; the data begin at a multiple of 8 bytes.
[[nodiscard]] inline std::string safetensors_head(
    const std::vector<tensor_record>& tensors, const std::map<std::string, std::string>& metadata) {
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
  for (const tensor_record& tensor : tensors) {
    if (tensor.name.empty() || tensor.name == "__metadata__")
      throw argument_error(errc::unknown_name, concat("write_safetensors: a tensor cannot be ",
                                                      "called \"", tensor.name, "\""));
    if (!names.insert(tensor.name).second)
      throw argument_error(
          errc::duplicate_name,
          concat("write_safetensors: two tensors are called ", shown(tensor.name)));
    separate('{');
    header += concat(json_text(tensor.name), R"(:{"dtype":")", tensor.type, R"(","shape":[)");
    for (const Index extent : tensor.shape) {
      separate('[');
      header += concat(extent);
    }
    header += concat("],\"data_offsets\":[", next, ",", next + tensor.size, "]}");
    next += tensor.size;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');

  std::string bytes;
  bytes.reserve(8 + header.size() + static_cast<std::size_t>(next));
  for (unsigned shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift & 0xff);
  return bytes += header;
}

/// A whole file: tensors of numbers, then those that are written as they are.
template <weight_scalar S>
[[nodiscard]] std::string safetensors_text(const std::vector<tensor_to_write<S>>& tensors,
                                           const std::vector<tensor_record>& as_they_are,
                                           const std::map<std::string, std::string>& metadata) {
  std::vector<tensor_record> all;
  for (const tensor_to_write<S>& tensor : tensors)
    all.push_back({tensor.name, name_of(stored_type_of<S>()), shape_of(tensor),
                   static_cast<std::uint64_t>(tensor.values.size()) * sizeof(S)});
  all.insert(all.end(), as_they_are.begin(), as_they_are.end());
  std::string bytes = safetensors_head(all, metadata);
  for (const tensor_to_write<S>& tensor : tensors) append_values(bytes, tensor.values);
  for (const tensor_record& tensor : as_they_are)
    bytes.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  return bytes;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
