// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/core/detail/restored_weights.hpp>
#include <prunus/core/model.hpp>
#include <prunus/pruning/detail/keep_model.hpp>
#include <prunus/pruning/detail/scoring.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>  // std::count, std::fill, std::max
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
    pass_report report{event, target, {}, state.remarks};
    std::vector<pass_state::target> targets = std::move(state.targets);
    state.targets.clear();
    pass_state before = state;  // all but the targets, and what is said of them once
    before.remarks.clear();
    before.spared.clear();
    pass_state after = before;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      pass_state one = before;
      one.targets.push_back(std::move(targets[i]));
      const double share =
          static_cast<double>(removed[i]) / static_cast<double>(one.targets.front().keep().size());
      join(report, layerwise.prune(net, one, event, share, pool));
      targets[i] = std::move(one.targets.front());
      one.targets.clear();
      after = std::move(one);
    }
    for (const pass_report::parameter& p : state.spared) report.parameters.push_back(p);
    after.targets = std::move(targets);
    after.remarks = std::move(state.remarks);
    after.spared = std::move(state.spared);
    state = std::move(after);
    return report;
  }

  /// A parameter may be in several targets, each of which removes tiles of its own.
  static void join(pass_report& all, const pass_report& one) {
    for (const pass_report::parameter& p : one.parameters) {
      pass_report::parameter* there = nullptr;
      for (pass_report::parameter& q : all.parameters)
        if (q.name == p.name) there = &q;
      if (there == nullptr) {
        all.parameters.push_back(p);
        continue;
      }
      there->kept -= p.units - p.kept;
      there->weights_kept -= p.weights - p.weights_kept;
    }
    for (const pass_report::remark& r : one.remarks) all.remarks.push_back(r);
  }

  /// How many units of each target the allocation removes.
  template <class T>
  [[nodiscard]] std::vector<Index> numbers(const pass_state& state, double target) const {
    pass_state asked = state;
    std::size_t most = 0;
    for (pass_state::target& t : asked.targets) {
      if (!state.permanent) std::fill(t.keep().begin(), t.keep().end(), std::uint8_t{1});
      most = std::max(most, t.keep().size());
    }
    const std::vector<T> alike(most, T{1});
    std::vector<ranking_group<T>> units;
    for (pass_state::target& t : asked.targets) {
      const Index size = static_cast<Index>(t.keep().size());
      units.push_back(detail::group_of<T>(t, score_source<T>{alike.data(), size, false, t.name},
                                          unknown_count));
    }
    pass.allocation.allocate(std::span<ranking_group<T>>(units), target);
    std::vector<Index> removed;
    for (const pass_state::target& t : asked.targets)
      removed.push_back(
          static_cast<Index>(std::count(t.keep().begin(), t.keep().end(), std::uint8_t{0})));
    return removed;
  }
};

template <class Pass>
front_to_back(Pass) -> front_to_back<Pass>;

}  // namespace v0
}  // namespace prunus
