// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/view.hpp>
#include <prunus/measure/latency.hpp>
#include <prunus/runtime/convolution_shape.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_convolution.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/runtime/sparse_linear.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max
#include <array>      // std::array
#include <chrono>     // std::chrono::steady_clock
#include <compare>    // operator<=>
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <limits>     // std::numeric_limits
#include <map>        // std::map
#include <optional>   // std::optional
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// Which kernel computes a layer fastest on the machine that was asked.
struct sparse_kernel_choice {
  std::optional<sparse_format> format = {};  ///< none: keep the layer dense
  latency_comparison fastest_sparse = {};    ///< the fastest sparse kernel against the dense one
};

struct fastest_kernel_options {
  Index samples = 1;         ///< images or samples in a call, at least 1
  double pays_below = 0.95;  ///< time over dense time from which on a sparse kernel is chosen, > 0
  latency_options timing = {
      .warm_up = 1, .repetitions = 7, .minimum_seconds = 0.02, .maximum_seconds = 1};
};

/// Times the kernels for a layer with zeros in its weights, and remembers.
///
///     prunus::fastest_kernel<float> fastest;
///     const auto choice = fastest(mask, shape);
///     if (choice.format) packed.emplace(shape, weights, *choice.format);
///
/// Every listed format is timed in turns with the dense kernel, on one thread, with the weights
/// that the mask keeps at one; the formats share the limits of `timing`. What was answered for a
/// layer is kept with the object, whose copies are independent; it is not shared between threads.
///
/// Cost: the first question about a layer takes `timing.minimum_seconds` and more, and packs one
/// format after the other; later ones one pass over the mask.
template <std::floating_point S = float, class Clock = std::chrono::steady_clock>
class fastest_kernel {
 public:
  /// @throws argument_error (out_of_range)
  explicit fastest_kernel(const fastest_kernel_options& options = {}) : options_(options) {
    if (options.samples < 1 || !(options.pays_below > 0))
      throw argument_error(
          errc::out_of_range,
          detail::concat("fastest_kernel_options: ", options.samples, " samples and pays_below ",
                         options.pays_below, "; they must be at least 1 and above 0"));
    detail::check_latency_options(options.timing);
  }

  /// @param keep a mask over the weight of the convolution, of any tile
  /// @throws shape_error (shape_mismatch: a mask of another weight; see `validate`)
  sparse_kernel_choice operator()(const mask& keep, const convolution_shape& shape) {
    validate(shape);
    const std::array<Index, 9> extents = {
        shape.in_channels,    shape.out_channels,  shape.height,
        shape.width,          shape.stride_height, shape.stride_width,
        shape.padding_height, shape.padding_width, shape.groups};
    const std::vector<S> weights = kept_weights(
        keep, {shape.out_channels, shape.group_inputs(), shape.kernel_height, shape.kernel_width});
    return remembered(extents, weights, [&] {
      return time_kernels<sparse_convolution<S>>(
          shape, weights, shape.in_size(), shape.out_size(),
          [dense = direct_convolution<S>(shape)](const S* x, const S* w, S* y, Index samples,
                                                 S* scratch) {
            dense.forward(x, w, {}, y, samples, scratch);
          },
          direct_convolution<S>(shape).scratch_size());
    });
  }

  /// @param keep a mask over the weight of the linear layer, of any tile
  /// @throws shape_error (shape_mismatch: a mask of another weight)
  sparse_kernel_choice operator()(const mask& keep, const linear_shape& shape) {
    const std::array<Index, 9> extents = {shape.in, shape.out};
    const std::vector<S> weights = kept_weights(keep, {shape.out, shape.in, 1, 1});
    return remembered(extents, weights, [&] {
      return time_kernels<sparse_linear<S>>(
          shape, weights, shape.in, shape.out,
          [&](const S* x, const S* w, S* y, Index samples, S* scratch) {
            linear_forward<S>(shape, x, w, {}, y, samples, scratch);
          },
          linear_scratch_size<S>(shape));
    });
  }

