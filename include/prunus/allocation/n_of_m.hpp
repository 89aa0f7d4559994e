// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>

#include <algorithm>  // std::min
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// Of every m neighbours along the input axis, the n with the highest scores stay: the N:M pattern,
/// 2:4 by default.
///
/// The pattern fixes the sparsity at 1 - n/m; the schedule's target says only when. A last group of
/// fewer than m keeps min(n, its size). For tiles of one input position: `element`, `kernel_2d`,
/// `block(r, 1)`.
///
/// @shape scores: one a tile, of a grid whose tiles have extent 1 along `in`
/// @throws argument_error (out_of_range: not 1 <= n <= m; unsupported: coupled filters or tiles
/// wider than one input),
///         value_error (not_finite); nothing is then written
/// Of equal scores those go first that are pruned already, then the lower input. Limits do not
/// apply. Cost: one pass over the scores, O(m^2) comparisons a group.
/// @source A. Mishra et al., "Accelerating Sparse Deep Neural Networks", 2021, arXiv:2104.08378; A.
/// Zhou et al.,
///         "Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch", ICLR 2021,
///         arXiv:2102.04010
/// @deviation groups smaller than m at the end of an axis, and other tiles than single weights, are
/// ours
struct n_of_m {
  Index n = 2;
  Index m = 4;

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double sparsity) const {
    detail::check_sparsity("n_of_m", sparsity);
    if (n < 1 || n > m)
      throw argument_error(errc::out_of_range, detail::concat("n_of_m: keeps ", n, " of ", m,
                                                              "; it must be 1 <= n <= m"));
    for (const ranking_group<T>& entry : units) {
      if (entry.grid == nullptr || tile_along_in(*entry.grid) != 1)
        throw argument_error(errc::unsupported,
                             detail::concat("n_of_m: ", entry.name,
                                            " is cut into tiles wider than one input; use the ",
                                            "tile element, kernel or block(rows, 1)"));
      detail::check_finite(entry);
    }
    for (ranking_group<T>& entry : units) {
      entry.asked = detail::units_to_remove(entry.size(), sparsity);
      keep_largest_of_each_group(entry);
    }
  }

 private:
  [[nodiscard]] static Index tile_along_in(const tile_grid& grid) noexcept {
    for (std::size_t k = 0; k < 4; ++k)
      if (grid.axes()[k] == axis::in) return grid.tile_extents()[k];
    return 1;
  }

  template <class T>
  void keep_largest_of_each_group(const ranking_group<T>& entry) const {
    const Index inputs = entry.grid->count(axis::in), stride = entry.grid->stride(axis::in);
    const auto less_important = [&](Index a, Index b) {  // the order in which units of a group go
      const auto ka = entry.keep[static_cast<std::size_t>(a)],
                 kb = entry.keep[static_cast<std::size_t>(b)];
      if (ka != kb) return ka < kb;
      const T sa = entry.scores[a], sb = entry.scores[b];
      return sa != sb ? sa < sb : a < b;
    };
    std::vector<Index> group;
    for (Index slice = 0; slice < entry.size(); slice += inputs * stride)
      for (Index inner = 0; inner < stride; ++inner)
        for (Index first = 0; first < inputs; first += m) {
          group.clear();
          for (Index i = first; i < std::min(first + m, inputs); ++i)
            group.push_back(slice + inner + i * stride);
          std::sort(group.begin(), group.end(), less_important);
          const Index size = static_cast<Index>(group.size());
          for (Index g = 0; g + n < size; ++g)
            entry.keep[static_cast<std::size_t>(group[static_cast<std::size_t>(g)])] = 0;
        }
  }
};

static_assert(allocation<n_of_m, float> && allocation<n_of_m, double>);

}  // namespace v0
}  // namespace prunus
