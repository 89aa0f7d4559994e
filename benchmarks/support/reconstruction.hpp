// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/named_masks.hpp>
#include <prunus/nn.hpp>
#include <prunus/nn/adapters/observe_correlation.hpp>
#include <prunus/recovery/reconstruct.hpp>

#include <support/starting_point.hpp>

#include <map>     // std::map
#include <span>    // std::span
#include <string>  // std::string
#include <vector>  // std::vector

namespace prunus_benchmarks {

/// Lets every layer that reads removed channels make up for them, by least squares on the inputs
/// that it had in the dense network.
class reconstruction {
 public:
  reconstruction(const starting_point& start, const dataset& data, Index images)
      : dense_(start.graph, start.tensors, {.threads = 2, .keep_activations = true}),
        images_(std::span<const float>(data.images)
                    .first(static_cast<std::size_t>(std::min<Index>(images, data.size()) *
                                                    data.pixels()))) {}

  /// `net` was pruned from the dense network with these masks over coupled filters.
  void operator()(const prunus::model<float>& net, const prunus::named_masks& masks) {
    for (const prunus::coupling& c : net.couplings()) {
      std::vector<bool> kept(static_cast<std::size_t>(c.units), true);
      for (const prunus::coupling::member& m : c.members)
        if (const prunus::mask* filters = masks.find(m.parameter);
            filters != nullptr && m.axis == prunus::axis::out)
          for (Index i = 0; i < filters->size(); ++i)
            kept[static_cast<std::size_t>(m.unit_of[static_cast<std::size_t>(i)])] = (*filters)[i];
      for (const prunus::coupling::member& m : c.members)
        if (m.axis == prunus::axis::in && m.scored) refit(net, kept, m);
    }
  }

 private:
  void refit(const prunus::model<float>& net, const std::vector<bool>& kept,
             const prunus::coupling::member& m) {
    const prunus::weight_view<float> weight = net[m.parameter].weight;
    prunus::mask keep{prunus::tile_grid(weight, prunus::channel)};
    for (Index i = 0; i < keep.size(); ++i)
      keep.set(i, kept[static_cast<std::size_t>(m.unit_of[static_cast<std::size_t>(i)])]);
    if (!keep.removed_anything()) return;
    const std::string layer = m.parameter.substr(0, m.parameter.rfind('.'));
    auto seen = inputs_.find(layer);
    if (seen == inputs_.end())
      seen = inputs_.emplace(layer, prunus::nn::correlate_inputs(dense_, layer, images_)).first;
    const prunus::parameter<float>* bias = net.find(layer + ".bias");
    prunus::reconstruct(weight, keep, seen->second,
                        bias == nullptr ? prunus::weight_view<float>{} : bias->weight);
  }

  prunus::nn::network<float> dense_;
  std::span<const float> images_;
  std::map<std::string, prunus::input_correlation<double>> inputs_;
};

}  // namespace prunus_benchmarks
