// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_walk.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::fill_n
#include <bit>          // std::bit_cast
#include <cstdint>      // std::uint8_t
#include <cstring>      // std::memchr
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::conditional_t
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

namespace detail {

/// x where keep is 1, zero where it is 0; exact for NaN and infinity too, and vectorised by the
/// compilers.
template <class S>
void zero_where_removed(S* x, const std::uint8_t* keep, Index count) noexcept {
  using bits = std::conditional_t<sizeof(S) == 8, std::uint64_t,
                                  std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint16_t>>;
  for (Index i = 0; i < count; ++i) {
    const bits kept = static_cast<bits>(bits{0} - static_cast<bits>(keep[i]));
    x[i] = std::bit_cast<S>(static_cast<bits>(std::bit_cast<bits>(x[i]) & kept));
  }
}

template <class S>
[[nodiscard]] Eigen::Map<Eigen::Array<S, Eigen::Dynamic, 1>> values_of(S* data, Index count) {
  return {data, count};
}

}  // namespace detail

/// Which tiles of one weight stay: one byte a tile, 1 = kept, 0 = removed. Starts with everything
/// kept.
class mask {
 public:
  mask() = default;
  explicit mask(const tile_grid& grid)
      : grid_(grid), keep_(static_cast<std::size_t>(grid.size()), 1) {}

