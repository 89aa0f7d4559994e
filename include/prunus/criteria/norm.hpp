// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/tile_reduction.hpp>
#include <prunus/core/tile_walk.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/tile_sums.hpp>
#include <prunus/selection/score_source.hpp>

#include <algorithm>    // std::max
#include <cmath>        // std::abs, std::ilogb, std::isfinite, std::scalbn, std::sqrt
#include <cstddef>      // std::size_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <type_traits>  // std::is_same_v
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// The criterion behind `l1_norm`, `l2_norm` and `linf_norm`, which say what it scores. `Fold` is a
/// tile_reducer; that is checked where it scores, for here every program would pay for it.
template <class Fold>
struct norm {
  /// Writes the norm of every tile. Cost: one pass over the weights, no allocation; two for an
  /// `l2_norm` of which a tile is zero, three where squares leave the range of the scores; these
  /// allocate three numbers a tile.
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    // Every norm of a single weight is its magnitude: no root of a square.
    if (grid.is_elementwise())
      return reduce_tiles<detail::magnitude_sum, S>(p.weight, grid, scores);
    reduce_tiles<Fold, S>(p.weight, grid, scores);
    // std::sqrt is exact; Eigen's packets are not, and would tell equal tiles apart by their place.
    if constexpr (std::is_same_v<Fold, detail::square_sum>) {
      bool exact = true;
      for (score_of<S>& score : scores) {
        exact = exact && is_exact(score);
        score = std::sqrt(score);
      }
      if (!exact) mend_lengths<S>(p.weight, grid, scores);
    }
  }

  /// The weights themselves, by their magnitudes.
  template <weight_scalar S>
    requires std::is_same_v<S, score_of<S>>
  [[nodiscard]] static score_source<S> element_source(const parameter<S>& p) noexcept {
    return {p.weight.data, p.weight.size(), true, p.name};
  }

 private:
  /// Whether no square that counts has left the range of T.
  template <class T>
  [[nodiscard]] static bool is_exact(T sum) noexcept {
    constexpr T least = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
    return sum >= least && sum <= std::numeric_limits<T>::max();
  }

  /// Tiles whose squares left the range anew: divided by a power of two near their largest weight
  /// before they are squared. Tiles of zeros are right as they are.
  template <weight_scalar S>
  static void mend_lengths(weight_view<const S> weight, const tile_grid& grid,
                           std::span<score_of<S>> scores) {
    std::vector<double> largest(scores.size()), factor(scores.size()), sums(scores.size());
    const auto each = [&](const auto& visit) {
      const auto value = [&](Index i) {
        return std::abs(static_cast<double>(static_cast<score_of<S>>(weight.data[i])));
      };
      detail::walk_tiles(
          grid,
          [&](Index at, Index count, Index tile) {
            for (Index i = 0; i < count; ++i) visit(value(at + i), static_cast<std::size_t>(tile));
          },
          [&](Index at, Index count, Index tile) {
            for (Index i = 0; i < count; ++i)
              visit(value(at + i), static_cast<std::size_t>(tile + i));
          });
    };
    each([&](double w, std::size_t t) { largest[t] = w > largest[t] || w != w ? w : largest[t]; });
    bool any = false;
    for (std::size_t t = 0; t < scores.size(); ++t) {
      if (is_exact(scores[t] * scores[t]) || !(largest[t] > 0) || !std::isfinite(largest[t]))
        continue;
      constexpr int smallest = -1000;  // such that the factor itself is finite
      factor[t] = std::scalbn(1.0, -std::max(std::ilogb(largest[t]), smallest));
      any = true;
    }
    if (!any) return;
    each([&](double w, std::size_t t) {
      const double part = w * factor[t];
      sums[t] += part * part;
    });
    for (std::size_t t = 0; t < sums.size(); ++t)
      if (factor[t] > 0) scores[t] = static_cast<score_of<S>>(std::sqrt(sums[t]) / factor[t]);
  }
};

}  // namespace v0
}  // namespace prunus
