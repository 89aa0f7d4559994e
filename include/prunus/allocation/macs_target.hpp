// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/detail/coupling_numbers.hpp>
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/network_structure.hpp>

#include <algorithm>  // std::copy, std::max, std::min
#include <cmath>      // std::floor
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// Whole filters until the network costs few enough multiply-adds: the schedule's target is the
/// share of the MACs to remove, counted on the graph with both the output and the input side of
/// every layer shrunk.
///
/// One ranking over all couplings as in `global`; bisection finds the fewest units whose removal
/// reaches the target. Where the last of them overshoots, because it is worth many MACs, and a unit
/// of another layer is worth less than that, its layer keeps it and the ranking goes on without the
/// layer; of the ends found so the one closest to the target counts. The result is at or below the
/// target.
///
///     prunus::couple(net, network);
///     prunus::prune(net, prunus::pass{prunus::l2_norm{}, prunus::filter,
///     prunus::macs_target{network}}, 0.75);
///
/// @shape scores: one a unit of each coupling
/// @throws argument_error (out_of_range: target outside [0, 1); unsupported: an entry that is no
/// coupling of the graph;
///         unreachable_target: even the limits leave more, with the smallest share that can be
///         reached), value_error (not_finite); nothing is then written
/// Cost: about log2(units) rankings of the units, and as many again for every layer that keeps a
/// unit which would overshoot.
class macs_target {
 public:
  explicit macs_target(network_structure network, global ranking = {.scaling = score_scaling::mean})
      : ranking_(ranking), network_(std::move(network)), dense_macs_(network_.cost().macs) {}

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double target) const {
    detail::check_sparsity("macs_target", target);
    trial<T> tried(*this, units);
    const Index budget = static_cast<Index>(
        std::floor((1 - target) * static_cast<double>(dense_macs_) * (1 + 1e-12)));
    if (tried.macs_of(tried.most()) > budget)
      throw argument_error(
          errc::unreachable_target,
          detail::concat("macs_target: ", target,
                         " of the MACs should go; with all that the limits let go, ",
                         share_removed(tried.macs_of(tried.most())),
                         " of them go; lower the target, the limits, or prune more layers"));
    const std::vector<std::vector<std::uint8_t>> best = tried.closest(budget);
    for (std::size_t i = 0; i < units.size(); ++i) {
      std::copy(best[i].begin(), best[i].end(), units[i].keep.begin());
      units[i].asked = units[i].size() - detail::count_ones(units[i].keep);
    }
  }

  /// The share of the MACs that is gone. Units of couplings that are not among `units` count as
  /// kept.
  template <class T>
  [[nodiscard]] achieved_share achieved(std::span<const ranking_group<T>> units) const {
    const std::vector<ranking_group<T>> copies(units.begin(), units.end());
    return {"MACs", share_removed(trial<T>(*this, copies).macs())};
  }

 private:
  [[nodiscard]] double share_removed(Index macs) const noexcept {
    return 1 - static_cast<double>(macs) / static_cast<double>(std::max<Index>(dense_macs_, 1));
  }

  /// Rankings on copies of what is kept.
  template <class T>
  class trial {
   public:
    trial(const macs_target& of, std::span<const ranking_group<T>> units)
        : of_(of), given_(units), groups_(units.begin(), units.end()) {
      numbers_ = detail::coupling_numbers<T>("macs_target", of.network_, units);
      for (const coupling& c : of.network_.couplings())
        kept_.emplace_back(static_cast<std::size_t>(c.units), std::uint8_t{1});
      for (const ranking_group<T>& u : units) keep_.emplace_back(u.keep.begin(), u.keep.end());
    }

    /// What the limits let go.
    [[nodiscard]] Index most() const {
      Index total = 0;
      for (const ranking_group<T>& g : groups_)
        total += std::max(detail::already_removed(g), detail::most_removable(g.limits, g.size()));
      return total;
    }
    /// MACs as it stands.
    [[nodiscard]] Index macs() {
      for (std::size_t i = 0; i < given_.size(); ++i) {
        std::vector<std::uint8_t>& kept = kept_[numbers_[i]];
        const std::span<const Index> unit_of = given_[i].unit_of;
        for (std::size_t u = 0; u < kept.size(); ++u) {
          const Index unit = unit_of.empty() ? static_cast<Index>(u) : unit_of[u];
          if (unit >= 0) kept[u] = keep_[i][static_cast<std::size_t>(unit)];
        }
      }
      const std::vector<std::span<const std::uint8_t>> all(kept_.begin(), kept_.end());
      return of_.network_.cost_of_kept(all).macs;
    }
    /// MACs when the `removed` units of lowest score go.
    [[nodiscard]] Index macs_of(Index removed) {
      for (std::size_t i = 0; i < given_.size(); ++i) {
        std::copy(given_[i].keep.begin(), given_[i].keep.end(), keep_[i].begin());
        groups_[i].keep = keep_[i];
      }
      of_.ranking_.remove(std::span<ranking_group<T>>(groups_), removed);
      return macs();
    }

    /// What stays where the MACs come closest to the budget, from below.
    [[nodiscard]] std::vector<std::vector<std::uint8_t>> closest(Index budget) {
      std::vector<std::vector<std::uint8_t>> best;
      Index best_macs = -1;
      for (;;) {
        const Index fewest = fewest_within(budget);
        const Index found = macs_of(fewest);
        if (found > best_macs) {
          best_macs = found;
          best = keep_;
        }
        if (found == budget || cheapest_unit(found) > budget - found) break;
        if (!close_what_overshoots(fewest) || macs_of(most()) > budget) break;
      }
      return best;
    }

   private:
    [[nodiscard]] Index gone() const {
      Index total = 0;
      for (const ranking_group<T>& g : given_) total += detail::already_removed(g);
      return total;
    }
    /// @pre the most fits
    [[nodiscard]] Index fewest_within(Index budget) {
      Index too_few = gone() - 1, enough = most();
      while (enough - too_few > 1) {
        const Index middle = too_few + (enough - too_few) / 2;
        (macs_of(middle) <= budget ? enough : too_few) = middle;
      }
      return enough;
    }
    [[nodiscard]] std::vector<Index> removed() const {
      std::vector<Index> result;
      for (const std::vector<std::uint8_t>& k : keep_)
        result.push_back(static_cast<Index>(k.size()) - detail::count_ones(k));
      return result;
    }
    /// MACs of one more unit, where that costs least, among layers that may lose one more.
    [[nodiscard]] Index cheapest_unit(Index now) {
      Index cheapest = std::numeric_limits<Index>::max();
      for (std::size_t i = 0; i < keep_.size(); ++i) {
        const Index size = groups_[i].size(), kept = detail::count_ones(keep_[i]);
        const Index fewer =
            size - detail::within_limits(groups_[i].limits, size, size - kept, size - kept + 1);
        if (fewer >= kept) continue;
        const std::vector<std::uint8_t> before = keep_[i];
        Index to_go = kept - fewer;
        for (std::uint8_t& k : keep_[i])
          if (k != 0 && to_go > 0) k = 0, --to_go;
        cheapest = std::min(cheapest, now - macs());
        keep_[i] = before;
      }
      return cheapest;
    }
    /// Layers that lose their next unit at this point keep it for good. False where none does.
    [[nodiscard]] bool close_what_overshoots(Index fewest) {
      if (fewest <= gone()) return false;
      const std::vector<Index> with = removed();
      static_cast<void>(macs_of(fewest - 1));
      const std::vector<Index> without = removed();
      bool any = false;
      for (std::size_t i = 0; i < with.size(); ++i)
        if (with[i] > without[i]) {
          groups_[i].limits.min_kept = groups_[i].size() - without[i];
          any = true;
        }
      return any;
    }

    const macs_target& of_;
    std::span<const ranking_group<T>> given_;
    std::vector<ranking_group<T>> groups_;         ///< with limits that close layers
    std::vector<std::size_t> numbers_;             ///< of their couplings
    std::vector<std::vector<std::uint8_t>> keep_;  ///< of the groups
    std::vector<std::vector<std::uint8_t>> kept_;  ///< of all couplings
  };

  global ranking_;
  network_structure network_;
  Index dense_macs_;
};

static_assert(allocation<macs_target, float> && allocation<macs_target, double>);

}  // namespace v0
}  // namespace prunus
