// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/detail/mix_bits.hpp>
#include <prunus/core/error.hpp>
#include <prunus/criteria/gradient_norm.hpp>
#include <prunus/criteria/random_score.hpp>
#include <prunus/pruning/exchanging_action.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>    // std::nth_element
#include <cmath>        // std::cos, std::floor, std::isfinite
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// By what drop_and_grow chooses the tiles that come back.
enum class growth : std::uint8_t {
  gradient,  ///< the largest sum |gradient|
  random,    ///< by chance, anew at every event
};

/// Dynamic sparse training: the sparsity stays, the pattern moves. The first event prunes to the
/// target. Every later event drops the share
///
///     f(event) = fraction / 2 (1 + cos(pi (event - 1) / duration))
///
/// of the kept tiles, those of lowest score, and grows as many tiles, in each parameter for itself.
///
///     // magnitude out, gradient in, every 100 steps over three quarters of 4000 steps
///     scheduler.add(prunus::constant_sparsity{.sparsity = 0.9, .end = 3000, .every = 100},
///                   prunus::pass{prunus::l1_norm{}, prunus::element, prunus::uniform{},
///                                prunus::drop_and_grow{.duration = 30}});
///
/// A tile that was dropped in this very event may be grown at once and is then as it was. Tiles
/// that come back start at zero with an optimizer state of zero. Between events the scheduler holds
/// what is removed at zero. With a target that grows from event to event the allocation removes the
/// difference first.
///
/// Growth by gradient reads the gradients as they stand when the scheduler steps: those of the last
/// backward pass, of removed weights, too. So do not call `scheduler::mask_gradients` before an
/// event.
///
/// It works on single parameters (element, kernel, block, stripe, ... or filters of a model without
/// couplings). Coupled filters are refused: a channel that is zero from end to end has no gradient
/// to grow by.
/// @throws argument_error (null_storage: growth by gradient without a gradient; unsupported:
///         coupled filters), value_error (not_finite: names the parameter); masks and weights are
///         then as they were
/// Cost: a sort-free selection, linear in the tiles, for each of the two choices. Ties go to the
/// lower tile: it is dropped first and grown first.
/// @source gradient: U. Evci, T. Gale, J. Menick, P. S. Castro, E. Elsen, "Rigging the Lottery:
/// Making All Tickets Winners", ICML 2020, doi:10.48550/arXiv.1911.11134, and the authors' code
/// (the number dropped is rounded down, what was dropped may grow at once); random: D. C. Mocanu et
/// al., "Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity Inspired
/// by Network Science", Nature Communications 9, 2018, doi:10.1038/s41467-018-04316-3
/// @deviation any tile and any criterion; the optimizer's step of the event's batch has been taken
///         when weights are exchanged, where the first source exchanges instead of it; random
///         growth begins at zero
struct drop_and_grow {
  double fraction = 0.3;  ///< of the kept tiles that is exchanged at first, in (0, 1)
  Index duration = 100;   ///< events until nothing is exchanged any more, at least 1
  growth grow = growth::gradient;
  std::uint64_t seed = 0;  ///< of random growth

  [[nodiscard]] constexpr double factor(Index, Index) const noexcept { return 0; }
  [[nodiscard]] constexpr bool permanent(Index) const noexcept { return true; }

  /// The share of the kept tiles that is exchanged at an event.
  [[nodiscard]] double exchanged(Index event) const noexcept {
    if (event <= 1 || event > duration) return 0;
    constexpr double pi = 3.141592653589793;
    return fraction / 2 *
           (1 + std::cos(pi * static_cast<double>(event - 1) / static_cast<double>(duration)));
  }

  /// @throws argument_error (out_of_range)
  void check() const {
    if (!(fraction > 0 && fraction < 1) || duration < 1)
      throw argument_error(
          errc::out_of_range,
          detail::concat("drop_and_grow: fraction ", fraction, ", duration ", duration,
                         "; needed are 0 < fraction < 1 and duration >= 1"));
  }

