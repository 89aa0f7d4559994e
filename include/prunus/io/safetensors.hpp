// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/core/read_file.hpp>
#include <prunus/core/view.hpp>
#include <prunus/core/write_file.hpp>
#include <prunus/io/detail/safetensors_header.hpp>
#include <prunus/io/detail/safetensors_text.hpp>
#include <prunus/io/stored_type.hpp>

#include <algorithm>    // std::reverse
#include <array>        // std::array
#include <bit>          // std::endian
#include <concepts>     // std::integral
#include <cstddef>      // std::byte, std::size_t
#include <cstring>      // std::memcpy
#include <map>          // std::map
#include <set>          // std::set
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::in_range, std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

namespace detail {

/// @throws shape_error (shape_mismatch: not as many values as the extents say)
template <weight_scalar S>
[[nodiscard]] std::vector<tensor_to_write<S>> tensors_to_write(const named_tensors<S>& tensors) {
  std::vector<tensor_to_write<S>> all;
  for (const named_tensor<S>& t : tensors) {
    if (product_of(t.extents) != static_cast<Index>(t.values.size()))
      throw shape_error(errc::shape_mismatch,
                        concat("write_safetensors: ", shown(t.name), " has ", t.values.size(),
                               " values, its extents are ", joined_extents(t.extents)));
    all.push_back({t.name, t.view()});
  }
  return all;
}

}  // namespace detail

/// What a safetensors file holds: named tensors of numbers, and texts. A value; it owns the bytes.
///
///     const prunus::safetensors file = prunus::read_safetensors("resnet20.safetensors");
///     const auto weight = file.tensor<float>("conv1.weight");       // a named_tensor<float>
///     prunus::nn::network<float> net(graph, file.tensors<float>());
///
/// Tensors are row-major. Their axes are taken as out x in x height x width, the order of PyTorch
/// and ONNX.
class safetensors {
 public:
  struct entry {
    std::string name;
    stored_type type = stored_type::f32;
    std::string type_name;     ///< as the file calls it: "F32", "F8_E4M3"
    std::vector<Index> shape;  ///< empty for a single number
    [[nodiscard]] Index size() const noexcept {
      Index product = 1;
      for (Index extent : shape) product *= extent;
      return product;
    }
  };

  /// Takes over the bytes of a file; `origin` names it in messages.
  /// @throws file_error (truncated, malformed), see read_safetensors
  explicit safetensors(std::string bytes, std::string_view origin = "safetensors")
      : bytes_(std::move(bytes)), origin_(origin) {
    std::size_t begin = 0;
    detail::safetensors_header header = detail::read_safetensors_header(bytes_, origin, begin);
    metadata_ = std::move(header.metadata);
    for (detail::safetensors_entry& e : header.entries) {
      data_.push_back(
          {begin + static_cast<std::size_t>(e.begin), static_cast<std::size_t>(e.end - e.begin)});
      position_.emplace(e.name, entries_.size());
      entries_.push_back({std::move(e.name), e.type, std::move(e.type_name), std::move(e.shape)});
    }
  }

