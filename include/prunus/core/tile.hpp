// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/view.hpp>

#include <algorithm>  // std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t

namespace prunus {
inline namespace v0 {

/// The granularity of pruning: the shape of the unit that lives or dies, in weights along each
/// axis.
///
/// `tile::all` takes the whole axis. Where an extent is no multiple of the tile, the last tile
/// along that axis is smaller.
struct tile {
  static constexpr Index all = 0;

  Index out = 1;
  Index in = 1;
  Index height = 1;
  Index width = 1;

  [[nodiscard]] constexpr Index along(axis a) const noexcept {
    return a == axis::out ? out : a == axis::in ? in : a == axis::height ? height : width;
  }
  friend constexpr bool operator==(const tile&, const tile&) = default;
};

inline constexpr tile element{};                              ///< one weight
inline constexpr tile kernel_2d{1, 1, tile::all, tile::all};  ///< one 2-D kernel: an (out, in) pair
inline constexpr tile filter{1, tile::all, tile::all,
                             tile::all};  ///< all weights of one output channel or neuron
inline constexpr tile channel{tile::all, 1, tile::all,
                              tile::all};  ///< all weights that read one input channel
inline constexpr tile stripe{1, tile::all, 1,
                             1};  ///< one position of a filter, over all its inputs
inline constexpr tile layer{tile::all, tile::all, tile::all, tile::all};  ///< the whole weight

/// `out` x `in` blocks of weights, for example block(4, 1): four filters share what they read.
[[nodiscard]] constexpr tile block(Index out, Index in) noexcept { return {out, in, 1, 1}; }
/// `size` neighbouring outputs, as one attention head of that size takes.
[[nodiscard]] constexpr tile head(Index size) noexcept {
  return {size, tile::all, tile::all, tile::all};
}

/// One block of weights cut into equal tiles: how many there are, and which weights each of them
/// holds.
///
/// Tiles are numbered in the memory order of the view, slowest axis first; scores and masks are
/// arrays over that number.
class tile_grid {
 public:
  tile_grid() = default;

  /// @throws argument_error (out_of_range) for a negative tile extent
  template <class S>
  tile_grid(const weight_view<S>& weight, const tile& shape)
      : extents_(weight.extents), axes_(weight.axes) {
    for (std::size_t k = 0; k < 4; ++k) {
      const Index wanted = shape.along(axes_[k]);
      if (wanted < 0)
        throw argument_error(errc::out_of_range,
                             detail::concat("tile: the extent along ", name_of(axes_[k]), " is ",
                                            wanted, "; it must be positive, or tile::all"));
      tile_[k] = wanted == tile::all ? extents_[k] : std::min(wanted, extents_[k]);
      counts_[k] = (extents_[k] + tile_[k] - 1) / tile_[k];
    }
  }

  /// Number of tiles.
  [[nodiscard]] constexpr Index size() const noexcept {
    return counts_[0] * counts_[1] * counts_[2] * counts_[3];
  }
  /// Number of weights.
  [[nodiscard]] constexpr Index weights() const noexcept {
    return extents_[0] * extents_[1] * extents_[2] * extents_[3];
  }
  /// Number of weights in tile `index`; differs between tiles only where the tile does not divide
  /// the weight.
  [[nodiscard]] constexpr Index weights_in(Index index) const noexcept {
    Index count = 1;
    for (std::size_t k = 4; k-- > 0;) {
      const Index at = index % counts_[k];
      index /= counts_[k];
      count *= std::min(tile_[k], extents_[k] - at * tile_[k]);
    }
    return count;
  }

  /// @name In memory order, slowest axis first
  /// @{
  [[nodiscard]] constexpr const std::array<Index, 4>& extents() const noexcept { return extents_; }
  [[nodiscard]] constexpr const std::array<Index, 4>& tile_extents() const noexcept {
    return tile_;
  }
  [[nodiscard]] constexpr const std::array<Index, 4>& counts() const noexcept { return counts_; }
  [[nodiscard]] constexpr const std::array<axis, 4>& axes() const noexcept { return axes_; }
  /// @}

  /// Weights along `a`.
  [[nodiscard]] constexpr Index extent(axis a) const noexcept { return extents_[position(a)]; }
  /// Number of tiles along `a`, and the distance between the numbers of neighbours along it.
  [[nodiscard]] constexpr Index count(axis a) const noexcept { return counts_[position(a)]; }
  [[nodiscard]] constexpr Index stride(axis a) const noexcept {
    Index stride = 1;
    for (std::size_t k = 3; k > position(a); --k) stride *= counts_[k];
    return stride;
  }

  /// Every tile is one weight.
  [[nodiscard]] constexpr bool is_elementwise() const noexcept { return size() == weights(); }
  /// Every tile holds all weights of its positions along `a`: filters for `out`, channels for `in`.
  [[nodiscard]] constexpr bool spans_all_but(axis a) const noexcept { return size() == count(a); }
  /// Every tile has the same number of weights.
  [[nodiscard]] constexpr bool is_regular() const noexcept {
    bool regular = true;
    for (std::size_t k = 0; k < 4; ++k) regular = regular && extents_[k] % tile_[k] == 0;
    return regular;
  }

  friend constexpr bool operator==(const tile_grid&, const tile_grid&) = default;

 private:
  [[nodiscard]] constexpr std::size_t position(axis a) const noexcept {
    std::size_t k = 0;
    while (axes_[k] != a) ++k;
    return k;
  }

  std::array<Index, 4> extents_{1, 1, 1, 1};
  std::array<Index, 4> tile_{1, 1, 1, 1};
  std::array<Index, 4> counts_{1, 1, 1, 1};
  std::array<axis, 4> axes_{axis::out, axis::in, axis::height, axis::width};
};

}  // namespace v0
}  // namespace prunus
