// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::sort
#include <cmath>      // std::isfinite
#include <cstddef>    // std::size_t
#include <optional>   // std::optional
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What a pruned network loses and what it saves, in any units.
struct drop_and_saving {
  double drop = 0;    ///< of accuracy: less is better
  double saving = 0;  ///< of work, parameters, time: more is better
  friend bool operator==(const drop_and_saving&, const drop_and_saving&) = default;
};

/// The candidates that no other one beats: none has a drop that is not larger and a saving that is
/// not smaller, one of them strictly. Of equal candidates the first counts.
/// @returns positions in `candidates`, by ascending drop, and so by ascending saving
/// @throws value_error (not_finite)
/// Cost: O(n log n).
template <class = compiled_on_use>
[[nodiscard]] std::vector<Index> pareto_front(std::span<const drop_and_saving> candidates) {
  std::vector<Index> order;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!std::isfinite(candidates[i].drop) || !std::isfinite(candidates[i].saving))
      throw value_error(
          errc::not_finite,
          detail::concat("pareto_front: candidate ", i, " has drop ", candidates[i].drop,
                         " and saving ", candidates[i].saving, "; both must be finite"));
    order.push_back(static_cast<Index>(i));
  }
  const auto of = [&](Index i) { return candidates[static_cast<std::size_t>(i)]; };
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    const drop_and_saving x = of(a), y = of(b);
    if (x.drop != y.drop) return x.drop < y.drop;
    if (x.saving != y.saving) return x.saving > y.saving;
    return a < b;
  });
  std::vector<Index> front;
  for (const Index i : order)
    if (front.empty() || of(i).saving > of(front.back()).saving) front.push_back(i);
  return front;
}

/// The candidate with the largest saving whose drop is at most `limit`, the smaller drop of equal
/// ones; nothing where all lose more.
template <class = compiled_on_use>
[[nodiscard]] std::optional<Index> best_within(std::span<const drop_and_saving> candidates,
                                               double limit) {
  std::optional<Index> best;
  for (const Index i : pareto_front(candidates))
    if (candidates[static_cast<std::size_t>(i)].drop <= limit) best = i;
  return best;
}

}  // namespace v0
}  // namespace prunus
