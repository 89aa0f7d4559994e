// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int32_t, std::uint8_t
#include <span>         // std::span
#include <type_traits>  // std::remove_const_t
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// Which input channels each filter reads, the same number for all: out x kept, each row ascending.
struct kernel_index {
  Index out_channels = 0;
  Index in_channels = 0;
  Index kept = 0;                    ///< kernels of a filter
  std::vector<std::int32_t> inputs;  ///< out x kept

  [[nodiscard]] std::span<const std::int32_t> inputs_of(Index f) const noexcept {
    return std::span(inputs).subspan(static_cast<std::size_t>(f * kept),
                                     static_cast<std::size_t>(kept));
  }
  friend bool operator==(const kernel_index&, const kernel_index&) = default;
};

/// The kernels of a convolution that are left, dense: out x kept x height x width, row-major.
template <std::floating_point S>
struct indexed_kernels {
  kernel_index index;
  Index height = 1;
  Index width = 1;
  std::vector<S> weights;
};

namespace detail {

[[noreturn]] inline void throw_unequal_filters(Index f, Index kept, Index expected) {
  throw argument_error(
      errc::unsupported,
      concat("kernel_index: filter ", f, " keeps ", kept, " kernels, filter 0 keeps ", expected,
             "; all must keep the same number, as equal_per_filter arranges it"));
}

/// Rows of flags to an index; keeps(filter, input) tells which kernels are left.
template <class Keeps>
[[nodiscard]] kernel_index index_of(Index out, Index in, const Keeps& keeps) {
  kernel_index result{out, in, 0, {}};
  for (Index f = 0; f < out; ++f) {
    const auto before = static_cast<Index>(result.inputs.size());
    for (Index c = 0; c < in; ++c)
      if (keeps(f, c)) result.inputs.push_back(static_cast<std::int32_t>(c));
    const Index kept = static_cast<Index>(result.inputs.size()) - before;
    if (f == 0) result.kept = kept;
    if (kept != result.kept) throw_unequal_filters(f, kept, result.kept);
  }
  return result;
}

}  // namespace detail

/// The kernels that `keep` keeps, whatever their weights: a live kernel may sum to zero.
/// @param keep a mask over the kernels of `weight`
/// @throws shape_error (shape_mismatch: a mask of another weight or tile), argument_error
///         (unsupported: filters that keep different numbers)
template <class S>
  requires std::floating_point<std::remove_const_t<S>>
[[nodiscard]] indexed_kernels<std::remove_const_t<S>> compress_kernels(const weight_view<S>& weight,
                                                                       const mask& keep) {
  if (keep.grid() != tile_grid(weight, kernel_2d))
    throw shape_error(errc::shape_mismatch,
                      detail::concat("compress_kernels: the mask is not one of the kernels of ",
                                     describe(weight), "; prune it with the tile kernel_2d"));
  const Index to_filter = keep.grid().stride(axis::out), to_input = keep.grid().stride(axis::in);
  indexed_kernels<std::remove_const_t<S>> result;
  result.index =
      detail::index_of(weight.extent(axis::out), weight.extent(axis::in),
                       [&](Index f, Index c) { return keep[f * to_filter + c * to_input]; });
  result.height = weight.extent(axis::height);
  result.width = weight.extent(axis::width);
  for (Index f = 0; f < result.index.out_channels; ++f)
    for (const std::int32_t c : result.index.inputs_of(f))
      for (Index h = 0; h < result.height; ++h)
        for (Index w = 0; w < result.width; ++w) result.weights.push_back(weight(f, c, h, w));
  return result;
}

/// Writes the whole weight: the kernels that are left and zeros.
/// @throws shape_error (shape_mismatch); nothing is then written
template <std::floating_point S>
void decompress_kernels(const indexed_kernels<S>& kernels, const weight_view<S>& to) {
  const kernel_index& index = kernels.index;
  if (to.extent(axis::out) != index.out_channels || to.extent(axis::in) != index.in_channels ||
      to.extent(axis::height) != kernels.height || to.extent(axis::width) != kernels.width)
    throw shape_error(errc::shape_mismatch,
                      detail::concat("decompress_kernels: ", index.out_channels, " x ",
                                     index.in_channels, " kernels of ", kernels.height, " x ",
                                     kernels.width, " do not fit into ", describe(to)));
  for (Index i = 0; i < to.size(); ++i) to.data[i] = S(0);
  const S* from = kernels.weights.data();
  for (Index f = 0; f < index.out_channels; ++f)
    for (const std::int32_t c : index.inputs_of(f))
      for (Index h = 0; h < kernels.height; ++h)
        for (Index w = 0; w < kernels.width; ++w) to(f, c, h, w) = *from++;
}

/// One bit a kernel, 1 = kept: a row of ceil(in / 8) bytes for each filter, the first input in the
/// highest bit, zeros behind the last.
///
/// The format of the public code of Koo, Kim, "V-SKP: Vectorized Kernel-Based Structured Kernel
/// Pruning for Accelerating Deep Convolutional Neural Networks", IEEE Access 2023; the zeros at the
/// end are our reading.
template <class = compiled_on_use>
[[nodiscard]] std::vector<std::uint8_t> kernel_bitmap(const kernel_index& index) {
  const Index row = (index.in_channels + 7) / 8;
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(index.out_channels * row), 0);
  for (Index f = 0; f < index.out_channels; ++f)
    for (const std::int32_t c : index.inputs_of(f))
      bits[static_cast<std::size_t>(f * row + c / 8)] |=
          static_cast<std::uint8_t>(0x80U >> (c % 8));
  return bits;
}

/// What `kernel_bitmap` wrote.
/// @throws shape_error (shape_mismatch: another number of bytes), argument_error (unsupported:
///         filters that keep different numbers)
template <class = compiled_on_use>
[[nodiscard]] kernel_index kernel_index_from_bitmap(std::span<const std::uint8_t> bits,
                                                    Index out_channels, Index in_channels) {
  const Index row = (in_channels + 7) / 8;
  if (static_cast<Index>(bits.size()) != out_channels * row)
    throw shape_error(
        errc::shape_mismatch,
        detail::concat("kernel_index: a bitmap of ", bits.size(), " bytes for ", out_channels,
                       " x ", in_channels, " kernels, which take ", out_channels * row));
  return detail::index_of(out_channels, in_channels, [&](Index f, Index c) {
    return (bits[static_cast<std::size_t>(f * row + c / 8)] & (0x80U >> (c % 8))) != 0;
  });
}

}  // namespace v0
}  // namespace prunus
