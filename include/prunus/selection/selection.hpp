// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/mix_bits.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/selection/chunks.hpp>
#include <prunus/selection/score_scan.hpp>
#include <prunus/selection/score_source.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill, std::min, std::nth_element
#include <array>      // std::array
#include <bit>        // std::bit_cast
#include <cmath>      // std::abs, std::pow, std::sqrt
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t, std::uintptr_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <utility>    // std::pair
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// Where the `removed` smallest of many scores end: all below the threshold go, and `ties` of those
/// equal to it.
template <class T>
struct score_threshold {
  T threshold{};
  Index below = 0;    ///< scores smaller than the threshold
  Index equal = 0;    ///< scores equal to it
  Index removed = 0;  ///< how many go; below < removed <= below + equal

  [[nodiscard]] Index ties() const noexcept { return removed - below; }
};

namespace detail {

/// Where a cut passes through one source: how many of its scores lie below the threshold, and how
/// many equal it.
template <class T>
struct source_threshold {
  T threshold{};
  Index below = 0;
  Index equal = 0;
};

template <class T>
[[nodiscard]] Index total_size(std::span<const score_source<T>> sources) noexcept {
  Index total = 0;
  for (const score_source<T>& source : sources) total += source.size;
  return total;
}

/// Whole cache lines at fixed pseudo-random places, spread evenly over all sources: a sample that
/// follows from sizes and places in memory alone.
template <class T>
[[nodiscard]] std::vector<T> sample_scores(std::span<const score_source<T>> sources, Index total,
                                           Index wanted) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  const Index lines = wanted / line, step = total / lines;
  const auto slack = static_cast<std::uint64_t>(std::max<Index>(step - line, 1));
  std::vector<T> sample(static_cast<std::size_t>(lines * line));
  T* to = sample.data();
  std::size_t r = 0;
  Index source_begin = 0;
  for (Index s = 0; s < lines; ++s) {
    Index at = s * step + static_cast<Index>(mix_bits(static_cast<std::uint64_t>(s)) % slack);
    while (at >= source_begin + sources[r].size) source_begin += sources[r++].size;
    at -= source_begin;
    const T* const from = sources[r].data;
    const auto past_line = static_cast<Index>(reinterpret_cast<std::uintptr_t>(from + at) % 64 /
                                              sizeof(T));  // of the line it falls into
    at = std::max<Index>(std::min(at - past_line, sources[r].size - line), 0);
    const Index length = std::min(line, sources[r].size);
    if (sources[r].magnitude)
      for (Index i = 0; i < length; ++i) to[i] = std::abs(from[at + i]);
    else
      std::copy_n(from + at, length, to);
    to += length;
  }
  sample.resize(static_cast<std::size_t>(to - sample.data()));
  return sample;
}

template <class T>
[[noreturn]] void throw_not_finite(std::span<const score_source<T>> sources) {
  for (const score_source<T>& source : sources)
    for (Index i = 0; i < source.size; ++i)
      if (!(std::abs(source.data[i]) <= std::numeric_limits<T>::max()))
        throw value_error(
            errc::not_finite,
            concat(source.name, ": ", source.magnitude ? "weight " : "the score of tile ", i,
                   " is ", source.data[i] != source.data[i] ? "NaN" : "infinite",
                   "; scores must be finite, check the training for divergence"));
  throw value_error(errc::not_finite, "selection: a score is not finite");
}

template <class T>
[[nodiscard]] scan_counts count_around(const score_source<T>& source, T value) {
  return source.magnitude ? count_around<true>(source.data, source.size, value)
                          : count_around<false>(source.data, source.size, value);
}
template <class T>
[[nodiscard]] scan_counts collect_between(const score_source<T>& source, T low, T high,
                                          std::vector<T>& between) {
  return source.magnitude ? collect_between<true>(source.data, source.size, low, high, between)
                          : collect_between<false>(source.data, source.size, low, high, between);
}

/// An integer with the order of the scores. Minus zero comes before zero.
template <class T>
[[nodiscard]] score_bits<T> ordered_bits(T score) noexcept {
  using bits = score_bits<T>;
  const bits b = std::bit_cast<bits>(score), sign = static_cast<bits>(~magnitude_bits<T>);
  return (b & sign) != 0 ? static_cast<bits>(~b) : static_cast<bits>(b | sign);
}
template <class T>
[[nodiscard]] T from_ordered_bits(score_bits<T> key) noexcept {
  using bits = score_bits<T>;
  const bits sign = static_cast<bits>(~magnitude_bits<T>);
  return std::bit_cast<T>((key & sign) != 0 ? static_cast<bits>(key & ~sign)
                                            : static_cast<bits>(~key));
}

