// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/selection/chunks.hpp>
#include <prunus/selection/keep_above.hpp>

#include <concepts>  // std::same_as
#include <optional>  // std::optional
#include <span>      // std::span
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {

/// Which units of one entry go, said by a threshold: all that score below it, and of those equal to
/// it the ones that are pruned already and the first `ties` of the others.
template <class T>
struct removal_threshold {
  T threshold{};
  Index ties = 0;
  bool all_ties = true;  ///< every unit equal to the threshold goes
};

/// An allocation that decides by one threshold for each entry may say so: a pass then need not
/// write scores that can be read off the weights, and zeroes the weights in the same sweep that
/// writes the masks.
///
/// `a.thresholds(units, sparsity, on)` returns one cut an entry such that writing them is what
/// `a.allocate(units, sparsity)` does; it may use the threads of `pool`. It validates all and
/// writes nothing; nullopt where it does not decide by thresholds of the scores as they are. With a
/// `Source` other than score_source scores exist only for its threshold_finder; thresholds are then
/// values of the source, and nullopt asks for written scores.
template <class A, class T, class Source = score_source<T>>
concept threshold_allocation = allocation<A, T> &&
    requires(const A& a, std::span<const ranking_group<T, Source>> units, double sparsity,
             pool_ref pool) {
  {
    a.thresholds(units, sparsity, pool)
    } -> std::same_as<std::optional<std::vector<removal_threshold<T>>>>;
};

namespace detail {

/// Writes `keep` of one entry. Where `data` may be written, what goes is set to zero, too.
/// @pre data holds the scores, or with `Magnitude` the weights whose magnitudes are the scores
template <bool Magnitude, class Data, class T>
void apply_threshold(Data* data, const removal_threshold<T>& cut, std::span<std::uint8_t> keep) {
  const Index size = static_cast<Index>(keep.size());
  if (cut.all_ties)
    keep_above<Magnitude>(data, size, cut.threshold, keep.data());
  else
    keep_above<Magnitude>(data, size, cut.threshold, cut.ties, keep.data());
}

/// Calls `write(entry, begin, size)` for chunks that together are all units. Entries that lose
/// some of their ties only are one chunk each, since ties go in order.
template <class Units, class Cuts, class Write>
void apply_in_chunks(const Units& units, const Cuts& thresholds, pool_ref pool,
                     const Write& write) {
  std::vector<chunk> chunks;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (thresholds[i].all_ties)
      add_chunks(chunks, i, units[i].size());
    else
      chunks.push_back({i, 0, units[i].size()});
  }
  pool.run(static_cast<Index>(chunks.size()), [&](Index task) {
    const chunk& s = chunks[static_cast<std::size_t>(task)];
    write(s.array, s.begin, s.size);
  });
}

/// Writes `keep` of all entries.
template <class T>
void apply_thresholds(std::span<ranking_group<T>> units,
                      std::span<const removal_threshold<T>> thresholds, pool_ref pool = {}) {
  apply_in_chunks(units, thresholds, pool, [&](std::size_t i, Index begin, Index size) {
    const T* const data = units[i].scores.data + begin;
    const std::span<std::uint8_t> keep =
        units[i].keep.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
    if (units[i].scores.magnitude)
      apply_threshold<true>(data, thresholds[i], keep);
    else
      apply_threshold<false>(data, thresholds[i], keep);
  });
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
