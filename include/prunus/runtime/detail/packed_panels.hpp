// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/detail/sparse_kernels.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::fill_n
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int32_t
#include <span>         // std::span
#include <type_traits>  // std::bool_constant
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Which of some rows have a non-zero in the column that begins at `column`; bit r is rows[r].
template <class S>
[[nodiscard]] unsigned takers(const S* column, Index pitch, std::span<const std::int32_t> rows) {
  unsigned pattern = 0;
  for (std::size_t r = 0; r < rows.size(); ++r)
    pattern |= unsigned{column[rows[r] * pitch] != 0} << r;
  return pattern;
}

/// The weights of a layer without its zeros, as panels of `Height` rows: 1, 4, 8 or 16. Where it is
/// `Patterned`, every single zero is left out, at a height of `pattern_rows`. A `packing`, which
/// says what its functions do.
///
/// The terms of the sums may be cut into parts: all panels are computed for one part before the
/// next, so that the lines of a part stay in the cache, and lines are counted from the first of
/// their part, which keeps the numbers in a `Line`.
template <class S, class Line, int Height, bool Patterned>
class packed_panels {
  static_assert(!Patterned || Height == pattern_rows);

 public:
  static constexpr int rows_together = Height;

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(weights_.size()); }
  [[nodiscard]] Index bytes() const noexcept {
    return static_cast<Index>(weights_.size() * sizeof(S) + lines_.size() * sizeof(Line) +
                              panels_.size() * sizeof(panel));
  }
  [[nodiscard]] Index panels() const noexcept { return panels_in_part_; }

  void begin_part(Index base) {
    bases_.push_back(base);
    panels_in_part_ = 0;
  }

  /// @pre a Line holds line(k) - base; rows of panels that are not patterned are neighbours
  template <class LineOf>
  void pack(const S* weights, Index terms, Index first, std::span<const std::int32_t> order,
            Index begin, Index end, const LineOf& line) {
    const auto rows = static_cast<Index>(order.size());
    for (Index r = 0, height = 0; r < rows; r += height) {
      // The last rows go into lower panels, of heights that other formats have as well.
      height = rows - r >= Height ? Height : rows - r >= 4 ? 4 : 1;
      pack_panel(weights, terms, first,
                 order.subspan(static_cast<std::size_t>(r), static_cast<std::size_t>(height)),
                 begin, end, line);
    }
  }

  void multiply(const S* lines, Index line_pitch, Index positions,
                const channel_epilogue<S>& epilogue, S* out, Index pitch, Index first,
                Index last) const noexcept {
    constexpr int wide = tile_vectors(Height);
    const Index registers = (positions + lanes<S> - 1) / lanes<S>;
    const bool half = halves_pay && registers * lanes<S> - positions >= half_lanes<S>;
    const Index tiles = (registers + wide - 1) / wide;
    for (Index part = 0; part < parts(); ++part)
      for (Index t = 0, done = 0; t < tiles; ++t) {
        const Index width = (registers - done) / (tiles - t), at = done * lanes<S>;
        const auto sum = [&]<int Vectors, bool Half>(int_constant<Vectors>,
                                                     std::bool_constant<Half>) {
          for (Index p = first; p < last; ++p)
            sum_panel<Vectors, Half>(panel_of(part, p), lines + base(part) * line_pitch + at,
                                     line_pitch, {part == 0, part + 1 == parts()}, epilogue,
                                     out + at, pitch);
        };
        with_width<wide>(static_cast<int>(width), [&]<int Vectors>(int_constant<Vectors> whole) {
          if constexpr (halves_pay && Vectors > 1)
            if (half && t + 1 == tiles) return sum(int_constant<Vectors - 1>{}, std::true_type{});
          sum(whole, std::false_type{});
        });
        done += width;
      }
  }

  void multiply(const S* x, S* y) const noexcept {
    std::fill_n(y, rows_.size(), S(0));
    for (Index part = 0; part < parts(); ++part)
      for (Index p = 0; p < panels_in_part_; ++p) add_dots(panel_of(part, p), x + base(part), y);
  }

  [[nodiscard]] std::span<const std::int32_t> rows(Index first, Index last) const noexcept {
    const std::span all(rows_);
    return all.subspan(first_row(first), first_row(last) - first_row(first));
  }

 private:
  struct panel {
    std::size_t row = 0;  ///< where its own begin in `rows_`
    int rows = 0;
    std::size_t line = 0, weight = 0;  ///< where its own begin
    std::array<std::int32_t, patterns> count{};
  };

  template <class LineOf>
  void pack_panel(const S* weights, Index terms, Index first, std::span<const std::int32_t> rows,
                  Index begin, Index end, const LineOf& line) {
    const bool patterned = Patterned && rows.size() == pattern_rows;
    panel added{0, static_cast<int>(rows.size()), lines_.size(), weights_.size()};
    if (panels_in_part_ > 0)
      added.row = panels_.back().row + static_cast<std::size_t>(panels_.back().rows);
    for (unsigned pattern = 1; pattern <= (patterned ? patterns : 1); ++pattern)
      for (Index k = begin; k < end; ++k) {
        const unsigned taken = takers(weights + k, terms, rows);
        if (patterned ? taken != pattern : taken == 0) continue;
        lines_.push_back(static_cast<Line>(line(k) - bases_.back()));
        for (std::size_t r = 0; r < rows.size(); ++r)
          if (!patterned || (taken >> r & 1U) != 0)
            weights_.push_back(weights[rows[r] * terms + k]);
        ++added.count[pattern - 1];
      }
    panels_.push_back(added);
    ++panels_in_part_;
    if (parts() == 1)
      for (const std::int32_t r : rows) rows_.push_back(static_cast<std::int32_t>(first + r));
  }

  [[nodiscard]] Index parts() const noexcept { return static_cast<Index>(bases_.size()); }
  [[nodiscard]] Index base(Index part) const noexcept {
    return bases_[static_cast<std::size_t>(part)];
  }
  [[nodiscard]] const panel& panel_of(Index part, Index p) const noexcept {
    return panels_[static_cast<std::size_t>(part * panels_in_part_ + p)];
  }
  [[nodiscard]] std::size_t first_row(Index p) const noexcept {
    return p < panels_in_part_ ? panel_of(0, p).row : rows_.size();
  }
  [[nodiscard]] packed_taps<S, Line> taps_of(const panel& p) const noexcept {
    return {lines_.data() + p.line, weights_.data() + p.weight, p.count.data()};
  }

  void add_dots(const panel& p, const S* x, S* y) const noexcept {
    const packed_taps<S, Line> taps = taps_of(p);
    const std::int32_t* const rows = rows_.data() + p.row;
    if (p.rows == 1)
      add_scalar_dots<S, 1>(x, taps.lines, taps.weights, *taps.count, y + *rows);
    else if constexpr (Patterned)
      dot_of_patterned_rows<S>(x, taps, rows, y);
    else if (p.rows == 4)
      dot_of_packed_rows<S, 4>(x, taps, y + *rows);
    else
      dot_of_packed_rows<S, Height>(x, taps, y + *rows);
  }

  template <int Vectors, bool Half>
  void sum_panel(const panel& p, const S* lines, Index line_pitch, part_of_sum part,
                 const channel_epilogue<S>& epilogue, S* out, Index pitch) const noexcept {
    const auto sum = [&]<int Rows, bool Sorted>(int_constant<Rows>, std::bool_constant<Sorted>) {
      sum_of_packed_lines<S, Rows, Vectors, Half, Sorted>(
          lines, line_pitch, taps_of(p), part, epilogue, rows_.data() + p.row, out, pitch);
    };
    if (p.rows == Height)
      sum(int_constant<Height>{}, std::bool_constant<Patterned>{});
    else if (Height > 4 && p.rows == 4)
      sum(int_constant<4>{}, std::false_type{});
    else
      sum(int_constant<1>{}, std::false_type{});
  }

  Index panels_in_part_ = 0;
  std::vector<Index> bases_;        // a part's first line
  std::vector<panel> panels_;       // part after part
  std::vector<std::int32_t> rows_;  // of the results, panel after panel
  std::vector<Line> lines_;
  std::vector<S> weights_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
