// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_reduction.hpp>
#include <prunus/core/view.hpp>

#include <algorithm>    // std::fill_n, std::max, std::min
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_same_v
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The units of a weight that is cut along one axis, each read as a row of numbers. A unit may take
/// several positions of the axis; where it takes fewer than others, zeros stand in their place.
template <weight_scalar S>
class unit_rows {
 public:
  using number = score_of<S>;

  /// Unit u takes the positions i with unit_of[i] == u.
  unit_rows(weight_view<const S> weight, axis along, std::span<const Index> unit_of, Index units)
      : unit_rows(weight, along, units) {
    std::vector<Index> found(static_cast<std::size_t>(units), 0);
    for (const Index unit : unit_of)
      width_ = std::max(width_, ++found[static_cast<std::size_t>(unit)]);
    positions_.assign(static_cast<std::size_t>(units * width_), -1);
    std::fill(found.begin(), found.end(), 0);
    for (Index i = 0; i < static_cast<Index>(unit_of.size()); ++i) {
      const Index unit = unit_of[static_cast<std::size_t>(i)];
      const Index at = unit * width_ + found[static_cast<std::size_t>(unit)]++;
      positions_[static_cast<std::size_t>(at)] = i;
      in_order_ = in_order_ && at == i;
    }
    in_order_ = in_order_ && units * width_ == static_cast<Index>(unit_of.size());
  }
  /// Unit u takes the `width` positions from u * width on.
  unit_rows(weight_view<const S> weight, axis along, Index units, Index width)
      : unit_rows(weight, along, units) {
    width_ = width;  // NOLINT(cppcoreguidelines-prefer-member-initializer): delegates
    for (Index i = 0; i < units * width; ++i)
      positions_.push_back(i < weight.extent(along) ? i : Index{-1});
    in_order_ = units * width == weight.extent(along);
  }

  [[nodiscard]] Index units() const noexcept { return units_; }
  /// Numbers in a row.
  [[nodiscard]] Index length() const noexcept { return width_ * outer_ * inner_; }
  /// The rows lie in the weight one behind the other and can be read where they are.
  [[nodiscard]] bool contiguous() const noexcept {
    return std::is_same_v<S, number> && outer_ == 1 && in_order_;
  }

  /// `count` numbers of a row from `first` on: in the weight itself, or copied to `buffer`.
  [[nodiscard]] const number* read(Index unit, Index first, Index count, number* buffer) const {
    if constexpr (std::is_same_v<S, number>)
      if (contiguous()) return weight_.data + unit * length() + first;
    copy(unit, first, count, buffer);
    return buffer;
  }

  void copy(Index unit, Index first, Index count, number* to) const {
    Index b = first % inner_, a = first / inner_ % outer_, q = first / (inner_ * outer_);
    for (; count > 0; ++q, a = 0) {
      const Index position = positions_[static_cast<std::size_t>(unit * width_ + q)];
      for (; a < outer_ && count > 0; ++a, b = 0) {
        const Index run = std::min(inner_ - b, count);
        const S* from = weight_.data + (a * extent_ + position) * inner_ + b;
        if (position < 0)
          std::fill_n(to, run, number(0));
        else
          for (Index i = 0; i < run; ++i) to[i] = number(from[i]);
        to += run;
        count -= run;
      }
    }
  }

 private:
  unit_rows(weight_view<const S> weight, axis along, Index units)
      : weight_(weight),
        extent_(weight.extent(along)),
        inner_(weight.stride(along)),
        units_(units),
        outer_(weight.size() / (extent_ * inner_)) {}

  weight_view<const S> weight_;  // seen as outer x extent x inner
  Index extent_, inner_, units_;
  Index outer_ = 1;
  Index width_ = 0;               // positions that a unit takes
  std::vector<Index> positions_;  // units x width, -1: none
  bool in_order_ = true;
};

/// The tiles of a parameter as rows, for criteria that compare whole filters or channels.
/// @throws argument_error (unsupported: a tile that cuts the weight along more than one axis)
template <weight_scalar S>
[[nodiscard]] unit_rows<S> rows_of_tiles(std::string_view criterion, const parameter<S>& p,
                                         const tile_grid& grid) {
  for (const axis along : {axis::out, axis::in})
    if (grid.spans_all_but(along)) {
      std::size_t k = 0;
      while (grid.axes()[k] != along) ++k;
      return {p.weight, along, grid.size(), grid.tile_extents()[k]};
    }
  throw argument_error(errc::unsupported,
                       concat(criterion, ": ", p.name, " is cut into ", grid.size(),
                              " tiles; only whole filters, channels or heads can be compared, ",
                              "use the tile filter, channel or head(n)"));
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