/// The score of that rank (0 = lowest), digit by digit: as many passes as a score has digits of 16
/// bits, whatever the scores.
template <class T>
[[nodiscard]] T score_of_rank(std::span<const score_source<T>> sources, Index rank) {
  using bits = score_bits<T>;
  constexpr int digit = 16, width = static_cast<int>(sizeof(T)) * 8;
  std::vector<Index> count(std::size_t{1} << digit);
  bits prefix = 0, known = 0;
  for (int shift = width - digit; shift >= 0; shift -= digit) {
    std::fill(count.begin(), count.end(), Index{0});
    for (const score_source<T>& source : sources)
      for (Index i = 0; i < source.size; ++i) {
        const bits key = ordered_bits(source[i]);
        if ((key & known) == prefix) ++count[static_cast<std::size_t>((key >> shift) & 0xFFFF)];
      }
    std::size_t value = 0;
    while (rank >= count[value]) rank -= count[value++];
    prefix |= static_cast<bits>(static_cast<bits>(value) << shift);
    known |= static_cast<bits>(bits{0xFFFF} << shift);
  }
  return from_ordered_bits<T>(prefix);
}

/// Finds thresholds through sources of one kind, and where they pass through each.
template <class Run>
class threshold_finder;

template <class T>
class threshold_finder<score_source<T>> {
 public:
  explicit threshold_finder(std::span<const score_source<T>> sources, pool_ref pool = {})
      : sources_(sources), pool_(pool), total_(total_size(sources)), each_(sources.size()) {}

  /// @pre removed in [1, total] @throws value_error (not_finite)
  [[nodiscard]] score_threshold<T> find(Index removed) {
    if (total_ <= few) return among_few(removed);
    score_threshold<T> cut;
    for (const double deviations : {3.5, 14.0}) {
      const auto [low, high] = bracket(removed, deviations);
      if (low == high ? at(low, removed, cut) : inside(low, high, removed, cut)) return cut;
    }
    static_cast<void>(at(score_of_rank(sources_, removed - 1), removed, cut));
    return cut;
  }

  /// True. @throws value_error (not_finite)
  [[nodiscard]] bool sees_all_finite() const {
    Index finite = 0;
    for (const scan_counts& counts : counts_around(T{0})) finite += counts.finite;
    check_finite(finite);
    return true;
  }

  /// Of every source, for the cut found last.
  [[nodiscard]] const std::vector<source_threshold<T>>& each() const noexcept { return each_; }

 private:
  static constexpr Index few = 1024;  ///< scores that are not worth a sample

  void check_finite(Index finite) const {
    if (finite != total_) throw_not_finite(sources_);
  }

  [[nodiscard]] score_threshold<T> among_few(Index removed) {
    std::vector<T> scores;
    for (const score_source<T>& source : sources_)
      for (Index i = 0; i < source.size; ++i) scores.push_back(source[i]);
    const score_source<T> all{scores.data(), total_};
    check_finite(count_around(all, T{0}).finite);
    const auto nth = scores.begin() + (removed - 1);
    std::nth_element(scores.begin(), nth, scores.end());
    score_threshold<T> cut;
    static_cast<void>(at(*nth, removed, cut));
    return cut;
  }

  /// Two scores between which the cut lies in all likelihood, from a sample.
  [[nodiscard]] std::pair<T, T> bracket(Index removed, double deviations) const {
    constexpr T infinity = std::numeric_limits<T>::infinity();
    // Of n scores 2 n^(2/3): about as many as then lie inside the bracket.
    const Index wanted = std::min(
        static_cast<Index>(2 * std::pow(static_cast<double>(total_), 2.0 / 3)), total_ / 4);
    const std::vector<T> sample = sample_scores(sources_, total_, wanted);
    const std::array<score_source<T>, 1> source{
        score_source<T>{sample.data(), static_cast<Index>(sample.size())}};
    if (count_around(source[0], T{0}).finite != source[0].size) throw_not_finite(sources_);
    const double size = static_cast<double>(sample.size());
    const double share = static_cast<double>(removed) / static_cast<double>(total_);
    // Scores of one chunk may resemble each other: the second, wider try and the digits cover
    // that.
    const double reach = deviations * std::sqrt(share * (1 - share) * size) + 2;
    const auto ranked = [&](double rank, T otherwise) {
      if (rank < 0 || rank >= size) return otherwise;
      return threshold_finder(source).find(static_cast<Index>(rank) + 1).threshold;
    };
    return {ranked(share * size - reach, -infinity), ranked(share * size + reach, infinity)};
  }

