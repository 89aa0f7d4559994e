// SPDX-License-Identifier: MIT
#pragma once

// Types that offer what the concepts promise and nothing else: no default values, no names to look
// up, no members beside the required ones. Whatever compiles with them needs no more than the
// concept.

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/pruning/action.hpp>
#include <prunus/schedule/schedule.hpp>

#include <span>  // std::span

namespace support {

/// Scores a tile by its number: the first tile is the least important.
class archetype_criterion {
 public:
  explicit archetype_criterion(int) {}
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>&, const prunus::tile_grid& grid,
             std::span<prunus::score_of<S>> scores) const {
    for (Eigen::Index t = 0; t < grid.size(); ++t)
      scores[static_cast<std::size_t>(t)] = static_cast<prunus::score_of<S>>(t + 1);
  }
};

/// Removes the lowest live unit of every entry that has more than one.
class archetype_allocation {
 public:
  explicit archetype_allocation(int) {}
  template <class T>
  void allocate(std::span<prunus::ranking_group<T>> units, double) const {
    for (prunus::ranking_group<T>& entry : units) {
      Eigen::Index lowest = -1, live = 0;
      for (Eigen::Index u = 0; u < entry.size(); ++u) {
        if (entry.keep[static_cast<std::size_t>(u)] == 0) continue;
        ++live;
        if (lowest < 0 || entry.scores[u] < entry.scores[lowest]) lowest = u;
      }
      if (live > 1) entry.keep[static_cast<std::size_t>(lowest)] = 0;
    }
  }
};

/// Quarters what loses; for good from event 3 on.
class archetype_action {
 public:
  explicit archetype_action(int) {}
  [[nodiscard]] float factor(Eigen::Index event, Eigen::Index) const {
    return event >= 3 ? 0.0F : 0.25F;
  }
  [[nodiscard]] bool permanent(Eigen::Index event) const { return event >= 3; }
};

/// An event at every step.
class archetype_schedule {
 public:
  explicit archetype_schedule(int) {}
  [[nodiscard]] Eigen::Index events(const prunus::progress& now) const { return now.step; }
  [[nodiscard]] double target(Eigen::Index) const { return 0.5; }
  void check() const {}
};

}  // namespace support