  /// What a pass calls when the allocation has written which units it keeps: see
  /// exchanging_action.
  template <weight_scalar S>
  void exchange(const model<S>& net, const pass_state& before,
                std::span<ranking_group<score_of<S>>> units, Index event) const {
    std::vector<choice> choices;
    for (std::size_t i = 0; i < units.size(); ++i)
      choices.push_back(choose(net, before.targets[i], units[i], event));
    if (before.last_event == 0) return;  // the first event only prunes
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (Index tile : choices[i].dropped) units[i].keep[static_cast<std::size_t>(tile)] = 0;
      const pass_state::target::member& member = before.targets[i].members.front();
      const mask& was = member.mask;
      mask others(was.grid());  // all but the tiles that come back
      for (Index tile : choices[i].grown) {
        units[i].keep[static_cast<std::size_t>(tile)] = 1;
        others.set(tile, was[tile]);
      }
      for (const weight_view<S>& buffer :
           net.parameters()[static_cast<std::size_t>(member.parameter)].options.state)
        others.apply(buffer);
    }
  }

 private:
  struct choice {
    std::vector<Index> dropped, grown;
  };

  /// The `count` of `candidates` with the lowest key, the lower index first among equals.
  template <class Key>
  [[nodiscard]] static std::vector<Index> lowest(std::vector<Index> candidates, Index count,
                                                 const Key& key) {
    const auto end = candidates.begin() + count;
    const auto before = [&](Index a, Index b) {
      return key(a) < key(b) || (key(a) == key(b) && a < b);
    };
    if (end != candidates.end())
      std::nth_element(candidates.begin(), end, candidates.end(), before);
    candidates.resize(static_cast<std::size_t>(count));
    return candidates;
  }

  template <weight_scalar S>
  [[nodiscard]] choice choose(const model<S>& net, const pass_state::target& target,
                              const ranking_group<score_of<S>>& entry, Index event) const {
    if (target.coupled())
      throw argument_error(errc::unsupported,
                           detail::concat("drop_and_grow: ", entry.name, " is a coupling, whose ",
                                          "filters cannot grow back from zero; use a tile such ",
                                          "as element, kernel or block"));
    const pass_state::target::member& member = target.members.front();
    const std::vector<score_of<S>> wanted = growth_scores(
        net.parameters()[static_cast<std::size_t>(member.parameter)], member.mask.grid(), event);
    std::vector<Index> kept, candidates;
    for (Index t = 0; t < entry.size(); ++t)
      (entry.keep[static_cast<std::size_t>(t)] != 0 ? kept : candidates).push_back(t);
    const Index count =
        static_cast<Index>(std::floor(exchanged(event) * static_cast<double>(kept.size())));
    choice result;
    result.dropped = lowest(std::move(kept), count, [&](Index t) { return entry.scores[t]; });
    for (const Index t : result.dropped) candidates.push_back(t);
    result.grown = lowest(std::move(candidates), count,
                          [&](Index t) { return -wanted[static_cast<std::size_t>(t)]; });
    return result;
  }

  /// One score a tile; the highest grow.
  template <weight_scalar S>
  [[nodiscard]] std::vector<score_of<S>> growth_scores(const parameter<S>& p, const tile_grid& grid,
                                                       Index event) const {
    std::vector<score_of<S>> scores(static_cast<std::size_t>(grid.size()));
    if (grow == growth::gradient) {
      gradient_norm{}.score(p, grid, std::span<score_of<S>>(scores));
    } else {
      const auto number = static_cast<std::uint64_t>(event);
      random_score{detail::mix_bits(seed ^ detail::mix_bits(number))}.score(
          p, grid, std::span<score_of<S>>(scores));
    }
    for (std::size_t t = 0; t < scores.size(); ++t)
      if (!std::isfinite(scores[t]))
        throw value_error(errc::not_finite,
                          detail::concat("drop_and_grow: the gradient of tile ", t, " of ", p.name,
                                         " is not finite; check the training for divergence"));
    return scores;
  }
};

static_assert(exchanging_action<drop_and_grow, float>);

}  // namespace v0
}  // namespace prunus