  /// All tensors, in the order of their data.
  [[nodiscard]] const std::vector<entry>& entries() const noexcept { return entries_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept {
    return metadata_;
  }
  /// The tensor of that name, or nullptr.
  [[nodiscard]] const entry* find(std::string_view name) const noexcept {
    const auto found = position_.find(name);
    return found == position_.end() ? nullptr : &entries_[found->second];
  }

  /// The bytes of a tensor, little-endian and row-major; they live as long as this object.
  /// @throws argument_error (unknown_name)
  [[nodiscard]] std::span<const std::byte> bytes(std::string_view name) const {
    return bytes_of_entry(index_of(name));
  }

  /// A whole file with these tensors and all else that stands here: tensors of other names as the
  /// bytes they are, whatever their type, and the texts.
  ///
  ///     prunus::write_file("smaller.safetensors", file.bytes_with(prunus::compact(net, plan)));
  ///
  /// @throws as safetensors_bytes
  template <weight_scalar S>
  [[nodiscard]] std::string bytes_with(const named_tensors<S>& tensors) const {
    std::set<std::string_view> changed;
    for (const named_tensor<S>& t : tensors) changed.insert(t.name);
    std::vector<detail::tensor_record> others;
    for (std::size_t i = 0; i < entries_.size(); ++i)
      if (const entry& e = entries_[i]; !changed.contains(e.name))
        others.push_back({e.name, e.type_name, e.shape, data_[i].size, bytes_of_entry(i)});
    return detail::safetensors_text<S>(detail::tensors_to_write(tensors), others, metadata_);
  }

  /// The numbers of a tensor, of any rank. Nothing is rounded: a floating-point T takes stored
  /// types whose numbers it has all (double takes F64, F32, F16, BF16; float all but F64), an
  /// integral T takes all integers and BOOL as long as the numbers fit.
  /// @throws argument_error (unknown_name; unsupported: another type; out_of_range: a number that
  ///         does not fit)
  template <class T>
    requires(std::integral<T> && !std::same_as<T, bool>)
  || weight_scalar<T> [[nodiscard]] std::vector<T> values(std::string_view name) const {
    const entry& e = entries_[index_of(name)];
    const std::span<const std::byte> source = bytes(name);
    if (e.type == stored_type::other)
      throw argument_error(errc::unsupported,
                           detail::concat(origin_, ": ", detail::shown(name), " is ", e.type_name,
                                          ", which prunus does not compute with; take its bytes"));
    return detail::with_type(e.type, [&]<class From>(std::type_identity<From>) -> std::vector<T> {
      if constexpr (has_all<T, From>()) {
        return converted<T, From>(source, name);
      } else {
        throw argument_error(
            errc::unsupported,
            detail::concat(origin_, ": ", detail::shown(name), " is ", name_of(e.type),
                           "; read it as ", is_floating(e.type) ? "double" : "std::int64_t"));
      }
    });
  }

  /// A tensor of up to 5 axes, none for a single number, out x in x height x width (OIDHW for
  /// five); an extent may be 0. Conversions as in `values`.
  /// @throws argument_error (as `values`), shape_error (bad_layout: more axes)
  template <weight_scalar S>
  [[nodiscard]] named_tensor<S> tensor(std::string_view name) const {
    const std::vector<Index>& shape = entries_[index_of(name)].shape;
    if (shape.size() > 5)
      throw shape_error(errc::bad_layout,
                        detail::concat(origin_, ": ", detail::shown(name), " has ", shape.size(),
                                       " axes; a tensor has at most 5, take its values"));
    std::vector<S> numbers = values<S>(name);
    if (shape.empty()) {
      named_tensor<S> single;
      single.name = name;
      single.values = std::move(numbers);
      return single;
    }
    const layout meaning = layout::of_rank(static_cast<int>(shape.size()));
    const weight_view<S> seen = detail::make_view(numbers.data(), shape, meaning.text());
    return {std::string(name), seen.extents, seen.axes, seen.rank, std::move(numbers)};
  }

  /// All tensors of floating-point numbers that the library computes with; others (counters,
  /// labels, F8) are left out.
  /// @throws as `tensor`
  template <weight_scalar S>
  [[nodiscard]] named_tensors<S> tensors() const {
    named_tensors<S> result;
    for (const entry& e : entries_)
      if (is_floating(e.type)) result.push_back(tensor<S>(e.name));
    return result;
  }

 private:
  struct extent_of_data {
    std::size_t begin, size;
  };

  [[nodiscard]] std::span<const std::byte> bytes_of_entry(std::size_t i) const noexcept {
    return std::as_bytes(std::span(bytes_)).subspan(data_[i].begin, data_[i].size);
  }
  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    const auto found = position_.find(name);
    if (found == position_.end())
      throw argument_error(errc::unknown_name,
                           detail::concat(origin_, ": no tensor is called ", detail::shown(name),
                                          "; there are ", entries_.size()));
    return found->second;
  }

