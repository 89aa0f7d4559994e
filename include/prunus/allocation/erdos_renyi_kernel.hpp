// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/detail/removal_bounds.hpp>
#include <prunus/allocation/detail/shared_out.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/core/tile.hpp>

#include <algorithm>  // std::max
#include <cstddef>    // std::size_t
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// Small layers stay denser: the share kept of a parameter is proportional to
/// (out + in + height + width) / (out * in * height * width), and exactly round(sparsity * n) of
/// all n units go, halves rounded up.
///
/// No share exceeds 1: what a layer cannot keep, the others do, in the same proportion. Within a
/// parameter the units with the lowest scores go. The rates follow from the shapes alone, so the
/// allocation suits sparse training from scratch (with `random_score`), too.
///
///     prunus::pass{prunus::l1_norm{}, prunus::element, prunus::erdos_renyi_kernel{}}
///
/// Units that are gone, and limits of a parameter (floor; at least one unit stays) come before the
/// proportion; widths that must be a multiple are rounded at the end, which moves the total by less
/// than one multiple a parameter.
///
/// @shape scores: one a tile of each parameter; made for single weights and kernels
/// @throws argument_error (out_of_range: sparsity outside [0, 1); unsupported: coupled filters;
///         unreachable_target: the limits keep too many), value_error (not_finite: names the
///         parameter); nothing is then written
/// Ties as in `uniform`. Cost: two passes over the scores.
/// @source U. Evci, T. Gale, J. Menick, P. S. Castro, E. Elsen, "Rigging the Lottery: Making All
///         Tickets Winners", ICML 2020, arXiv:1911.11134 (ERK), after D. C. Mocanu et al.,
///         "Scalable training of artificial neural networks with adaptive sparse connectivity
///         inspired by network science", Nature Communications 9:2383, 2018,
///         doi:10.1038/s41467-018-04316-3
/// @deviation height and width count where they exceed 1, so that a 1 x 1 convolution is treated as
///         the linear layer that it is; an exact total by largest remainders; any tile
struct erdos_renyi_kernel {
  template <class T>
  void allocate(std::span<ranking_group<T>> units, double sparsity, pool_ref pool = {}) const {
    detail::check_sparsity("erdos_renyi_kernel", sparsity);
    const detail::removal_bounds removal{std::span<const ranking_group<T>>(units)};
    std::vector<detail::share_bounds> bounds;
    std::vector<double> shares;  // units kept are in proportion to these
    for (std::size_t i = 0; i < units.size(); ++i) {
      const ranking_group<T>& u = units[i];
      if (u.grid == nullptr)
        throw argument_error(errc::unsupported,
                             detail::concat("erdos_renyi_kernel: ", u.name,
                                            " is a coupling of filters, which has no shape of its "
                                            "own; use the tile element or kernel"));
      const Index live = u.size() - removal.least[i];
      bounds.push_back(
          {static_cast<double>(u.size() - removal.most[i]), static_cast<double>(live), live});
      shares.push_back(relative_density(*u.grid) * static_cast<double>(u.size()));
    }
    const Index wanted =
        removal.reachable("erdos_renyi_kernel", detail::units_to_remove(removal.units, sparsity));
    double largest = 0;
    for (std::size_t i = 0; i < units.size(); ++i)
      largest = std::max(largest, bounds[i].most / shares[i]);
    const std::vector<Index> kept =
        detail::shared_out(bounds, removal.units - wanted, 0, largest,
                           [&](std::size_t i, double scale) { return scale * shares[i]; });
    std::vector<Index> removed;
    for (std::size_t i = 0; i < units.size(); ++i) removed.push_back(units[i].size() - kept[i]);
    detail::remove_within_limits<T>(units, removed, pool);
  }

 private:
  [[nodiscard]] static double relative_density(const tile_grid& grid) noexcept {
    double sum = 0, product = 1;
    for (std::size_t k = 0; k < 4; ++k) {
      const double extent = static_cast<double>(grid.extents()[k]);
      const bool counts = grid.axes()[k] == axis::out || grid.axes()[k] == axis::in || extent > 1;
      if (counts) sum += extent;
      product *= extent;
    }
    return sum / product;
  }
};

static_assert(allocation<erdos_renyi_kernel, float> && allocation<erdos_renyi_kernel, double>);

}  // namespace v0
}  // namespace prunus
