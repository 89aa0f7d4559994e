// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/global.hpp>
#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/removal_counter.hpp>

#include <algorithm>  // std::copy, std::max
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <string>     // std::string
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// Whole filters until the network costs few enough multiply-adds: the schedule's target is the
/// share of the MACs to remove, counted on the graph with both the output and the input side of
/// every layer shrunk.
///
/// One ranking over all couplings as in `global`; bisection finds the fewest units whose removal
/// reaches the target. MACs come in steps of a unit: the result is the first step at or below the
/// target.
///
///     prunus::couple(net, graph);
///     prunus::prune(net, prunus::pass{prunus::l2_norm{}, prunus::filter,
///     prunus::macs_target{graph}}, 0.75);
///
/// @shape scores: one a unit of each coupling
/// @throws argument_error (out_of_range: target outside [0, 1); unsupported: an entry that is no
/// coupling of the graph;
///         unreachable_target: even the limits leave more, with the smallest share that can be
///         reached), value_error (not_finite); nothing is then written
/// Cost: about log2(units) rankings of the units.
class macs_target {
 public:
  /// @throws what `resolve` throws
  template <class = compiled_on_use>
  explicit macs_target(const graph& declared, global ranking = {.scaling = score_scaling::mean})
      : ranking_(ranking), counter_(declared) {
    for (const coupling& c : coupled_groups(resolve(declared))) {
      names_.push_back(c.name);
      sizes_.push_back(c.units);
    }
  }

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double target) const {
    detail::check_sparsity("macs_target", target);
    const std::vector<std::size_t> coupling_of = positions(units);
    Index most = 0, gone = 0;
    for (const ranking_group<T>& u : units) {
      gone += detail::already_removed(u);
      most += std::max(detail::already_removed(u), detail::most_removable(u.limits, u.size()));
    }
    const double budget = (1 - target) * static_cast<double>(counter_.dense().macs);
    const auto fits = [&](Index removed) {
      return static_cast<double>(macs_after(units, coupling_of, removed)) <= budget;
    };
    if (!fits(most))
      throw argument_error(
          errc::unreachable_target,
          detail::concat("macs_target: ", target,
                         " of the MACs should go; with all that the limits let go, ",
                         1 - static_cast<double>(macs_after(units, coupling_of, most)) /
                                 static_cast<double>(std::max<Index>(counter_.dense().macs, 1)),
                         " of them go; lower the target, the limits, or prune more layers"));
    Index too_few = gone - 1;  // the largest number known not to fit, and the smallest known to fit
    while (most - too_few > 1) {
      const Index middle = too_few + (most - too_few) / 2;
      (fits(middle) ? most : too_few) = middle;
    }
    ranking_.remove(units, most);
  }

 private:
  template <class T>
  [[nodiscard]] std::vector<std::size_t> positions(std::span<ranking_group<T>> units) const {
    std::vector<std::size_t> result;
    for (const ranking_group<T>& u : units) {
      std::size_t k = 0;
      while (k < names_.size() &&
             (names_[k] != u.name || sizes_[k] != u.size() || u.grid != nullptr))
        ++k;
      if (k == names_.size())
        throw argument_error(errc::unsupported,
                             detail::concat("macs_target: ", u.name,
                                            " is no coupling of the graph; use the tile filter ",
                                            "and call couple(model, graph) first"));
      result.push_back(k);
    }
    return result;
  }

  /// MACs left when `removed` units go, decided on copies of what is kept.
  template <class T>
  [[nodiscard]] Index macs_after(std::span<ranking_group<T>> units,
                                 const std::vector<std::size_t>& coupling_of, Index removed) const {
    std::vector<std::vector<std::uint8_t>> keep;
    for (Index size : sizes_) keep.emplace_back(static_cast<std::size_t>(size), std::uint8_t{1});
    std::vector<ranking_group<T>> trial(units.begin(), units.end());
    for (std::size_t i = 0; i < units.size(); ++i) {
      std::copy(units[i].keep.begin(), units[i].keep.end(), keep[coupling_of[i]].begin());
      trial[i].keep = keep[coupling_of[i]];
    }
    ranking_.remove(std::span<ranking_group<T>>(trial), removed);
    const std::vector<std::span<const std::uint8_t>> kept(keep.begin(), keep.end());
    return counter_.count(kept).macs;
  }

  global ranking_;
  removal_counter counter_;
  std::vector<std::string> names_;
  std::vector<Index> sizes_;
};

static_assert(allocation<macs_target, float> && allocation<macs_target, double>);

}  // namespace v0
}  // namespace prunus
