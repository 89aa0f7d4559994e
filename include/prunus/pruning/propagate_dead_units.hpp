// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/plan_removal.hpp>

#include <algorithm>  // std::find
#include <cstddef>    // std::size_t
#include <string>     // std::string
#include <utility>    // std::move, std::pair
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// What becomes of the constants that dead units emit: of relu(b) of a neuron whose incoming
/// weights are all zero, say.
enum class dead_constants : std::uint8_t {
  fold,  ///< the layers that read them take them over in their biases: the function stays the same
  drop   ///< they are forgotten
};

namespace detail {

/// What the biases and running means take over before the weights that read dead units go, and
/// which of these weights must stay for want of a bias.
template <weight_scalar S>
class constant_folds {
 public:
  constant_folds(const network_structure& network, const plan& found, const model<S>& net) {
    for (const plan::fold& f : found.folds)
      if (f.into == plan::receiver::new_bias)
        unfolded_.emplace_back(f.weight, f.channel % net[f.weight].weight.extent(axis::in));
    find_whole(network.resolved(), found);
    for (plan::fold f : found.folds) {
      if (f.into == plan::receiver::new_bias || is_whole(f.weight)) continue;
      if (f.into == plan::receiver::running_mean) f.value = -f.value;  // it is subtracted
      const weight_view<const S> weight = net[f.weight].weight;
      add_fold(f, weight, values_for(f.tensor, weight.extent(axis::out)));
    }
  }

  /// Whether a weight must go on reading a dead input channel.
  [[nodiscard]] bool reads_on(const std::string& weight, Index input) const {
    return is_whole(weight) || std::find(unfolded_.begin(), unfolded_.end(),
                                         std::pair(weight, input)) != unfolded_.end();
  }
  void apply(const model<S>& net) const {
    for (const addition& a : additions_) {
      S* to = net[a.tensor].weight.data;
      for (std::size_t i = 0; i < a.values.size(); ++i)
        to[i] = static_cast<S>(static_cast<double>(to[i]) + a.values[i]);
    }
  }

 private:
  struct addition {
    std::string tensor;
    std::vector<double> values;  ///< one an output of the layer
  };

  [[nodiscard]] bool is_whole(const std::string& weight) const {
    return std::find(whole_.begin(), whole_.end(), weight) != whole_.end();
  }
  /// A dead output is read on somewhere behind: then its constant, and so all that makes it, stays.
  void find_whole(const resolved_graph& network, const plan& found) {
    std::vector<bool> needed(network.nodes.size());
    for (std::size_t n = needed.size(); n-- > 0;) {
      const resolved_graph::node& node = network.nodes[n];
      for (std::size_t reader : node.consumers) needed[n] = needed[n] || needed[reader];
      for (const parameter_declaration& p : node.parameters) {
        const plan::tensor_slice* slice = found.find(p.name);
        if (needed[n] && slice != nullptr && !slice->out.empty()) whole_.push_back(p.name);
        for (const auto& [weight, input] : unfolded_) needed[n] = needed[n] || weight == p.name;
      }
    }
  }
  std::vector<double>& values_for(const std::string& tensor, Index outputs) {
    for (addition& a : additions_)
      if (a.tensor == tensor) return a.values;
    const std::vector<double> zeros(static_cast<std::size_t>(outputs), 0.0);
    return additions_.emplace_back(addition{tensor, zeros}).values;
  }

  std::vector<addition> additions_;
  std::vector<std::pair<std::string, Index>> unfolded_;  ///< weight and input channel: no receiver
  std::vector<std::string> whole_;
};

}  // namespace detail

/// Zeroes the weights that read dead units: units that are the same for every input because all
/// that makes them is zero. Sparse weights become sparser, and what fed only such units is known to
/// be useless; nothing is removed physically and no shape changes.
///
///     prunus::propagate_dead_units(network, net);                                 // exact
///     prunus::propagate_dead_units(network, net, prunus::dead_constants::drop);   // as published
///
/// Which units are dead is what `plan_removal` finds, whole chains of them included. Folding needs
/// a bias, or a batch normalisation behind the layer, to take a constant other than 0; where there
/// is neither, and where zero padding breaks the constant, the reading weights and what makes the
/// constant stay as they are.
/// Dropping spares none. A second call changes nothing.
///
/// Batch normalisation counts as at inference. Cost: linear in weights and channels.
/// @returns masks of the weights that read dead units, one tile an input channel, in the order of
/// the graph: `hold(net, masks)` after a step of training keeps them at zero
/// @throws what plan_removal throws; the weights are then untouched
/// @source T. Ganguli, E. K. P. Chong, "Activation-Based Pruning of Neural Networks", Algorithms
/// 17(1):48, 2024, doi:10.3390/a17010048; the authors' code zeroes the rows behind dead columns
/// @deviation folding is ours; the whole column is looked at where the authors' code looks at what
/// the event at hand has pruned; the output layer's kernel is treated like the others
template <weight_scalar S>
named_masks propagate_dead_units(const network_structure& network, const model<S>& net,
                                 dead_constants constants = dead_constants::fold) {
  const bool fold = constants == dead_constants::fold;
  plan found =
      plan_removal(network, net, {fold ? padding_policy::keep : padding_policy::approximate});
  if (!fold) found.folds.clear();
  const detail::constant_folds<S> folds(network, found, net);
  named_masks result;
  for (const plan::tensor_slice& slice : found.slices) {
    if (slice.in.empty()) continue;
    mask alive(tile_grid(net[slice.tensor].weight, channel));
    for (Index i : slice.in) alive.set(i, folds.reads_on(slice.tensor, i));
    if (alive.removed_anything()) result.add(slice.tensor, std::move(alive));
  }
  folds.apply(net);
  hold(net, result);
  return result;
}

}  // namespace v0
}  // namespace prunus
