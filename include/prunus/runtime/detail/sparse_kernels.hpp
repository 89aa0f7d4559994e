// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::max, std::min
#include <bit>          // std::popcount
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int32_t
#include <type_traits>  // std::integral_constant
#include <utility>      // std::integer_sequence

namespace prunus {
inline namespace v0 {
namespace detail {

/// Rows of results that are computed together where each row has taps of its own.
inline constexpr int pattern_rows = 4;

/// Sets of rows that can take a line, without the empty one.
inline constexpr unsigned patterns = (1U << pattern_rows) - 1;

/// The taps of a panel of rows, packed one behind the other: where each line begins, and a weight
/// for each row that takes it. Lines are told by whole numbers as short as they may be.
///
/// Full panels: all rows take every line, count[0] taps. Patterned panels: the taps are sorted by
/// the set of rows that take them; bit r of a pattern tells that row r does, and count[p - 1] taps
/// have pattern p.
template <class S, class Line>
struct packed_taps {
  const Line* lines;
  const S* weights;
  const std::int32_t* count;
};

/// Whether a sum goes on from what stands in the output, and whether it ends here.
struct part_of_sum {
  bool first = true, last = true;
};

/// out[rows[r] * pitch + t] = epilogue(sum over the taps of row r of weight *
/// lines[line * line_pitch + t]) for a tile of Rows x (Vectors * lanes) results, and with `Half`
/// half a register more; of the sum the part that the taps hold. `Patterned` tells which kind of
/// panel the taps are; a line that several rows take is loaded once, and no branch depends on the
/// pattern of a single tap.
template <class S, int Rows, int Vectors, bool Half, bool Patterned, class Line>
inline void sum_of_packed_lines(const S* lines, Index line_pitch, packed_taps<S, Line> taps,
                                part_of_sum part, const channel_epilogue<S>& epilogue,
                                const std::int32_t* rows, S* out, Index pitch) noexcept {
  // Indices are constants throughout, or the sums would not stay in registers.
  constexpr Index half = half_lanes<S>, half_at = Vectors * lanes<S>;
  [&]<unsigned... P, int... V, int... A, int... R>(
      std::integer_sequence<unsigned, P...>, std::integer_sequence<int, V...>,
      std::integer_sequence<int, A...>, std::integer_sequence<int, R...>) {
    packet<S> sum[] = {(static_cast<void>(A), packet<S>{})...};
    [[maybe_unused]] packet<S, half> tail[] = {(static_cast<void>(R), packet<S, half>{})...};
    if (!part.first) {
      ((sum[A] = load(out + rows[A / Vectors] * pitch + A % Vectors * lanes<S>)), ...);
      if constexpr (Half) ((tail[R] = load<S, half>(out + rows[R] * pitch + half_at)), ...);
    }
    const auto add_pattern = [&]<unsigned Pattern>(std::integral_constant<unsigned, Pattern>,
                                                   std::int32_t count) {
      for (; count > 0; --count, taps.weights += std::popcount(Pattern)) {
        const S* line = lines + line_pitch * *taps.lines++;
        const packet<S> x[] = {load(line + V * lanes<S>)...};
        if constexpr (Half) {
          const packet<S, half> last = load<S, half>(line + half_at);
          const auto add_tail = [&]<int Row>(int_constant<Row>) {
            if constexpr ((Pattern >> Row & 1U) != 0)
              tail[Row] =
                  tail[Row] +
                  broadcast<S, half>(taps.weights[std::popcount(Pattern & ((1U << Row) - 1))]) *
                      last;
          };
          (add_tail(int_constant<R>{}), ...);
        }
        const auto add = [&]<int At>(int_constant<At>) {
          constexpr unsigned row = unsigned{At} / Vectors;
          if constexpr ((Pattern >> row & 1U) != 0)
            sum[At] =
                sum[At] + broadcast(taps.weights[std::popcount(Pattern & ((1U << row) - 1))]) *
                              x[At % Vectors];
        };
        (add(int_constant<A>{}), ...);
      }
    };
    if constexpr (Patterned)
      (add_pattern(std::integral_constant<unsigned, P + 1>{}, taps.count[P]), ...);
    else
      add_pattern(std::integral_constant<unsigned, (1U << Rows) - 1>{}, *taps.count);
    if (part.last) {
      if (epilogue.scale != nullptr)
        ((sum[A] = sum[A] * broadcast(epilogue.scale[rows[A / Vectors]])), ...);
      if (epilogue.shift != nullptr)
        ((sum[A] = sum[A] + broadcast(epilogue.shift[rows[A / Vectors]])), ...);
      if (epilogue.relu) ((sum[A] = positive_part<S>(sum[A])), ...);
      if constexpr (Half) {
        if (epilogue.scale != nullptr)
          ((tail[R] = tail[R] * broadcast<S, half>(epilogue.scale[rows[R]])), ...);
        if (epilogue.shift != nullptr)
          ((tail[R] = tail[R] + broadcast<S, half>(epilogue.shift[rows[R]])), ...);
        if (epilogue.relu) ((tail[R] = positive_part<S, half>(tail[R])), ...);
      }
    }
    (store<S>(out + rows[A / Vectors] * pitch + A % Vectors * lanes<S>, sum[A]), ...);
    if constexpr (Half) (store<S, half>(out + rows[R] * pitch + half_at, tail[R]), ...);
  }
  (std::make_integer_sequence<unsigned, patterns>{}, std::make_integer_sequence<int, Vectors>{},
   std::make_integer_sequence<int, Rows * Vectors>{}, std::make_integer_sequence<int, Rows>{});
}

/// y[r] += the sum of weight * x[line] over the taps of row r: one sample. For full panels.
template <class S, int Rows, class Line>
inline void dot_of_packed_rows(const S* x, packed_taps<S, Line> taps, S* y) noexcept {
  constexpr Index length = std::min(lanes<S>, Index{Rows});  // of a register that is used
  constexpr int registers = Rows / static_cast<int>(length);
  constexpr int chains = std::max(1, 4 / registers);  // sums that do not wait for each other
  [&]<int... A>(std::integer_sequence<int, A...>) {
    packet<S, length> sum[] = {(static_cast<void>(A), packet<S, length>{})...};
    std::int32_t k = *taps.count;
    for (; k >= chains; k -= chains, taps.lines += chains, taps.weights += chains * Rows)
      ((sum[A] =
            sum[A] + load<S, length>(taps.weights + A / registers * Rows + A % registers * length) *
                         broadcast<S, length>(x[taps.lines[A / registers]])),
       ...);
    for (; k > 0; --k, ++taps.lines, taps.weights += Rows)
      for (int r = 0; r < registers; ++r)
        sum[r] = sum[r] +
                 load<S, length>(taps.weights + r * length) * broadcast<S, length>(x[*taps.lines]);
    for (int a = registers; a < registers * chains; ++a)
      sum[a % registers] = sum[a % registers] + sum[a];
    for (int r = 0; r < registers; ++r)
      store<S, length>(y + r * length, load<S, length>(y + r * length) + sum[r]);
  }
  (std::make_integer_sequence<int, registers * chains>{});
}

/// sums[r] += the sum of weight * x[line] over `count` taps that `Rows` rows take. A scalar at a
/// time: a load that gathers takes as long as its parts.
template <class S, int Rows, class Line>
inline void add_scalar_dots(const S* x, const Line* lines, const S* weights, std::int32_t count,
                            S* sums) noexcept {
  constexpr int taps = std::max(1, 8 / Rows);  // whose sums do not wait for each other
  [&]<int... R, int... A>(std::integer_sequence<int, R...>, std::integer_sequence<int, A...>) {
    S sum[] = {(static_cast<void>(A), S(0))...};
    for (; count >= taps; count -= taps, lines += taps, weights += taps * Rows) {
      fetch_ahead(weights, 1024);  // both are read once, one behind the other
      fetch_ahead(lines, 512);
      ((sum[A] = kept_apart(sum[A] + weights[A] * x[lines[A / Rows]])), ...);
    }
    for (; count > 0; --count, ++lines, weights += Rows)
      ((sum[R] = kept_apart(sum[R] + weights[R] * x[*lines])), ...);
    const auto add_up = [&]<int Row>(int_constant<Row>) {
      ((A % Rows == Row ? static_cast<void>(sums[Row] += sum[A]) : void()), ...);
    };
    (add_up(int_constant<R>{}), ...);
  }
  (std::make_integer_sequence<int, Rows>{}, std::make_integer_sequence<int, Rows * taps>{});
}

/// y[rows[r]] += the sum of weight * x[line] over the taps of row r: one sample. For patterned
/// panels.
template <class S, class Line>
inline void dot_of_patterned_rows(const S* x, packed_taps<S, Line> taps, const std::int32_t* rows,
                                  S* y) noexcept {
  const auto add_pattern = [&]<unsigned Pattern>(std::integral_constant<unsigned, Pattern>) {
    constexpr int taken = std::popcount(Pattern);
    const std::int32_t count = taps.count[Pattern - 1];
    S sum[static_cast<std::size_t>(taken)] = {};
    add_scalar_dots<S, taken>(x, taps.lines, taps.weights, count, sum);
    taps.lines += count;
    taps.weights += count * taken;
    int at = 0;
    for (int r = 0; r < pattern_rows; ++r)
      if ((Pattern >> r & 1U) != 0) y[rows[r]] += sum[at++];
  };
  [&]<unsigned... P>(std::integer_sequence<unsigned, P...>) {
    (add_pattern(std::integral_constant<unsigned, P + 1>{}), ...);
  }
  (std::make_integer_sequence<unsigned, patterns>{});
}

/// Calls `f` with a width of at most `Most` registers as a constant.
template <int Most, class F>
inline void with_width(int width, const F& f) {
  [&]<int... Narrower>(std::integer_sequence<int, Narrower...>) {
    static_cast<void>(((width == Narrower + 1 && (f(int_constant<Narrower + 1>{}), true)) || ...));
  }
  (std::make_integer_sequence<int, Most>{});
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