  /// Of every source. One pass.
  [[nodiscard]] std::vector<scan_counts> counts_around(T value) const {
    const std::vector<chunk> chunks = chunks_of(sources_);
    std::vector<scan_counts> found(chunks.size()), of_source(sources_.size());
    pool_.run(static_cast<Index>(chunks.size()), [&](Index task) {
      const auto s = static_cast<std::size_t>(task);
      found[s] = count_around(part(chunks[s]), value);
    });
    for (std::size_t s = 0; s < chunks.size(); ++s) of_source[chunks[s].array] += found[s];
    return of_source;
  }
  [[nodiscard]] score_source<T> part(const chunk& s) const noexcept {
    return sources_[s.array].part(s.begin, s.size);
  }

  /// Whether the cut is at `value`. One pass.
  [[nodiscard]] bool at(T value, Index removed, score_threshold<T>& cut) {
    cut = {value, 0, 0, removed};
    Index finite = 0;
    const std::vector<scan_counts> counts = counts_around(value);
    for (std::size_t r = 0; r < sources_.size(); ++r) {
      each_[r] = {value, counts[r].below, counts[r].up_to - counts[r].below};
      cut.below += each_[r].below;
      cut.equal += each_[r].equal;
      finite += counts[r].finite;
    }
    check_finite(finite);
    return cut.below < removed && removed <= cut.below + cut.equal;
  }

  /// Whether the cut is between two scores or at one of them. One pass, two where many are equal.
  [[nodiscard]] bool inside(T low, T high, Index removed, score_threshold<T>& cut) {
    const std::vector<chunk> chunks = chunks_of(sources_);
    std::vector<std::vector<T>> between(chunks.size());
    std::vector<scan_counts> counts(chunks.size());
    pool_.run(static_cast<Index>(chunks.size()), [&](Index task) {
      const auto s = static_cast<std::size_t>(task);
      counts[s] = collect_between(part(chunks[s]), low, high, between[s]);
    });
    each_.assign(sources_.size(), {low, 0, 0});
    Index up_to_low = 0, finite = 0;
    std::vector<T> found;
    for (std::size_t s = 0; s < chunks.size(); ++s) {
      each_[chunks[s].array].below += counts[s].up_to;
      up_to_low += counts[s].up_to;
      finite += counts[s].finite;
      found.insert(found.end(), between[s].begin(), between[s].end());
    }
    check_finite(finite);
    const Index inside = static_cast<Index>(found.size());
    if (removed <= up_to_low) return at(low, removed, cut);
    if (removed > up_to_low + inside) return at(high, removed, cut);
    if (inside > total_ / 2) return false;
    const std::array<score_source<T>, 1> collected{score_source<T>{found.data(), inside}};
    cut = threshold_finder(collected).find(removed - up_to_low);
    cut.below += up_to_low;
    cut.removed = removed;
    for (source_threshold<T>& source : each_) source.threshold = cut.threshold;
    for (std::size_t s = 0; s < chunks.size(); ++s) {
      const scan_counts around = count_around<false>(
          between[s].data(), static_cast<Index>(between[s].size()), cut.threshold);
      each_[chunks[s].array].below += around.below;
      each_[chunks[s].array].equal += around.up_to - around.below;
    }
    return true;
  }

  std::span<const score_source<T>> sources_;
  pool_ref pool_;
  Index total_;
  std::vector<source_threshold<T>> each_;
};

inline void check_removed(Index removed, Index total) {
  if (removed < 1 || removed > total)
    throw argument_error(errc::out_of_range, concat("find_threshold: asked for the ", removed,
                                                    " smallest of ", total, " scores"));
}

}  // namespace detail

/// Finds where the `removed` smallest of all scores end, over one or many sources without joining
/// them. Exact.
///
/// A sample brackets the threshold, one pass counts what lies below the bracket and collects what
/// lies inside, and the few collected scores are selected among in the same way (R. W. Floyd, R. L.
/// Rivest, "Expected Time Bounds for Selection", CACM 18(3), 1975, 10.1145/360680.360691). The
/// sample's places follow from the sizes alone, so the result and the time are reproducible. Where
/// a sample misleads twice, the digits of the scores are counted instead.
/// @param removed in [1, total number of scores]
/// @throws argument_error (out_of_range), value_error (not_finite: names the source and the
/// position) Cost: about one plain read of the scores, one more where the threshold is a score that
/// many have; of n scores some 2 n^(2/3) are kept aside. The passes are shared out among the
/// threads of `on`; the result is the same for any number of them.
template <class T>
[[nodiscard]] score_threshold<T> find_threshold(std::span<const score_source<T>> sources,
                                                Index removed, pool_ref pool = {}) {
  detail::check_removed(removed, detail::total_size(sources));
  return detail::threshold_finder<score_source<T>>(sources, pool).find(removed);
}

}  // namespace v0
}  // namespace prunus
