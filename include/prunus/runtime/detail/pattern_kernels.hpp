// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/channel_epilogue.hpp>
#include <prunus/runtime/detail/line_kernels.hpp>
#include <prunus/runtime/detail/packet.hpp>

#include <Eigen/Core>

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int32_t
#include <type_traits>  // std::integral_constant
#include <utility>      // std::index_sequence

namespace prunus::inline v0 {
namespace detail {

/// Rows of results that are computed together where each row has taps of its own.
inline constexpr int pattern_rows = 4;

/// A line that some of the rows take, with the weight of each row that does.
struct pattern_tap {
  std::int32_t line;
  std::array<std::int32_t, pattern_rows> weight;
};

/// The taps of one tile of rows, sorted by their pattern: bit r of a pattern tells that row r takes
/// the line. Those of pattern p are [begin[p], begin[p + 1]).
struct patterned_taps {
  const pattern_tap* table;
  std::array<Index, (1 << pattern_rows) + 1> begin;
};

/// out[r][t] = epilogue_r(sum over the taps of row r of weight * lines[line + t]) for a tile of
/// Rows x (Vectors * lanes) results. A line that several rows take is loaded once; no branch
/// depends on the pattern of a single tap.
template <class S, int Rows, int Vectors>
inline void sum_of_patterned_lines_tile(const S* lines, const patterned_taps& taps,
                                        const S* weights, const channel_epilogue<S>& epilogue,
                                        S* out, Index out_pitch) noexcept {
  // Indices are constants throughout, or the sums would not stay in registers.
  [&]<std::size_t... P, std::size_t... V, std::size_t... A>(
      std::index_sequence<P...>, std::index_sequence<V...>, std::index_sequence<A...>) {
    constexpr std::size_t vectors = sizeof...(V);
    packet<S> sum[] = {(static_cast<void>(A), packet<S>{})...};
    const auto add_pattern =
        [&]<std::size_t Pattern>(std::integral_constant<std::size_t, Pattern>) {
          const pattern_tap* const end = taps.table + taps.begin[Pattern + 1];
          for (const pattern_tap* tap = taps.table + taps.begin[Pattern]; tap != end; ++tap) {
            const S* line = lines + tap->line;
            const packet<S> x[] = {load(line + Index(V) * lanes<S>)...};
            const auto add = [&]<std::size_t At>(std::integral_constant<std::size_t, At>) {
              if constexpr ((Pattern >> (At / vectors) & 1U) != 0)
                sum[At] = sum[At] + broadcast(weights[tap->weight[At / vectors]]) * x[At % vectors];
            };
            (add(std::integral_constant<std::size_t, A>{}), ...);
          }
        };
    (add_pattern(std::integral_constant<std::size_t, P + 1>{}), ...);
    if (epilogue.scale != nullptr)
      ((sum[A] = sum[A] * broadcast(epilogue.scale[A / vectors])), ...);
    if (epilogue.shift != nullptr)
      ((sum[A] = sum[A] + broadcast(epilogue.shift[A / vectors])), ...);
    if (epilogue.relu) ((sum[A] = positive_part<S>(sum[A])), ...);
    (store<S>(out + Index(A / vectors) * out_pitch + Index(A % vectors) * lanes<S>, sum[A]), ...);
  }
  (std::make_index_sequence<(std::size_t{1} << Rows) - 1>{},
   std::make_index_sequence<std::size_t{Vectors}>{},
   std::make_index_sequence<std::size_t{Rows} * std::size_t{Vectors}>{});
}

/// `Rows` whole lines of results. Reads and writes whole registers: there is room for `size`
/// rounded up.
template <class S, int Rows>
inline void sum_of_patterned_lines(const S* lines, const patterned_taps& taps, const S* weights,
                                   const channel_epilogue<S>& epilogue, S* out, Index out_pitch,
                                   Index size) noexcept {
  for_each_tile<Rows>(
      (size + lanes<S> - 1) / lanes<S>, [&]<int Vectors>(int_constant<Vectors>, Index first) {
        sum_of_patterned_lines_tile<S, Rows, Vectors>(lines + first * lanes<S>, taps, weights,
                                                      epilogue, out + first * lanes<S>, out_pitch);
      });
}

}  // namespace detail
}  // namespace prunus::inline v0
