// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::max, std::min
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int32_t
#include <type_traits>  // std::integral_constant
#include <utility>      // std::index_sequence

namespace prunus {
inline namespace v0 {

namespace detail {

template <int Value>
using int_constant = std::integral_constant<int, Value>;

/// Rows of results that one tile holds at most, beside the registers for operands.
inline constexpr int most_tile_rows = vector_registers >= 32 ? 8 : 6;

/// Registers of results in each of `rows` rows: with the operands they fill the register file.
[[nodiscard]] constexpr int tile_vectors(int rows) noexcept {
  return std::max(1, (vector_registers - 1) / (rows + 1));
}

/// How many rows to take next when `left` are left: the tallest tile that leaves no lonely row
/// behind.
[[nodiscard]] constexpr int next_tile_rows(Index left) noexcept {
  constexpr int most = most_tile_rows;
  if (left >= most && left != most + 1 && (most != 8 || left != most + 2)) return most;
  if (left >= 6 && left != 7 && left != 8) return 6;
  return left >= 4 && left != 6 ? (left == 5 ? 3 : 4) : static_cast<int>(std::min<Index>(left, 3));
}

/// Calls `f` with the height of a tile as a constant.
template <class F>
inline void with_tile_rows(int rows, const F& f) {
  switch (rows) {
    case 1:
      return f(int_constant<1>{});
    case 2:
      return f(int_constant<2>{});
    case 3:
      return f(int_constant<3>{});
    case 4:
      return f(int_constant<4>{});
    case 6:
      return f(int_constant<6>{});
    default:
      return f(int_constant<most_tile_rows>{});
  }
}

/// One multiply-add of a sum of lines: where its line begins and which weight it takes.
struct line_tap {
  std::int32_t line;
  std::int32_t weight;
};

/// The terms of a sum of lines: `count` times a line and a weight, from a table or at equal
/// distances.
struct tabled_taps {
  const line_tap* table;
  Index count;
  [[nodiscard]] Index line(Index k) const noexcept { return table[k].line; }
  [[nodiscard]] Index weight(Index k) const noexcept { return table[k].weight; }
};
struct strided_taps {
  Index line_stride, weight_stride;
  Index count;
  [[nodiscard]] Index line(Index k) const noexcept { return k * line_stride; }
  [[nodiscard]] Index weight(Index k) const noexcept { return k * weight_stride; }
};

// Tiles are functions of their own: they are long, many callers share them, and a call costs
// nothing beside what they do.

/// out[r][t] = epilogue_r(sum over k of weights[taps.weight(k) + r * weight_pitch] *
/// lines[taps.line(k) + t]) for a tile of Rows x (Vectors * lanes) results; with `add`, what stands
/// in `out` is part of the sum.
template <class S, int Rows, int Vectors, class Taps>
[[gnu::noinline]] void sum_of_lines_tile(const S* lines, const Taps& taps, const S* weights,
                                         Index weight_pitch, const channel_epilogue<S>& epilogue,
                                         S* out, Index out_pitch, bool add = false) noexcept {
  [&]<std::size_t... R, std::size_t... V, std::size_t... A>(
      std::index_sequence<R...>, std::index_sequence<V...>, std::index_sequence<A...>) {
    constexpr std::size_t vectors = sizeof...(V);
    packet<S> sum[] = {(static_cast<void>(A), packet<S>{})...};
    if (add)
      ((sum[A] = load(out + Index(A / vectors) * out_pitch + Index(A % vectors) * lanes<S>)), ...);
    for (Index k = 0; k < taps.count; ++k) {
      const S* line = lines + taps.line(k);
      const S* weight = weights + taps.weight(k);
      const packet<S> x[] = {load(line + Index(V) * lanes<S>)...};
      ((sum[A] = sum[A] + broadcast(weight[Index(A / vectors) * weight_pitch]) * x[A % vectors]),
       ...);
    }
    if (epilogue.scale != nullptr)
      ((sum[A] = sum[A] * broadcast(epilogue.scale[A / vectors])), ...);
    if (epilogue.shift != nullptr)
      ((sum[A] = sum[A] + broadcast(epilogue.shift[A / vectors])), ...);
    if (epilogue.relu) ((sum[A] = positive_part<S>(sum[A])), ...);
    (store<S>(out + Index(A / vectors) * out_pitch + Index(A % vectors) * lanes<S>, sum[A]), ...);
  }
  (std::make_index_sequence<std::size_t{Rows}>{}, std::make_index_sequence<std::size_t{Vectors}>{},
   std::make_index_sequence<std::size_t{Rows} * std::size_t{Vectors}>{});
}

/// A number of registers as wide tiles, then narrower ones; f(width as a constant, first register).
template <int Rows, class F>
inline void for_each_tile(Index registers, const F& f) {
  constexpr int wide = tile_vectors(Rows), half = (wide + 1) / 2;
  Index done = 0;
  const auto sweep = [&]<int Vectors>(int_constant<Vectors> width) {
    for (; done + Vectors <= registers; done += Vectors) f(width, done);
  };
  // The last two are equal where a single register would be left.
  const bool lonely = 2 * half == wide + 1 && registers > wide && registers % wide == 1;
  if (lonely) registers -= wide + 1;
  sweep(int_constant<wide>{});
  if (lonely) registers += wide + 1;
  if constexpr (half < wide && half > 1) sweep(int_constant<half>{});
  if constexpr (wide > 1) sweep(int_constant<1>{});
}

/// `Rows` whole lines of results. Reads and writes whole registers: there is room for `size`
/// rounded up.
template <class S, int Rows, class Taps>
inline void sum_of_lines(const S* lines, const Taps& taps, const S* weights, Index weight_pitch,
                         const channel_epilogue<S>& epilogue, S* out, Index out_pitch,
                         Index size) noexcept {
  for_each_tile<Rows>(
      (size + lanes<S> - 1) / lanes<S>, [&]<int Vectors>(int_constant<Vectors>, Index first) {
        sum_of_lines_tile<S, Rows, Vectors>(lines + first * lanes<S>, taps, weights, weight_pitch,
                                            epilogue, out + first * lanes<S>, out_pitch);
      });
}

/// The same without room behind the end: the last register overlaps the one before.
/// @pre size >= lanes
template <class S, int Rows, class Taps>
inline void exact_sum_of_lines(const S* lines, const Taps& taps, const S* weights,
                               Index weight_pitch, S* out, Index out_pitch, Index size) noexcept {
  sum_of_lines<S, Rows>(lines, taps, weights, weight_pitch, {}, out, out_pitch,
                        size / lanes<S> * lanes<S>);
  if (size % lanes<S> != 0)
    sum_of_lines_tile<S, Rows, 1>(lines + size - lanes<S>, taps, weights, weight_pitch,
                                  channel_epilogue<S>{}, out + size - lanes<S>, out_pitch);
}

/// Hides where a pointer comes from, so that the compiler counts with this one instead of inventing
/// others.
template <class T>
inline void keep_pointer(T*& pointer) noexcept {
#if defined(__GNUC__)
  __asm__("" : "+r"(pointer));
#else
  static_cast<void>(pointer);
#endif
}

/// A rectangle of positions on a grid, the same one in each of some images.
struct grid_window {
  Index rows, width, pitch;
  Index images = 1, image_pitch = 0;
};

/// sums[r * sums_pitch + v] += sum over the positions p of the window, row after row and image
/// after image, of grid[taps[r].line + p] * lines[(number of p) * line_pitch + v], for a tile of
/// Rows x (Vectors * Lanes) sums.
template <class S, int Rows, int Vectors, Index Lanes>
inline void outer_products_tile(const S* grid, const line_tap* taps, const grid_window& window,
                                const S* lines, Index line_pitch, S* sums,
                                Index sums_pitch) noexcept {
  [&]<std::size_t... R, std::size_t... V, std::size_t... A>(
      std::index_sequence<R...>, std::index_sequence<V...>, std::index_sequence<A...>) {
    constexpr std::size_t vectors = sizeof...(V);
    packet<S, Lanes> sum[] = {
        load<S, Lanes>(sums + Index(A / vectors) * sums_pitch + Index(A % vectors) * Lanes)...};
    grid += taps[0].line;
    const Index offset[] = {Index{taps[R].line} - taps[0].line...};
    for (Index n = 0; n < window.images; ++n)
      for (Index y = 0; y < window.rows; ++y) {
        const S* at = grid + n * window.image_pitch + y * window.pitch;
        for (const S* const end = at + window.width; at != end; ++at, lines += line_pitch) {
          keep_pointer(at);  // or it would become one pointer for each row: too many for registers
          const packet<S, Lanes> line[] = {load<S, Lanes>(lines + Index(V) * Lanes)...};
          ((sum[A] = sum[A] + broadcast<S, Lanes>(at[offset[A / vectors]]) * line[A % vectors]),
           ...);
        }
      }
    (store<S, Lanes>(sums + Index(A / vectors) * sums_pitch + Index(A % vectors) * Lanes, sum[A]),
     ...);
  }
  (std::make_index_sequence<std::size_t{Rows}>{}, std::make_index_sequence<std::size_t{Vectors}>{},
   std::make_index_sequence<std::size_t{Rows} * std::size_t{Vectors}>{});
}

/// to[j * to_pitch + i] = from[i * from_pitch + j] for i, j < 4.
template <class S>
inline void transpose_square(const S* from, Index from_pitch, S* to, Index to_pitch) noexcept {
#if defined(__clang__) || __GNUC__ >= 12
  if constexpr (lanes<S> >= 4) {
    using row = packet<S, 4>;
    const row a = load<S, 4>(from), b = load<S, 4>(from + from_pitch),
              c = load<S, 4>(from + 2 * from_pitch), d = load<S, 4>(from + 3 * from_pitch);
    const row ab[] = {__builtin_shufflevector(a, b, 0, 4, 1, 5),
                      __builtin_shufflevector(a, b, 2, 6, 3, 7)};
    const row cd[] = {__builtin_shufflevector(c, d, 0, 4, 1, 5),
                      __builtin_shufflevector(c, d, 2, 6, 3, 7)};
    for (Index half = 0; half < 2; ++half, to += 2 * to_pitch) {
      store<S, 4>(to, __builtin_shufflevector(ab[half], cd[half], 0, 1, 4, 5));
      store<S, 4>(to + to_pitch, __builtin_shufflevector(ab[half], cd[half], 2, 3, 6, 7));
    }
    return;
  }
#endif
  for (Index j = 0; j < 4; ++j)
    for (Index i = 0; i < 4; ++i) to[j * to_pitch + i] = from[i * from_pitch + j];
}

/// to[j * to_pitch + i] = from[i * from_pitch + j] for i < rows, j < columns.
template <class S>
inline void transpose(const S* from, Index from_pitch, Index rows, Index columns, S* to,
                      Index to_pitch) noexcept {
  constexpr Index block = 4, strip = 16;  // a strip reads whole lines of the cache
  const Index squares = rows / block * block, whole = columns / block * block;
  for (Index first = 0; first < whole; first += strip) {
    const Index last = std::min(first + strip, whole);
    for (Index i = 0; i < squares; i += block)
      for (Index j = first; j < last; j += block)
        transpose_square(from + i * from_pitch + j, from_pitch, to + j * to_pitch + i, to_pitch);
    for (Index i = squares; i < rows; ++i)
      for (Index j = first; j < last; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
  }
  for (Index j = whole; j < columns; ++j)
    for (Index i = 0; i < rows; ++i) to[j * to_pitch + i] = from[i * from_pitch + j];
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
