// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/line_kernels.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <array>    // std::array
#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <utility>  // std::index_sequence

namespace prunus {
inline namespace v0 {
namespace detail {

/// The taps that a sample's open inputs leave, and where the rows of weights begin that are
/// multiplied together: open outputs need not be neighbours.
template <class S, int Rows>
struct gated_taps {
  const line_tap* table;
  Index count;
  std::array<const S*, std::size_t{Rows}> rows;
};

/// out[r][t] = epilogue_r(sum over the taps of rows[r][tap.weight] * lines[tap.line + t]) for a
/// tile of Rows x (Vectors * lanes) results.
template <class S, int Rows, int Vectors>
inline void sum_of_gated_lines_tile(const S* lines, const gated_taps<S, Rows>& taps,
                                    const channel_epilogue<S>& epilogue, S* out,
                                    Index out_pitch) noexcept {
  [&]<std::size_t... R, std::size_t... V, std::size_t... A>(
      std::index_sequence<R...>, std::index_sequence<V...>, std::index_sequence<A...>) {
    constexpr std::size_t vectors = sizeof...(V);
    const S* const row[] = {taps.rows[R]...};  // a copy of their own stays in registers
    packet<S> sum[] = {(static_cast<void>(A), packet<S>{})...};
    const line_tap* const end = taps.table + taps.count;
    for (const line_tap* tap = taps.table; tap != end; ++tap) {
      const S* line = lines + tap->line;
      const Index weight = tap->weight;
      const packet<S> x[] = {load(line + Index(V) * lanes<S>)...};
      ((sum[A] = sum[A] + broadcast(row[A / vectors][weight]) * x[A % vectors]), ...);
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

/// `Rows` whole lines of results. Reads and writes whole registers: there is room for `size`
/// rounded up.
template <class S, int Rows>
inline void sum_of_gated_lines(const S* lines, const gated_taps<S, Rows>& taps,
                               const channel_epilogue<S>& epilogue, S* out, Index out_pitch,
                               Index size) noexcept {
  for_each_tile<Rows>(
      (size + lanes<S> - 1) / lanes<S>, [&]<int Vectors>(int_constant<Vectors>, Index first) {
        sum_of_gated_lines_tile<S, Rows, Vectors>(lines + first * lanes<S>, taps, epilogue,
                                                  out + first * lanes<S>, out_pitch);
      });
}

/// @throws argument_error (out_of_range) that names the layer
template <class = compiled_on_use>
[[nodiscard]] const gated_options& checked_options(const gated_options& options,
                                                   const char* layer) {
  if (!(options.dense_from >= 0))
    throw argument_error(errc::out_of_range,
                         concat(layer, ": dense_from is ", options.dense_from,
                                "; expected a share of the multiply-adds, 0 or more"));
  return options;
}

/// Computes the samples that prefers_dense(n) by whole(first, count), at most `block` neighbours at
/// once, and each of the others by gather(n), which returns the multiply-adds done.
/// @param macs of a sample computed whole
template <class PrefersDense, class Whole, class Gather>
inline executed_work forward_gated(Index samples, Index macs, Index block,
                                   const PrefersDense& prefers_dense, const Whole& whole,
                                   const Gather& gather) noexcept {
  executed_work run;
  run.dense_macs = samples * macs;
  for (Index n = 0; n < samples;) {
    Index count = 0;
    while (n + count < samples && count < block && prefers_dense(n + count)) ++count;
    if (count > 0) {
      whole(n, count);
      run.macs += count * macs;
      run.dense += count;
      n += count;
    } else {
      run.macs += gather(n);
      ++run.gathered;
      ++n;
    }
  }
  return run;
}

/// How many of the channels are open; no flags mean that all are.
[[nodiscard]] inline Index count_open(const std::uint8_t* open, Index first, Index count) noexcept {
  if (open == nullptr) return count;
  Index found = 0;
  for (Index c = first; c < first + count; ++c) found += open[c] != 0 ? 1 : 0;
  return found;
}

/// Writes the numbers of the open channels, ascending, and returns how many there are.
/// `to` has room for count + 1.
[[nodiscard]] inline Index list_open(const std::uint8_t* open, Index first, Index count,
                                     Index* to) noexcept {
  Index found = 0;
  for (Index c = first; c < first + count; ++c) {
    to[found] = c;  // there is room: a closed one is overwritten by the next
    found += open == nullptr || open[c] != 0 ? 1 : 0;
  }
  return found;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
