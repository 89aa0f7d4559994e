// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cstddef>      // std::ptrdiff_t, std::size_t
#include <cstring>      // std::memcpy
#include <type_traits>  // std::integral_constant
#include <utility>      // std::index_sequence, std::integer_sequence

namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

// What the instruction set of this compilation offers. Everything else asks here.
#if defined(__AVX512F__)
inline constexpr std::size_t vector_bytes = 64;
inline constexpr int vector_registers = 32;
#elif defined(__AVX__)
inline constexpr std::size_t vector_bytes = 32;
inline constexpr int vector_registers = 16;
#elif defined(__aarch64__)
inline constexpr std::size_t vector_bytes = 16;
inline constexpr int vector_registers = 32;
#else
inline constexpr std::size_t vector_bytes = 16;
inline constexpr int vector_registers = 16;
#endif

#if defined(__GNUC__)
template <class S, std::size_t Bytes>
struct native_vector {
  using type [[gnu::vector_size(Bytes)]] = S;
};
#else
/// Where the compiler has no vector types: lanes that it may vectorise by itself.
template <class S, std::size_t Bytes>
struct native_vector {
  struct type {
    S lane[Bytes / sizeof(S)];
    [[nodiscard]] S& operator[](Index i) noexcept { return lane[i]; }
    [[nodiscard]] const S& operator[](Index i) const noexcept { return lane[i]; }
    friend type operator+(type a, const type& b) noexcept {
      for (std::size_t i = 0; i < Bytes / sizeof(S); ++i) a.lane[i] += b.lane[i];
      return a;
    }
    friend type operator-(type a, S b) noexcept {
      for (std::size_t i = 0; i < Bytes / sizeof(S); ++i) a.lane[i] -= b;
      return a;
    }
    friend type operator*(type a, const type& b) noexcept {
      for (std::size_t i = 0; i < Bytes / sizeof(S); ++i) a.lane[i] *= b.lane[i];
      return a;
    }
  };
};
#endif

/// As many scalars as one register of the machine holds.
template <class S>
inline constexpr Index lanes = Index{vector_bytes / sizeof(S)};

/// Half a register, where that is less work for some processors: those that work through a register
/// of 64 bytes in two steps.
template <class S>
inline constexpr Index half_lanes = lanes<S> / 2;
inline constexpr bool halves_pay = vector_bytes == 64;

/// A register, or a part of one.
template <class S, Index Lanes = lanes<S>>
using packet = typename native_vector<S, static_cast<std::size_t>(Lanes) * sizeof(S)>::type;

template <class S, Index Lanes = lanes<S>>
[[nodiscard]] inline packet<S, Lanes> load(const S* from) noexcept {
  packet<S, Lanes> result;
  std::memcpy(&result, from, sizeof(result));  // one unaligned load
  return result;
}

template <class S, Index Lanes = lanes<S>>
inline void store(S* to, const packet<S, Lanes>& value) noexcept {
  std::memcpy(to, &value, sizeof(value));
}

template <class S, Index Lanes = lanes<S>>
[[nodiscard]] inline packet<S, Lanes> broadcast(S value) noexcept {
  // Written out lane by lane: compilers make one broadcasting load of it, where zero + value costs
  // an addition.
  return [&]<std::size_t... Lane>(std::index_sequence<Lane...>) {
    return packet<S, Lanes>{(static_cast<void>(Lane), value)...};
  }
  (std::make_index_sequence<static_cast<std::size_t>(Lanes)>{});
}

/// The same number, in a register of its own. Sums of products of numbers that stand in different
/// places of memory would otherwise be put together into one register, whose lanes have to be
/// filled one by one.
template <class S>
[[nodiscard]] inline S kept_apart(S number) noexcept {
#if defined(__GNUC__) && defined(__SSE2__)
  __asm__("" : "+x"(number));
#elif defined(__GNUC__) && defined(__aarch64__)
  __asm__("" : "+w"(number));
#endif
  return number;
}

/// Fetches what stands `bytes` behind `from`, whether there is anything or not.
template <class T>
inline void fetch_ahead(const T* from, std::ptrdiff_t bytes) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(reinterpret_cast<const char*>(from) + bytes);
#else
  static_cast<void>(from), static_cast<void>(bytes);
#endif
}

/// The last `count` scalars before `end` in the last lanes, zeros in the others; reads a whole
/// register before `end`.
template <class S>
[[nodiscard]] inline packet<S> load_last(const S* end, Index count) noexcept {
  packet<S> result = load(end - lanes<S>);
  for (Index i = 0; i < lanes<S> - count; ++i) result[i] = 0;
  return result;
}

/// Negative lanes become zero; NaN stays NaN.
template <class S, Index Lanes = lanes<S>>
[[nodiscard]] inline packet<S, Lanes> positive_part(packet<S, Lanes> value) noexcept {
#if defined(__GNUC__)
  return value < packet<S, Lanes>{} ? packet<S, Lanes>{} : value;
#else
  for (Index i = 0; i < Lanes; ++i) value[i] = value[i] < 0 ? S(0) : value[i];
  return value;
#endif
}

