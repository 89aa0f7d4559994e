// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/selection/chunks.hpp>
#include <prunus/selection/keep_above.hpp>

#include <concepts>  // std::same_as
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint8_t
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
  bool all_ties = true;           ///< every unit equal to the threshold goes
  Index asked = unknown_count;    ///< see ranking_group::asked
  Index removed = unknown_count;  ///< how many units go, where the allocation says so
};

/// An allocation that decides by one threshold for each entry may say so: a pass then need not
/// write scores that can be read off the weights, and zeroes the weights in the same sweep that
/// writes the masks.
///
/// `a.thresholds(units, sparsity, pool)` returns one threshold an entry such that writing them is
/// what `a.allocate(units, sparsity)` does; it may use the threads of `pool`. It validates all and
/// writes nothing; nullopt where it does not decide by thresholds of the scores as they are. With a
/// `Source` other than score_source scores exist only for its threshold_finder; thresholds are then
/// values of the source, and nullopt asks for written scores. An allocation with `thresholds` of
/// another signature does not compile.
template <class A, class T, class Source = score_source<T>>
concept threshold_allocation = allocation<A, T> &&
    requires(const A& a, std::span<const ranking_group<T, Source>> units, double sparsity,
             pool_ref pool) {
  {
    a.thresholds(units, sparsity, pool)
    } -> std::same_as<std::optional<std::vector<removal_threshold<T>>>>;
};

namespace detail {

struct named_thresholds {
  int thresholds;
};
template <class A>
concept has_thresholds = can_be_base<A> && !requires {
  &with_name<A, named_thresholds>::thresholds;
};

/// Refuses an allocation that is none, and hooks of it that would be passed over.
template <class A, class T>
consteval bool allocation_fits() {
  static_assert(allocation<A, T>,
                "prunus::pass: the allocation must have `void "
                "allocate(std::span<ranking_group<T>>, double) const`");
  static_assert(!misses_pooled_allocation<A, T>,
                "prunus::pass: the allocation's `allocate` takes a third argument that is no "
                "`pool_ref`, or is not const");
  static_assert(!has_thresholds<A> || threshold_allocation<A, T>,
                "prunus::pass: the allocation's `thresholds` must be "
                "`std::optional<std::vector<removal_threshold<T>>> "
                "thresholds(std::span<const ranking_group<T, Run>>, double, pool_ref) const`");
  static_assert(!has_achieved<A> || measuring_allocation<A, T>,
                "prunus::pass: the allocation's `achieved` must be `achieved_share "
                "achieved(std::span<const ranking_group<T>>) const`");
  return true;
}

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

/// Chunks that together are all units, to be written apart. Entries that lose some of their ties
/// only are one chunk each, since ties go in order.
template <class Units, class Cuts>
[[nodiscard]] std::vector<chunk> chunks_to_write(const Units& units, const Cuts& thresholds) {
  std::vector<chunk> chunks;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (thresholds[i].all_ties)
      add_chunks(chunks, i, units[i].size());
    else
      chunks.push_back({i, 0, units[i].size()});
  }
  return chunks;
}

/// Writes `keep` of all entries.
template <class T>
void apply_thresholds(std::span<ranking_group<T>> units,
                      std::span<const removal_threshold<T>> thresholds, pool_ref pool = {}) {
  for (std::size_t i = 0; i < units.size(); ++i) units[i].asked = thresholds[i].asked;
  const std::vector<chunk> chunks = chunks_to_write(units, thresholds);
  pool.run(static_cast<Index>(chunks.size()), [&](Index task) {
    const auto [i, begin, size] = chunks[static_cast<std::size_t>(task)];
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