  /// Every number of type From is one of type To, or is checked for that one by one.
  template <class To, class From>
  [[nodiscard]] static constexpr bool has_all() {
    if constexpr (std::integral<To> || std::integral<From>)
      return std::integral<To> && std::integral<From>;
    else
      return std::same_as<To, From> || std::same_as<To, double> ||
             (std::same_as<To, float> && !std::same_as<From, double>);
  }
  template <class To, class From>
  [[nodiscard]] std::vector<To> converted(std::span<const std::byte> source,
                                          std::string_view name) const {
    std::vector<To> result(source.size() / sizeof(From));
    if constexpr (std::same_as<To, From> && std::endian::native == std::endian::little) {
      if (!result.empty()) std::memcpy(result.data(), source.data(), source.size());
      return result;
    } else {
      for (std::size_t i = 0; i < result.size(); ++i) {
        std::array<std::byte, sizeof(From)> one{};
        std::memcpy(one.data(), source.data() + i * sizeof(From), sizeof(From));
        if constexpr (std::endian::native == std::endian::big) std::reverse(one.begin(), one.end());
        From number;
        std::memcpy(&number, one.data(), sizeof(From));
        if constexpr (std::integral<To>)
          if (!std::in_range<To>(number))
            throw argument_error(
                errc::out_of_range,
                detail::concat(origin_, ": number ", i, " of ", detail::shown(name), ", ", number,
                               ", does not fit the type asked for"));
        result[i] = static_cast<To>(number);
      }
      return result;
    }
  }

  std::string bytes_, origin_;
  std::vector<entry> entries_;
  std::vector<extent_of_data> data_;  // of each entry, in bytes_
  std::map<std::string, std::size_t, std::less<>> position_;
  std::map<std::string, std::string> metadata_;
};

/// Reads a file. It is checked as a whole before anything is handed out: a header that is JSON of
/// the expected form and no longer than 100 MB, no key twice, and tensors that fill the data
/// without holes and overlaps, each as large as its type and shape say, as far as the type is
/// known.
/// @throws file_error (cannot_open; truncated: the file ends early; malformed: anything else)
[[nodiscard]] inline safetensors read_safetensors(const std::string& path) {
  return safetensors(read_file(path), path);
}
/// The same for bytes that are in memory already; they are copied.
[[nodiscard]] inline safetensors read_safetensors(std::span<const std::byte> bytes,
                                                  std::string_view origin = "safetensors") {
  return safetensors(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
                     origin);
}

/// The bytes of a file with these tensors, row-major, out x in x height x width whatever their
/// memory order, and these texts. The data begin at a multiple of 8 bytes.
/// @throws argument_error (duplicate_name; unknown_name: an empty name, "__metadata__", or one that
///         is not UTF-8; unsupported: five axes), shape_error (shape_mismatch: not as many values
///         as the extents say)
template <weight_scalar S>
[[nodiscard]] std::string safetensors_bytes(
    const named_tensors<S>& tensors, const std::map<std::string, std::string>& metadata = {}) {
  return detail::safetensors_text<S>(detail::tensors_to_write(tensors), {}, metadata);
}
template <weight_scalar S>
[[nodiscard]] std::string safetensors_bytes(
    const model<S>& net, const std::map<std::string, std::string>& metadata = {}) {
  std::vector<detail::tensor_to_write<S>> all;
  for (const parameter<S>& p : net.parameters()) all.push_back({p.name, p.weight});
  return detail::safetensors_text<S>(all, {}, metadata);
}

/// Writes a file, whole or not at all: named_tensors, or all parameters of a model.
/// @throws as safetensors_bytes; file_error (cannot_open)
template <class Tensors>
void write_safetensors(const std::string& path, const Tensors& tensors,
                       const std::map<std::string, std::string>& metadata = {}) {
  write_file(path, safetensors_bytes(tensors, metadata));
}

}  // namespace v0
}  // namespace prunus