/// Covers [0, count) with steps of a fixed length, the longest that fits into a register and into
/// `count`; the last step overlaps the one before. `f(length as a constant, begin)` must not mind
/// doing a position twice.
///
/// For rows that are too short for loops with a remainder: 14 numbers are two steps of 8, not one
/// of 8 and 6 of 1.
template <class S, class F>
inline void in_overlapping_steps(Index count, const F& f) {
  constexpr Index full = lanes<S>;
  const auto steps_of = [&]<Index Step>(std::integral_constant<Index, Step> step) {
    for (Index i = 0; i + Step <= count; i += Step) f(step, i);
    if (count % Step != 0) f(step, count - Step);
  };
  if (count >= full) return steps_of(std::integral_constant<Index, full>{});
  if constexpr (full >= 8)
    if (count >= full / 2) return steps_of(std::integral_constant<Index, full / 2>{});
  if constexpr (full >= 16)
    if (count >= full / 4) return steps_of(std::integral_constant<Index, full / 4>{});
  for (Index i = 0; i < count; ++i) f(std::integral_constant<Index, 1>{}, i);
}

/// Copies rows; made for short ones, where a call of memcpy would cost more than the copy.
template <class S>
inline void copy_rows(const S* from, Index from_pitch, Index rows, Index width, S* to,
                      Index to_pitch) noexcept {
  for (; rows > 0; --rows, from += from_pitch, to += to_pitch)
    in_overlapping_steps<S>(
        width, [from, to]<Index Step>(std::integral_constant<Index, Step>, Index i) {
          std::memcpy(to + i, from + i, static_cast<std::size_t>(Step) * sizeof(S));
        });
}

template <Index Count, class S>
inline void copy_every_other(const S* __restrict from, S* __restrict to) noexcept {
  for (Index j = 0; j < Count; ++j) to[j] = from[2 * j];
}
/// to[j] = from[j * step]; the usual step has loops that compilers vectorise.
template <class S>
inline void copy_every(Index step, const S* from, Index count, S* to) noexcept {
  if (step == 2)
    in_overlapping_steps<S>(count, [&]<Index Step>(std::integral_constant<Index, Step>, Index i) {
      copy_every_other<Step>(from + 2 * i, to + i);
    });
  else
    for (Index j = 0; j < count; ++j) to[j] = from[j * step];
}

#if defined(__clang__) || __GNUC__ >= 12
inline constexpr bool has_shuffles = true;

/// Numbers at even and at odd places, from and to two packets' worth of memory.
template <class S, Index Lanes>
struct interleaved_packets {
  packet<S, Lanes> even, odd;

  [[nodiscard]] static interleaved_packets load_from(const S* from) noexcept {
    return [&]<int... I>(std::integer_sequence<int, I...>) {
      const packet<S, Lanes> a = load<S, Lanes>(from), b = load<S, Lanes>(from + Lanes);
      return interleaved_packets{__builtin_shufflevector(a, b, (2 * I)...),
                                 __builtin_shufflevector(a, b, (2 * I + 1)...)};
    }
    (std::make_integer_sequence<int, static_cast<int>(Lanes)>{});
  }
  void store_to(S* to) const noexcept {
    [&]<int... I>(std::integer_sequence<int, I...>) {
      constexpr int n = static_cast<int>(Lanes);
      store<S, Lanes>(to, __builtin_shufflevector(even, odd, (I / 2 + I % 2 * n)...));
      store<S, Lanes>(to + Lanes,
                      __builtin_shufflevector(even, odd, (n / 2 + I / 2 + I % 2 * n)...));
    }
    (std::make_integer_sequence<int, static_cast<int>(Lanes)>{});
  }
};
#else
inline constexpr bool has_shuffles = false;
template <class S, Index Lanes>
struct interleaved_packets;
#endif

/// Sum of the lanes, by halves: the order does not depend on the compiler.
template <class S, Index Lanes = lanes<S>>
[[nodiscard]] inline S sum_of_lanes(const packet<S, Lanes>& value) noexcept {
  if constexpr (Lanes == 2) {
    return value[0] + value[1];
  } else {
    S lane[static_cast<std::size_t>(Lanes)];
    std::memcpy(lane, &value, sizeof(value));
    return sum_of_lanes<S, Lanes / 2>(load<S, Lanes / 2>(lane) +
                                      load<S, Lanes / 2>(lane + Lanes / 2));
  }
}

/// Sum over i < size of f(from[i]...). `f` is called with registers and, for a rest, with scalars.
template <class S, class F, class... From>
[[nodiscard]] inline S sum_over(Index size, const F& f, const From*... from) noexcept {
  constexpr Index chains = 4;  // sums that do not wait for each other
  packet<S> sum[chains] = {};
  Index i = 0;
  for (; i + chains * lanes<S> <= size; i += chains * lanes<S>)
    for (Index k = 0; k < chains; ++k) sum[k] = sum[k] + f(load<S>(from + i + k * lanes<S>)...);
  for (; i + lanes<S> <= size; i += lanes<S>) sum[0] = sum[0] + f(load<S>(from + i)...);
  S total = sum_of_lanes<S>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (; i < size; ++i) total += f(from[i]...);
  return total;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
