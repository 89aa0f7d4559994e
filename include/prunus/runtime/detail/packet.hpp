// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cstddef>  // std::size_t
#include <cstring>  // std::memcpy
#include <type_traits>  // std::integral_constant
#include <utility>  // std::index_sequence

namespace prunus::inline v0 {
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
template <class S>
struct native_vector;
template <>
struct native_vector<float> {
  using type [[gnu::vector_size(vector_bytes)]] = float;
};
template <>
struct native_vector<double> {
  using type [[gnu::vector_size(vector_bytes)]] = double;
};
#else
/// Where the compiler has no vector types: lanes that it may vectorise by itself.
template <class S>
struct native_vector {
  struct type {
    S lane[vector_bytes / sizeof(S)];
    [[nodiscard]] S& operator[](Index i) noexcept { return lane[i]; }
    [[nodiscard]] const S& operator[](Index i) const noexcept { return lane[i]; }
    friend type operator+(type a, const type& b) noexcept {
      for (std::size_t i = 0; i < vector_bytes / sizeof(S); ++i) a.lane[i] += b.lane[i];
      return a;
    }
    friend type operator*(type a, const type& b) noexcept {
      for (std::size_t i = 0; i < vector_bytes / sizeof(S); ++i) a.lane[i] *= b.lane[i];
      return a;
    }
  };
};
#endif

/// As many scalars as one register of the machine holds.
template <class S>
using packet = typename native_vector<S>::type;

template <class S>
inline constexpr Index lanes = Index{vector_bytes / sizeof(S)};

template <class S>
[[nodiscard]] inline packet<S> load(const S* from) noexcept {
  packet<S> result;
  std::memcpy(&result, from, sizeof(result));  // one unaligned load
  return result;
}

template <class S>
inline void store(S* to, const packet<S>& value) noexcept {
  std::memcpy(to, &value, sizeof(value));
}

template <class S>
[[nodiscard]] inline packet<S> broadcast(S value) noexcept {
  // Written out lane by lane: compilers make one broadcasting load of it, where zero + value costs an addition.
  return [&]<std::size_t... Lane>(std::index_sequence<Lane...>) {
    return packet<S>{(static_cast<void>(Lane), value)...};
  }(std::make_index_sequence<vector_bytes / sizeof(S)>{});
}

/// The last `count` scalars before `end` in the last lanes, zeros in the others; reads a whole register before `end`.
template <class S>
[[nodiscard]] inline packet<S> load_last(const S* end, Index count) noexcept {
  packet<S> result = load(end - lanes<S>);
  for (Index i = 0; i < lanes<S> - count; ++i) result[i] = 0;
  return result;
}

/// Negative lanes become zero; NaN stays NaN.
template <class S>
[[nodiscard]] inline packet<S> positive_part(packet<S> value) noexcept {
#if defined(__GNUC__)
  return value < packet<S>{} ? packet<S>{} : value;
#else
  for (std::size_t i = 0; i < vector_bytes / sizeof(S); ++i) value[i] = value[i] < 0 ? S(0) : value[i];
  return value;
#endif
}

/// Copies a short row. Written for rows of a few registers, where a call of memcpy would cost more than the copy: the
/// last register overlaps the one before.
template <class S>
inline void copy_row(const S* from, Index count, S* to) noexcept {
  constexpr Index full = lanes<S>;
  const auto in_steps_of = [&]<Index Step>(std::integral_constant<Index, Step>) {
    constexpr std::size_t bytes = static_cast<std::size_t>(Step) * sizeof(S);
    for (Index i = 0; i + Step <= count; i += Step) std::memcpy(to + i, from + i, bytes);
    if (count % Step != 0) std::memcpy(to + count - Step, from + count - Step, bytes);
  };
  if (count >= full) return in_steps_of(std::integral_constant<Index, full>{});
  if constexpr (full >= 8)
    if (count >= full / 2) return in_steps_of(std::integral_constant<Index, full / 2>{});
  if constexpr (full >= 16)
    if (count >= full / 4) return in_steps_of(std::integral_constant<Index, full / 4>{});
  for (Index i = 0; i < count; ++i) to[i] = from[i];
}

/// Sum of the lanes, in halves: the order does not depend on the compiler.
template <class S>
[[nodiscard]] inline S sum_of_lanes(const packet<S>& value) noexcept {
  S lane[vector_bytes / sizeof(S)];
  std::memcpy(lane, &value, sizeof(value));
  for (std::size_t half = vector_bytes / sizeof(S) / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

}  // namespace detail
}  // namespace prunus::inline v0
