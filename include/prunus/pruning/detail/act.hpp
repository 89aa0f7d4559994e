// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/core/tile_walk.hpp>
#include <prunus/pruning/action.hpp>
#include <prunus/pruning/detail/run_to_end.hpp>
#include <prunus/pruning/detail/scoring.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>  // std::fill_n, std::none_of
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span

/// What becomes of the units that lost.
namespace prunus {
inline namespace v0 {
namespace detail {

/// What an action says of one event: asked once, before anything is written.
struct consequence {
  double anew = 0;   ///< factor of what did not lose at the event before
  double again = 0;  ///< of what did
  bool permanent = false;
  bool spares_dependents = false;  ///< biases and normalisations are left alone

  [[nodiscard]] bool asks_what_was() const noexcept { return anew != again; }
  [[nodiscard]] bool zeroes() const noexcept { return anew == 0 && again == 0; }
};

template <class Action>
[[nodiscard]] consequence consequence_of(const Action& action, Index event, Index last_event) {
  consequence result{static_cast<double>(action.factor(event, 0)),
                     static_cast<double>(action.factor(event, last_event)),
                     static_cast<bool>(action.permanent(event)), false};
  if constexpr (says_dependents<Action>)
    result.spares_dependents = !action.dependents && !result.permanent;
  return result;
}

/// Multiplies what `now` removes: by `anew` where `before` kept it, else by `again`.
/// @pre the masks and the weight are of one grid
template <weight_scalar S>
void fade(weight_view<S> weight, const mask& before, const mask& now, const consequence& what) {
  const auto shrink = [&](Index at, Index count, Index tile) {
    if (now[tile]) return;
    const double factor = before[tile] ? what.anew : what.again;
    if (factor == 0)
      std::fill_n(weight.data + at, count, S(0));
    else
      values_of(weight.data + at, count) *= static_cast<S>(factor);
  };
  walk_tiles(now.grid(), shrink, [&](Index at, Index count, Index tile) {
    for (Index i = 0; i < count; ++i) shrink(at + i, 1, tile + i);
  });
}

/// Carries out `what` on all that `now` removes; `before` may be the same object unless it is asked
/// what was. `done` is one 0 for each target. Fails never.
template <weight_scalar S>
void act(const consequence& what, const model<S>& net, const pass_state& before,
         const pass_state& now, pool_ref pool, std::span<std::uint8_t> done) noexcept {
  // Targets of couplings may share a parameter.
  const bool apart = std::none_of(now.targets.begin(), now.targets.end(),
                                  [](const pass_state::target& t) { return t.coupled(); });
  run_to_end(apart ? pool : pool_ref{}, done, [&](std::size_t i) {
    for (std::size_t k = 0; k < now.targets[i].members.size(); ++k) {
      const pass_state::target::member& m = now.targets[i].members[k];
      if (!m.scored && what.spares_dependents) continue;
      const weight_view<S> weight = parameter_of(net, m).weight;
      if (what.zeroes())
        m.mask.apply(weight);
      else if (what.asks_what_was())
        fade(weight, before.targets[i].members[k].mask, m.mask, what);
      else
        m.mask.scale_removed(weight, what.anew);
    }
  });
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
