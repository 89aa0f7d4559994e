// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::nth_element
#include <array>        // std::array
#include <cmath>        // std::abs
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::conditional_t
#include <vector>       // std::vector

namespace prunus::inline v0 {

using Eigen::Index;

/// The scores of one parameter as selection reads them, wherever they lie: an array of scores, or
/// the weights themselves where a score is the magnitude of a weight, so that no array of scores
/// need be written.
template <class T>
struct score_run {
  const T* data = nullptr;
  Index size = 0;
  bool magnitude = false;   ///< the score is |data[i]|
  std::string_view name{};  ///< for messages

  [[nodiscard]] T operator[](Index i) const noexcept {
    return magnitude ? std::abs(data[i]) : data[i];
  }
};

/// Where the `removed` smallest of many scores end: all below the threshold go, and `ties` of those
/// equal to it.
template <class T>
struct score_cut {
  T threshold{};
  Index below = 0;    ///< scores smaller than the threshold
  Index equal = 0;    ///< scores equal to it
  Index removed = 0;  ///< how many go; below < removed <= below + equal

  [[nodiscard]] Index ties() const noexcept { return removed - below; }
};

namespace detail {

struct run_counts {
  Index below = 0;
  Index equal = 0;
  Index finite = 0;
};

/// Adds the counts of `length` scores; returns how many lie in (low, high]. Branch-free, so that it
/// runs at memory speed.
template <bool Magnitude, class T>
[[nodiscard]] inline Index count_block(const T* data, Index length, T low, T high,
                                       run_counts& counts) {
  using counter = std::conditional_t<sizeof(T) == 8, std::int64_t,
                                     std::int32_t>;  // as wide as a score: no narrowing
  constexpr T largest = std::numeric_limits<T>::max();
  counter below = 0, not_above_low = 0, not_above_high = 0, finite = 0;
  for (Index j = 0; j < length; ++j) {
    const T magnitude = std::abs(data[j]);
    const T s = Magnitude ? magnitude : data[j];
    below += s < low ? 1 : 0;
    not_above_low += s <= low ? 1 : 0;
    not_above_high += s <= high ? 1 : 0;
    finite += magnitude <= largest ? 1 : 0;
  }
  counts.below += below;
  counts.equal += not_above_low - below;
  counts.finite += finite;
  return not_above_high - not_above_low;
}

/// Scores that are looked at together when a block has something to collect.
inline constexpr Index collected_together = 16;

/// Whether any of `collected_together` scores lies in (low, high].
template <bool Magnitude, class T>
[[nodiscard]] inline bool any_inside(const T* data, T low, T high) {
  std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t> inside = 0;
  for (Index j = 0; j < collected_together; ++j) {
    const T s = Magnitude ? std::abs(data[j]) : data[j];
    inside += ((s > low) & (s <= high)) ? 1 : 0;
  }
  return inside != 0;
}

/// Counts scores < low and == low, and appends those in (low, high] to `between`. One pass over the
/// run.
template <bool Magnitude, class T>
void count_and_collect(const T* data, Index size, T low, T high, run_counts& counts,
                       std::vector<T>& between) {
  constexpr Index block = 64;
  std::size_t found = between.size();
  for (Index begin = 0; begin < size; begin += block) {
    const T* x = data + begin;
    const bool whole = size - begin >= block;
    const Index length = whole ? block : size - begin;
    const Index inside = whole ? count_block<Magnitude>(x, block, low, high, counts)
                               : count_block<Magnitude>(x, length, low, high, counts);
    if (inside == 0) continue;
    if (between.size() < found + block) between.resize(2 * (found + block));
    for (Index j = 0; j < length; j += collected_together) {
      const Index end = std::min(j + collected_together, length);
      if (whole && !any_inside<Magnitude>(x + j, low, high)) continue;
      for (Index i = j; i < end; ++i) {
        const T s = Magnitude ? std::abs(x[i]) : x[i];
        between[found] = s;
        found += static_cast<std::size_t>((s > low) & (s <= high));
      }
    }
  }
  between.resize(found);
}

template <class T>
[[nodiscard]] run_counts count_and_collect(std::span<const score_run<T>> runs, T low, T high,
                                           std::vector<T>& between) {
  run_counts counts;
  between.clear();
  for (const score_run<T>& run : runs) {
    if (run.magnitude)
      count_and_collect<true>(run.data, run.size, low, high, counts, between);
    else
      count_and_collect<false>(run.data, run.size, low, high, counts, between);
  }
  return counts;
}

template <class T>
[[nodiscard]] Index total_size(std::span<const score_run<T>> runs) noexcept {
  Index total = 0;
  for (const score_run<T>& run : runs) total += run.size;
  return total;
}

/// A well-mixed hash of a counter (the finaliser of SplitMix64; Steele, Lea, Flood
/// 2014, 10.1145/2660193.2660195).
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

/// Short stretches at fixed pseudo-random places, spread evenly over all runs: a sample that
/// follows from the sizes alone.
template <class T>
[[nodiscard]] std::vector<T> sample_scores(std::span<const score_run<T>> runs, Index total,
                                           Index wanted) {
  constexpr Index stretch = 16;  // one cache line of floats
  const Index stretches = wanted / stretch;
  const Index step = total / stretches;
  std::vector<T> sample;
  sample.reserve(static_cast<std::size_t>(stretches * stretch));
  std::size_t r = 0;
  Index run_begin = 0;
  for (Index s = 0; s < stretches; ++s) {
    const Index slack = std::max<Index>(step - stretch, 1);
    Index at = s * step + static_cast<Index>(mix_bits(static_cast<std::uint64_t>(s)) %
                                             static_cast<std::uint64_t>(slack));
    while (at >= run_begin + runs[r].size) run_begin += runs[r++].size;
    const Index end = std::min(at + stretch, run_begin + runs[r].size);
    for (; at < end; ++at) sample.push_back(runs[r][at - run_begin]);
  }
  return sample;
}

template <class T>
[[noreturn]] void throw_not_finite(std::span<const score_run<T>> runs) {
  for (const score_run<T>& run : runs)
    for (Index i = 0; i < run.size; ++i)
      if (!(std::abs(run.data[i]) <= std::numeric_limits<T>::max()))
        throw value_error(errc::not_finite,
                          concat(run.name, ": ", run.magnitude ? "weight " : "the score of tile ",
                                 i, " is ", run.data[i] != run.data[i] ? "NaN" : "infinite",
                                 "; scores must be finite, check the training for divergence"));
  throw value_error(errc::not_finite, "selection: a score is not finite");
}

/// The cut after the `removed` smallest of `values`, which lie between two known ranks.
template <class T>
[[nodiscard]] score_cut<T> cut_within(std::vector<T>& values, Index below, Index removed) {
  const auto nth = values.begin() + (removed - below - 1);
  std::nth_element(values.begin(), nth, values.end());
  score_cut<T> cut{*nth, below, 0, removed};
  for (const T& value : values) {
    cut.below += value < cut.threshold;
    cut.equal += value == cut.threshold;
  }
  return cut;
}

}  // namespace detail

/// Finds where the `removed` smallest of all scores end, over one or many runs without joining
/// them. Exact.
///
/// A sample brackets the threshold, one pass counts what lies below the bracket and collects what
/// lies inside, and the few collected scores are selected among. The sample's places follow from
/// the sizes alone, so the result and the time are reproducible.
/// @param removed in [1, total number of scores]
/// @throws argument_error (out_of_range), value_error (not_finite: names the run and the position)
/// Cost: one pass over the scores and a sample of at most 2^18 of them; about 1 % of their memory
/// for a while.
template <class T>
[[nodiscard]] score_cut<T> find_cut(std::span<const score_run<T>> runs, Index removed) {
  const Index total = detail::total_size(runs);
  if (removed < 1 || removed > total)
    throw argument_error(errc::out_of_range, detail::concat("find_cut: asked for the ", removed,
                                                            " smallest of ", total, " scores"));
  constexpr T infinity = std::numeric_limits<T>::infinity();
  std::vector<T> between;
  for (double deviations : {3.5, 14.0}) {
    constexpr Index worth_sampling = 1 << 14, largest_sample = 1 << 18;
    if (total < worth_sampling) break;
    std::vector<T> sample =
        detail::sample_scores(runs, total, std::min(largest_sample, total / 16));
    const double size = static_cast<double>(sample.size());
    const double share = static_cast<double>(removed) / static_cast<double>(total);
    // Scores of one stretch may resemble each other; the second, wider try and the full pass cover
    // that.
    const double reach = deviations * std::sqrt(share * (1 - share) * size) + 2;
    for (const T& s : sample)
      if (!(std::abs(s) <= std::numeric_limits<T>::max())) detail::throw_not_finite(runs);
    auto first = sample.begin();  // what stands before it is known to be smaller
    const auto ranked = [&](double rank, T otherwise) {
      if (rank < 0 || rank >= size) return otherwise;
      const auto nth = sample.begin() + static_cast<std::ptrdiff_t>(rank);
      if (nth >= first) std::nth_element(first, nth, sample.end());
      first = std::max(first, nth + 1);
      return *nth;
    };
    const T low = ranked(share * size - reach, -infinity);
    const T high = ranked(share * size + reach, infinity);
    const detail::run_counts counts = detail::count_and_collect(runs, low, high, between);
    if (counts.finite != total) detail::throw_not_finite(runs);
    if (removed <= counts.below) continue;
    if (removed <= counts.below + counts.equal) return {low, counts.below, counts.equal, removed};
    const Index not_above_low = counts.below + counts.equal;
    if (removed <= not_above_low + static_cast<Index>(between.size()))
      return detail::cut_within(between, not_above_low, removed);
  }
  if (detail::count_and_collect(runs, -infinity, infinity, between).finite != total)
    detail::throw_not_finite(runs);
  return detail::cut_within(between, 0, removed);
}

}  // namespace prunus::inline v0