  [[nodiscard]] const tile_grid& grid() const noexcept { return grid_; }
  /// Number of tiles.
  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(keep_.size()); }
  [[nodiscard]] bool operator[](Index tile) const noexcept {
    return keep_[static_cast<std::size_t>(tile)] != 0;
  }
  void set(Index tile, bool keep) noexcept { keep_[static_cast<std::size_t>(tile)] = keep ? 1 : 0; }

  /// One byte a tile; only 0 and 1 may be written.
  [[nodiscard]] std::span<std::uint8_t> bytes() noexcept { return keep_; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return keep_; }

  /// Number of tiles kept.
  [[nodiscard]] Index kept() const noexcept {
    Index total = 0;
    for (const std::uint8_t keep : keep_) total += keep;
    return total;
  }
  [[nodiscard]] Index removed() const noexcept { return size() - kept(); }
  [[nodiscard]] bool removed_anything() const noexcept {
    return !keep_.empty() && std::memchr(keep_.data(), 0, keep_.size()) != nullptr;
  }
  /// Share of the tiles that are removed, in [0, 1].
  [[nodiscard]] double sparsity() const noexcept {
    return keep_.empty() ? 0.0 : static_cast<double>(removed()) / static_cast<double>(size());
  }
  /// Number of single weights kept.
  [[nodiscard]] Index weights_kept() const noexcept {
    if (grid_.is_regular()) return kept() * (grid_.weights() / std::max<Index>(size(), 1));
    Index total = 0;
    for (Index t = 0; t < size(); ++t) total += (*this)[t] ? grid_.weights_in(t) : 0;
    return total;
  }

  /// Zeroes the removed tiles, in place; kept weights are not touched.
  /// @throws shape_error (shape_mismatch). Allocates nothing. Cost: one pass over the removed part
  /// and the mask.
  template <class S>
  void apply(weight_view<S> weight) const {
    check(weight);
    detail::walk_tiles(
        grid_,
        [&](Index at, Index count, Index tile) {
          if (!(*this)[tile]) detail::values_of(weight.data + at, count).setZero();
        },
        [&](Index at, Index count, Index tile) {
          detail::zero_where_removed(weight.data + at, keep_.data() + tile, count);
        });
  }

  /// Multiplies the removed tiles by `factor`, in place; kept weights are not touched.
  /// @throws shape_error (shape_mismatch). Allocates nothing.
  template <class S>
  void scale_removed(weight_view<S> weight, double factor) const {
    check(weight);
    const S f = static_cast<S>(factor);
    detail::walk_tiles(
        grid_,
        [&](Index at, Index count, Index tile) {
          if (!(*this)[tile]) detail::values_of(weight.data + at, count) *= f;
        },
        [&](Index at, Index count, Index tile) {
          for (Index i = 0; i < count; ++i)
            if (!(*this)[tile + i]) weight.data[at + i] *= f;
        });
  }

  /// Removes here what `other`, over the same weight, has removed: of any tile where this mask is
  /// one of single weights, else of the same tile.
  /// @throws shape_error (shape_mismatch)
  void remove_where_removed(const mask& other) {
    if (grid_ == other.grid_) {
      for (std::size_t t = 0; t < keep_.size(); ++t) keep_[t] &= other.keep_[t];
      return;
    }
    if (!grid_.is_elementwise() || grid_.extents() != other.grid_.extents() ||
        grid_.axes() != other.grid_.axes())
      throw shape_error(errc::shape_mismatch,
                        "mask: masks can be joined over weights of one shape only, and of one "
                        "tile, or into one of single weights");
    detail::walk_tiles(
        other.grid_,
        [&](Index at, Index count, Index tile) {
          if (!other[tile]) std::fill_n(keep_.begin() + at, count, std::uint8_t{0});
        },
        [&](Index at, Index count, Index tile) {
          for (Index i = 0; i < count; ++i)
            if (!other[tile + i]) set(at + i, false);
        });
  }

  /// Bits instead of bytes, eight tiles in each.
  template <class = compiled_on_use>
  void save(archive_writer& out) const {
    out.tag("prunus mask 1");
    for (std::size_t k = 0; k < 4; ++k) {
      out.number(static_cast<std::int64_t>(grid_.extents()[k]));
      out.number(static_cast<std::int64_t>(grid_.tile_extents()[k]));
      out.number(static_cast<std::uint8_t>(grid_.axes()[k]));
    }
    std::vector<std::uint8_t> bits(keep_.size() / 8 + 1, 0);
    for (std::size_t t = 0; t < keep_.size(); ++t)
      bits[t / 8] |= static_cast<std::uint8_t>(keep_[t] << (t % 8));
    out.values(bits.data(), static_cast<Index>(bits.size()));
  }

  /// Takes over a saved mask of that parameter; its grid must be this mask's own.
  /// @throws file_error (truncated, malformed), shape_error (shape_mismatch: names the parameter);
  /// this mask is then unchanged
  template <class = compiled_on_use>
  void load(archive_reader& in, std::string_view parameter) {
    in.tag("prunus mask 1");
    bool same = true;
    for (std::size_t k = 0; k < 4; ++k) {
      same = in.number<std::int64_t>() == grid_.extents()[k] && same;
      same = in.number<std::int64_t>() == grid_.tile_extents()[k] && same;
      same = in.number<std::uint8_t>() == static_cast<std::uint8_t>(grid_.axes()[k]) && same;
    }
    if (!same)
      throw shape_error(errc::shape_mismatch,
                        detail::concat(in.origin(), ": the mask of ", parameter,
                                       " saved here was made for another shape, layout or tile "
                                       "than the ",
                                       size(), " tiles of ",
                                       detail::joined_extents(grid_.extents()), " weights"));
    std::vector<std::uint8_t> bits(keep_.size() / 8 + 1, 0);
    in.values(bits.data(), static_cast<Index>(bits.size()));
    if (bits.back() >> (keep_.size() % 8) != 0)
      throw file_error(errc::malformed,
                       detail::concat(in.origin(), ": the mask of ", parameter,
                                      " marks tiles behind its last one, ", size()));
    for (std::size_t t = 0; t < keep_.size(); ++t)
      keep_[t] = static_cast<std::uint8_t>((bits[t / 8] >> (t % 8)) & 1);
  }

  friend bool operator==(const mask&, const mask&) = default;

 private:
  template <class S>
  void check(const weight_view<S>& weight) const {
    if (weight.extents != grid_.extents() || weight.axes != grid_.axes())
      throw shape_error(errc::shape_mismatch,
                        detail::concat("mask: made for ", grid_.weights(),
                                       " weights of another shape or layout, ", "the weight is ",
                                       describe(weight)));
  }

  tile_grid grid_;
  std::vector<std::uint8_t> keep_;
};

}  // namespace v0
}  // namespace prunus
