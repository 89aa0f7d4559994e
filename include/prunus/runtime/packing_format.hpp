// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <concepts>     // std::convertible_to, std::same_as
#include <cstdint>      // std::int32_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// The weights of a layer, packed: rows of terms of which each is a weight times a line of numbers.
/// Rows are computed in panels, `rows_together` of them where there are as many.
///
/// - `begin_part(base)`: the terms come in parts, all rows of one before the next, so that the
/// lines
///   of a part stay in the cache. Its lines begin at `base` or behind.
/// - `pack(weights, terms, first, order, begin, end, line)` adds the terms [begin, end) of the rows
///   weights[r * terms] for r in `order`, in that order; r is row first + r of the results. Term k
///   reads the line that begins at line(k).
/// - `multiply(lines, line_pitch, positions, epilogue, out, pitch, first, last)`:
///   out[r * pitch + t] = epilogue_r(sum of weight * lines[line * line_pitch + t]) for t <
///   positions and the rows r of the panels [first, last). It may read and write whole registers.
/// - `multiply(x, y)`: y[r] = sum of weight * x[line] for all rows.
/// - `rows(first, last)`: the rows of the results that the panels [first, last) compute;
/// `panels()`:
///   how many there are; `size()`: weights packed, zeros among them included; `bytes()`: of the
///   weights and of what tells where they belong.
template <class P, class S>
concept packing = std::default_initializable<P> &&
    requires(P& packed, const P& seen, const S* numbers, S* results, Index n,
             std::span<const std::int32_t> order, Index (*line)(Index),
             const channel_epilogue<S>& epilogue) {
  { P::rows_together } -> std::convertible_to<int>;
  packed.begin_part(n);
  packed.pack(numbers, n, n, order, n, n, line);
  { seen.size() } -> std::same_as<Index>;
  { seen.bytes() } -> std::same_as<Index>;
  { seen.panels() } -> std::same_as<Index>;
  { seen.rows(n, n) } -> std::convertible_to<std::span<const std::int32_t>>;
  { seen.multiply(numbers, n, n, epilogue, results, n, n, n) }
  noexcept;
  { seen.multiply(numbers, results) }
  noexcept;
};

/// How the weights of a layer that holds zeros are packed, so that the zeros cost nothing:
///
/// - `name`;
/// - `packed<S, Line, MostRows>`: the `packing`. `Line` is an unsigned or signed type that holds
/// how
///   far a line lies behind the base of its part; panels of more than `MostRows` rows do not pay;
/// - `order_of(weights, rows, terms)`: which rows of a convolution come first, all of 0 to rows -
/// 1;
/// - `skips_single_zeros`: whether zeros cost nothing that share no block with others, so that a
/// line
///   serves few rows: parts are smaller then.
///
/// Formats of the library stand in `runtime/formats/`. A format of your own is handed to
/// `sparse_convolution` or `sparse_linear` as it is.
template <class F>
concept packing_format = requires(const float* weights, Index n) {
  { F::name } -> std::convertible_to<std::string_view>;
  { F::skips_single_zeros } -> std::convertible_to<bool>;
  { F::order_of(weights, n, n) } -> std::same_as<std::vector<std::int32_t>>;
}
&&packing<typename F::template packed<float, std::int32_t, 8>, float>;

}  // namespace v0
}  // namespace prunus
