// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/tile.hpp>
#include <prunus/core/tile_reduction.hpp>
#include <prunus/core/tile_walk.hpp>
#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <type_traits>  // std::common_type_t

namespace prunus {
inline namespace v0 {
namespace detail {

/// What becomes of the product of a weight and its gradient before it is summed up.
struct as_it_is {
  [[nodiscard]] static auto of(const auto& product) { return product; }
};
struct squared {
  [[nodiscard]] static auto of(const auto& product) { return product * product; }
};
struct magnitude {
  [[nodiscard]] static double of(double product) { return product < 0 ? -product : product; }
  [[nodiscard]] static auto of(const auto& product) { return product.abs(); }
};

/// The sum of the terms of neighbouring weights, in double.
template <class Term, class S>
[[nodiscard]] double product_sum(const S* weight, const S* gradient, Index count) {
  using lanes = Eigen::Array<std::common_type_t<score_of<S>, double>, 8, 1>;
  const auto eight = [](const S* values) -> lanes {
    return Eigen::Map<const Eigen::Array<S, 8, 1>>(values)
        .template cast<score_of<S>>()
        .template cast<double>();
  };
  const auto one = [](S value) { return static_cast<double>(static_cast<score_of<S>>(value)); };
  lanes sums = lanes::Zero();
  const Index whole = count / 8 * 8;
  for (Index i = 0; i < whole; i += 8) {
    const lanes product = eight(weight + i) * eight(gradient + i);
    sums += Term::of(product);
  }
  double total = sums.sum();
  for (Index i = whole; i < count; ++i) total += Term::of(one(weight[i]) * one(gradient[i]));
  return total;
}

/// Adds to every tile's total the terms of its weights. One pass; allocates nothing.
/// @pre totals.size() == grid.size(); weight and gradient have one shape, and the grid is theirs
template <class Term, class S>
void add_products(weight_view<S> weight, weight_view<S> gradient, const tile_grid& grid,
                  std::span<double> totals) {
  walk_tiles(
      grid,
      [&](Index at, Index count, Index tile) {
        totals[static_cast<std::size_t>(tile)] +=
            product_sum<Term>(weight.data + at, gradient.data + at, count);
      },
      [&](Index at, Index count, Index tile) {
        const S *w = weight.data + at, *g = gradient.data + at;
        double* total = totals.data() + tile;
        for (Index i = 0; i < count; ++i)
          total[i] += Term::of(static_cast<double>(static_cast<score_of<S>>(w[i])) *
                               static_cast<double>(static_cast<score_of<S>>(g[i])));
      });
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
