// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/selection/selection.hpp>

#include <algorithm>    // std::fill, std::max, std::min
#include <array>        // std::array
#include <cmath>        // std::abs, std::sqrt
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <map>          // std::map
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_same_v
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// The norm of a kernel.
enum class kernel_norm : std::uint8_t { l1, l2 };

/// A kernel counts by its norm and by how far it points the way of its filter, the sum of the
/// filter's kernels:
///
///     score = |k| * (alpha + (1 - alpha) * |cos(v, k)|),   v = sum of the kernels k of the filter,
///     cos(v, k) = <v, k> / max(|v|_2 |k|_2, 1e-6)
///
/// For rankings over several layers a factor of the layer can be multiplied on: 1 - variance_weight
/// * Var, with Var the unbiased variance of the L1 norms of all kernels of the layer. And a factor
/// of the input channel c, from the scales g of the normalisation that feeds it: 1 - scale_weight *
/// (max|g| - |g_c|) / (max|g| + min|g|).
///
///     prunus::pass{prunus::kernel_vector{}, prunus::kernel_2d, prunus::equal_per_filter{}}
///
/// @shape weight: any layout with an in axis; tile: `kernel_2d`; scores: one a kernel. In a layer
/// of 1 x 1 kernels the score is the magnitude of the weight.
/// @throws argument_error (unsupported: another tile; out_of_range: alpha outside [0, 1], a
/// negative
///         weight of a factor, protected_share outside [0, 1)), shape_error (shape_mismatch: scales
///         that are not one an input), value_error (not_finite: NaN in a layer with protected
///         weights)
/// Ties go to the lower kernel. NaN spoils the scores of its filter, with a variance those of its
/// layer, and selection refuses them by name. Cost: two passes over the weights, a few numbers a
/// filter.
/// @source Koo, Kim, "V-SKP: Vectorized Kernel-Based Structured Kernel Pruning for Accelerating
/// Deep Convolutional Neural Networks", IEEE Access 2023, doi:10.1109/ACCESS.2023.3326534, and the
/// authors' public code, which has all the forms; its CIFAR defaults are alpha 0.95 and a variance
/// weight of 0.25, for ImageNet 0.85 and 0.75
/// @deviation factors do not fall below 0.001, where the code lets a large variance turn the order
/// around: our reading. A protected weight above 1000 keeps its score, where the code lowers it.
struct kernel_vector {
  double alpha = 0.95;  ///< in [0, 1]; 1: the norm alone
  kernel_norm norm = kernel_norm::l1;
  bool signed_cosine = false;  ///< cos instead of |cos|: kernels that point away score less
  double variance_weight = 0;  ///< at least 0; 0: no factor
  double scale_weight = 0;     ///< at least 0; 0: no factor
  /// In [0, 1): so many of the largest weights of a layer of 1 x 1 kernels, rounded down, score at
  /// least 1000 before the factors, so that a ranking over layers spares them. The code has 0.001
  /// for ImageNet, and a variance weight of 0.75 * 200 for these layers.
  double protected_share = 0;
  /// By the name of a parameter, one scale an input channel; layers without an entry have no such
  /// factor.
  std::map<std::string, std::vector<double>> input_scales{};

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    using number = score_of<S>;
    check(p, grid);
    const Index filters = p.weight.extent(axis::out), inputs = p.weight.extent(axis::in);
    const Index out_step = grid.stride(axis::out), in_step = grid.stride(axis::in);
    const kernel_reader<S> read(p.weight);
    const Index area = read.area;
    std::vector<number> sum(static_cast<std::size_t>(area)), buffer(sum.size());
    double total = 0, squares = 0;  // of the norms, less the first one, so that no digits are lost
    number first{};
    for (Index f = 0; f < filters; ++f) {
      std::fill(sum.begin(), sum.end(), number(0));
      for (Index c = 0; c < inputs; ++c) {
        const number* k = read(f, c, buffer.data());
        for (Index i = 0; i < area; ++i) sum[static_cast<std::size_t>(i)] += k[i];
      }
      number length = 0;
      for (const number v : sum) length += v * v;
      length = std::sqrt(length);
      for (Index c = 0; c < inputs; ++c) {
        const number* k = read(f, c, buffer.data());
        number l1 = 0, l2 = 0, product = 0;
        for (Index i = 0; i < area; ++i) {
          l1 += std::abs(k[i]);
          l2 += k[i] * k[i];
          product += k[i] * sum[static_cast<std::size_t>(i)];
        }
        l2 = std::sqrt(l2);
        const number cosine = product / std::max(length * l2, number(1e-6));
        const number direction =  // a single weight has none
            area == 1       ? number(1)
            : signed_cosine ? cosine
                            : std::abs(cosine);
        scores[static_cast<std::size_t>(f * out_step + c * in_step)] =
            (norm == kernel_norm::l1 ? l1 : l2) * (number(alpha) + number(1 - alpha) * direction);
        if (f == 0 && c == 0) first = l1;
        const double apart = static_cast<double>(l1 - first);
        total += apart;
        squares += apart * apart;
      }
    }
    if (area == 1) protect_largest(p.name, scores);
    const double count = static_cast<double>(filters * inputs);
    const double variance =
        count > 1 ? std::max((squares - total * total / count) / (count - 1), 0.0) : 0.0;
    if (variance_weight > 0)
      multiply(
          scores,
          std::vector<double>(static_cast<std::size_t>(inputs), factor(variance_weight * variance)),
          grid);
    if (const auto scales = input_scales.find(p.name); scales != input_scales.end())
      multiply(scores, factors_of(scales->second), grid);
  }

 private:
  /// The numbers of a kernel: where they lie, or copied.
  template <weight_scalar S>
  struct kernel_reader {
    using number = score_of<S>;
    weight_view<const S> weight;
    Index to_filter, to_input, to_row, to_column, height, width, area;

    explicit kernel_reader(const weight_view<const S>& w)
        : weight(w),
          to_filter(w.stride(axis::out)),
          to_input(w.stride(axis::in)),
          to_row(w.stride(axis::height)),
          to_column(w.stride(axis::width)),
          height(w.extent(axis::height)),
          width(w.extent(axis::width)),
          area(height * width) {}

    [[nodiscard]] const number* operator()(Index f, Index c, number* buffer) const {
      const S* from = weight.data + f * to_filter + c * to_input;
      if constexpr (std::is_same_v<S, number>)
        if (area == 1 || (to_column == 1 && to_row == width)) return from;
      for (Index h = 0; h < height; ++h)
        for (Index w = 0; w < width; ++w)
          buffer[h * width + w] = static_cast<number>(from[h * to_row + w * to_column]);
      return buffer;
    }
  };

  static constexpr double least_factor = 1e-3;
  [[nodiscard]] static double factor(double loss) { return std::max(1 - loss, least_factor); }

  [[nodiscard]] std::vector<double> factors_of(const std::vector<double>& scales) const {
    double least = std::abs(scales.front()), most = least;
    for (const double g : scales) {
      least = std::min(least, std::abs(g));
      most = std::max(most, std::abs(g));
    }
    std::vector<double> factors;
    factors.reserve(scales.size());
    for (const double g : scales)
      factors.push_back(most > 0 ? factor(scale_weight * (most - std::abs(g)) / (most + least))
                                 : 1.0);
    return factors;
  }
  /// Of equal weights the higher ones: selection removes the lower ones first.
  template <class T>
  void protect_largest(std::string_view name, std::span<T> scores) const {
    const Index size = static_cast<Index>(scores.size());
    const Index safe = static_cast<Index>(protected_share * static_cast<double>(size));
    if (safe == 0) return;
    const std::array<score_source<T>, 1> run{score_source<T>{scores.data(), size, false, name}};
    const score_threshold<T> cut = find_threshold<T>(run, size - safe);
    Index ties = safe - (size - cut.below - cut.equal);
    for (std::size_t i = scores.size(); i-- > 0;) {
      const bool tied = scores[i] == cut.threshold && ties > 0;
      if (tied) --ties;
      if (tied || scores[i] > cut.threshold) scores[i] = std::max(scores[i], T(1000));
    }
  }
  /// Factors are one an input.
  template <class T>
  static void multiply(std::span<T> scores, const std::vector<double>& factors,
                       const tile_grid& grid) {
    for (Index c = 0; c < grid.count(axis::in); ++c) {
      const T f = static_cast<T>(factors[static_cast<std::size_t>(c)]);
      if (f == T(1)) continue;
      for (Index o = 0; o < grid.count(axis::out); ++o)
        scores[static_cast<std::size_t>(o * grid.stride(axis::out) + c * grid.stride(axis::in))] *=
            f;
    }
  }
  template <weight_scalar S>
  void check(const parameter<S>& p, const tile_grid& grid) const {
    if (!(protected_share >= 0 && protected_share < 1))
      throw argument_error(errc::out_of_range,
                           detail::concat("kernel_vector: the protected share is ", protected_share,
                                          "; it must lie in [0, 1)"));
    if (!(alpha >= 0 && alpha <= 1) || !(variance_weight >= 0) || !(scale_weight >= 0))
      throw argument_error(errc::out_of_range,
                           detail::concat("kernel_vector: alpha is ", alpha, ", the weights are ",
                                          variance_weight, " and ", scale_weight,
                                          "; alpha must lie in [0, 1], weights must be positive"));
    const Index inputs = p.weight.extent(axis::in);
    if (grid != tile_grid(p.weight, kernel_2d))
      throw argument_error(errc::unsupported,
                           detail::concat("kernel_vector: ", p.name, " is cut into ", grid.size(),
                                          " tiles that are no kernels; use the tile kernel_2d"));
    if (const auto scales = input_scales.find(p.name);
        scales != input_scales.end() && static_cast<Index>(scales->second.size()) != inputs)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("kernel_vector: ", p.name, " reads ", inputs,
                                       " channels, input_scales has ", scales->second.size()));
  }
};

static_assert(criterion<kernel_vector, float> && criterion<kernel_vector, double>);

}  // namespace v0
}  // namespace prunus
