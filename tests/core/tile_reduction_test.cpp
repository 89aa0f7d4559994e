// SPDX-License-Identifier: MIT
#include <prunus/core/tile_reduction.hpp>

#include "support/catch.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::max
#include <cmath>      // std::abs
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using support::random_source;

struct sum_of_magnitudes {
  static auto of(const auto& weights) { return weights.abs(); }
  static auto reduce(const auto& terms) { return terms.sum(); }
  static auto combine(const auto& a, const auto& b) { return a + b; }
};

/// By index arithmetic, one weight after the other, in double.
template <class S>
std::vector<double> naive_sums(const std::vector<S>& weights, const prunus::tile_grid& grid) {
  std::vector<double> sums(static_cast<std::size_t>(grid.size()), 0);
  for (Index i = 0; i < grid.weights(); ++i) {
    Index rest = i, tile = 0, stride = 1;
    for (std::size_t k = 4; k-- > 0;) {
      const Index at = rest % grid.extents()[k];
      rest /= grid.extents()[k];
      tile += at / grid.tile_extents()[k] * stride;
      stride *= grid.counts()[k];
    }
    sums[static_cast<std::size_t>(tile)] +=
        std::abs(static_cast<double>(weights[static_cast<std::size_t>(i)]));
  }
  return sums;
}

template <class S>
void check(random_source& random, Index out, Index in, Index kernel, const prunus::tile& tile) {
  CAPTURE(out, in, kernel);
  std::vector<S> weights(static_cast<std::size_t>(out * in * kernel * kernel));
  for (S& w : weights) w = static_cast<S>(random.gaussian());
  const prunus::weight_view<const S> view =
      prunus::view(std::as_const(weights), {out, in, kernel, kernel});
  const prunus::tile_grid grid(view, tile);
  std::vector<prunus::score_of<S>> totals(static_cast<std::size_t>(grid.size()), S(-7));
  prunus::reduce_tiles<sum_of_magnitudes, S>(view, grid, totals);
  const std::vector<double> sums = naive_sums(weights, grid);
  bool right = true;
  for (std::size_t t = 0; t < sums.size(); ++t)
    right = right && std::abs(static_cast<double>(totals[t]) - sums[t]) <= 1e-5 * sums[t];
  CHECK(right);
}

}  // namespace

TEMPLATE_TEST_CASE("every tile is folded as index arithmetic folds it", "[core][tile_reduction]",
                   float, double) {
  random_source random(91);
  for (const prunus::tile& tile :
       {prunus::filter, prunus::element, prunus::kernel_2d, prunus::channel, prunus::stripe,
        prunus::layer, prunus::head(2), prunus::head(5), prunus::block(4, 1)})
    for (const Index out : {1, 2, 3, 4, 7, 10})
      for (const Index in : {1, 5, 171}) {
        check<TestType>(random, out, in, 3, tile);
        check<TestType>(random, out, in, 1, tile);
      }
}

TEST_CASE("long rows are folded in pieces that leave nothing out", "[core][tile_reduction]") {
  random_source random(92);
  for (const Index in : {511, 512, 513, 1024, 1537})
    for (const Index out : {1, 2, 3, 5, 9}) {
      check<float>(random, out, in, 1, prunus::filter);
      check<float>(random, out, in, 2, prunus::filter);
      check<float>(random, 4 * out, in, 1, prunus::head(4));
    }
}
