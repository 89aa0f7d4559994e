// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/core/detail/restored_weights.hpp>
#include <prunus/core/model.hpp>
#include <prunus/pruning/detail/keep_model.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>  // std::count
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// A pass carried out one layer after the other: each is scored in the network whose earlier layers
/// are pruned already.
///
///     prunus::prune(net, prunus::front_to_back{prunus::pass{criterion, prunus::filter}}, 0.5);
///
/// For criteria that run the network, such as `class_ablation`. Layers come in the order in which
/// the pass ranks them: couplings in the order of the graph, then other parameters in the order of
/// the model. How many units each loses, the allocation must know before there are scores; it is
/// asked with scores that are all alike, so use one that decides by sizes: `uniform`, `per_layer`,
/// `depth_distribution`. To be used wherever a pass is.
template <class Pass>
struct front_to_back {
  Pass pass;

  /// @throws as the pass
  template <weight_scalar S>
  [[nodiscard]] pass_state prepare(const model<S>& net) const {
    return pass.prepare(net);
  }

  /// One event of the pass, layer by layer, or none of it. Cost: beside that of the pass, a copy of
  /// the weights and the optimizer state for a while.
  /// @throws what the pass throws; weights, optimizer state and masks are then as they were
  template <weight_scalar S>
  pass_report prune(const model<S>& net, pass_state& state, Index event, double target,
                    pool_ref pool = {}) const {
    detail::restored_weights<S> as_they_were;
    detail::keep_model(net, as_they_were);
    pass_state next = state;
    pass_report report = prune_in_turn(net, next, event, target, pool);
    as_they_were.release();
    state = std::move(next);
    return report;
  }

 private:
  /// One that throws leaves the layers before the one that failed pruned.
  template <weight_scalar S>
  pass_report prune_in_turn(const model<S>& net, pass_state& state, Index event, double target,
                            pool_ref pool) const {
    const std::vector<Index> removed = numbers<score_of<S>>(state, target);
    const auto layerwise = prunus::pass{pass.criterion, pass.tile, uniform{}, pass.action}
                               .within(pass.scope)
                               .limited(pass.limits);
    pass_report report{event, target, {}};
    std::vector<pass_state::target> targets = std::move(state.targets);
    state.targets.clear();
    const pass_state before = state;  // all but the targets
    state.targets = std::move(targets);
    pass_state after = before;
    for (std::size_t i = 0; i < state.targets.size(); ++i) {
      pass_state one = before;
      one.targets.push_back(state.targets[i]);
      const double share =
          static_cast<double>(removed[i]) / static_cast<double>(state.targets[i].keep().size());
      const pass_report done = layerwise.prune(net, one, event, share, pool);
      for (const pass_report::parameter& p : done.parameters) report.parameters.push_back(p);
      state.targets[i] = std::move(one.targets.front());
      one.targets.clear();
      after = std::move(one);
    }
    after.targets = std::move(state.targets);
    state = std::move(after);
    return report;
  }

  /// How many units of each target the allocation removes.
  template <class T>
  [[nodiscard]] std::vector<Index> numbers(pass_state& state, double target) const {
    std::vector<std::vector<T>> scores;
    std::vector<std::vector<std::uint8_t>> keep;
    std::vector<ranking_group<T>> units;
    for (pass_state::target& t : state.targets) {
      const std::span<std::uint8_t> now = t.keep();
      keep.emplace_back(now.begin(), now.end());
      if (!state.permanent) keep.back().assign(now.size(), std::uint8_t{1});
      scores.emplace_back(now.size(), T{1});
    }
    for (std::size_t i = 0; i < state.targets.size(); ++i) {
      const pass_state::target& t = state.targets[i];
      units.push_back({t.name,
                       {scores[i].data(), static_cast<Index>(scores[i].size()), false, t.name},
                       keep[i],
                       t.limits,
                       t.coupled() ? nullptr : &t.members.front().mask.grid(),
                       t.coupling});
    }
    pass.allocation.allocate(std::span<ranking_group<T>>(units), target);
    std::vector<Index> removed;
    removed.reserve(keep.size());
    for (const std::vector<std::uint8_t>& k : keep)
      removed.push_back(static_cast<Index>(std::count(k.begin(), k.end(), std::uint8_t{0})));
    return removed;
  }
};

template <class Pass>
front_to_back(Pass) -> front_to_back<Pass>;

}  // namespace v0
}  // namespace prunus