 private:
  /// A layer: its extents and a fingerprint of which weights it keeps.
  struct layer_key {
    std::array<Index, 9> extents;
    std::size_t weights;
    std::uint64_t kept;
    auto operator<=>(const layer_key&) const = default;
  };

  /// One where the mask keeps a weight, in the order out, in, height, width.
  [[nodiscard]] static std::vector<S> kept_weights(const mask& keep,
                                                   const std::array<Index, 4>& extents) {
    const tile_grid& grid = keep.grid();
    std::vector<S> values(static_cast<std::size_t>(grid.weights()), S(1));
    const weight_view<S> weight{values.data(), grid.extents(), grid.axes(), 4};
    constexpr std::array axes = {axis::out, axis::in, axis::height, axis::width};
    for (std::size_t k = 0; k < 4; ++k)
      if (weight.extent(axes[k]) != extents[k])
        throw shape_error(
            errc::shape_mismatch,
            detail::concat("fastest_kernel: the mask is over ", weight.extent(axis::out), " x ",
                           weight.extent(axis::in), " x ", weight.extent(axis::height), " x ",
                           weight.extent(axis::width), " weights, the layer has ", extents[0],
                           " x ", extents[1], " x ", extents[2], " x ", extents[3]));
    keep.apply(weight);
    if (grid.axes() == axes) return values;
    std::vector<S> ordered;
    ordered.reserve(values.size());
    for (Index o = 0; o < extents[0]; ++o)
      for (Index i = 0; i < extents[1]; ++i)
        for (Index h = 0; h < extents[2]; ++h)
          for (Index w = 0; w < extents[3]; ++w) ordered.push_back(weight(o, i, h, w));
    return ordered;
  }

  template <class Time>
  sparse_kernel_choice remembered(const std::array<Index, 9>& extents,
                                  const std::vector<S>& weights, const Time& time) {
    layer_key key{extents, weights.size(), 14695981039346656037ULL};
    for (const S w : weights)  // Fowler, Noll, Vo
      key.kept = (key.kept ^ std::uint64_t{w != 0}) * 1099511628211ULL;
    const auto found = choices_.find(key);
    return found != choices_.end() ? found->second : choices_.emplace(key, time()).first->second;
  }

  template <class Sparse, class Shape, class Dense>
  [[nodiscard]] sparse_kernel_choice time_kernels(const Shape& shape, const std::vector<S>& weights,
                                                  Index in_size, Index out_size, const Dense& dense,
                                                  Index dense_scratch) const {
    const Index samples = options_.samples;
    latency_options timing = options_.timing;
    timing.minimum_seconds /= static_cast<double>(all_sparse_formats.size());
    timing.maximum_seconds /= static_cast<double>(all_sparse_formats.size());
    const std::vector<S> x(static_cast<std::size_t>(samples * in_size), S(0.5));
    std::vector<S> y(static_cast<std::size_t>(samples * out_size)), scratch;
    sparse_kernel_choice choice;
    choice.fastest_sparse.ratio = std::numeric_limits<double>::max();
    for (const sparse_format format : all_sparse_formats) {
      const Sparse sparse(shape, weights.data(), format);
      scratch.resize(static_cast<std::size_t>(std::max(dense_scratch, sparse.scratch_size())));
      const latency_comparison times = compare_latency<Clock>(
          [&] { dense(x.data(), weights.data(), y.data(), samples, scratch.data()); },
          [&] { sparse.forward(x.data(), {}, y.data(), samples, scratch.data()); }, timing);
      if (!(times.ratio < choice.fastest_sparse.ratio)) continue;
      choice.fastest_sparse = times;
      if (times.ratio < options_.pays_below) choice.format = format;
    }
    return choice;
  }

  fastest_kernel_options options_;
  std::map<layer_key, sparse_kernel_choice> choices_;
};

}  // namespace v0
}  // namespace prunus
