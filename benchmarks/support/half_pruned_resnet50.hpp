// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/uniform.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/selection/selection.hpp>
#include <prunus/structure.hpp>

#include "tests/support/known_networks.hpp"

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint64_t
#include <deque>    // std::deque
#include <span>     // std::span
#include <vector>   // std::vector

namespace prunus_benchmarks {

/// ResNet-50 with every tensor that its graph declares, half of the filters of each coupling gone.
class half_pruned_resnet50 {
 public:
  half_pruned_resnet50() : declared_(known_networks::resnet50()) {
    std::uint64_t counter = 0;
    for (const auto& node : prunus::resolve(declared_).nodes)
      for (const auto& p : node.parameters) {
        std::vector<float>& values =
            storage_.emplace_back(static_cast<std::size_t>(p.size()), 1.0F);
        if (p.role == prunus::parameter_role::weight)
          for (float& value : values)
            value = static_cast<float>(prunus::detail::mix_bits(counter++) >> 40) / 8388608 - 1;
        net_.add(p.name,
                 prunus::view(values.data(), std::span<const Eigen::Index>(p.shape), p.axes));
      }
    prunus::couple(net_, declared_);
    const prunus::pass half{prunus::l2_norm{}, prunus::filter, prunus::uniform{}};
    prunus::pass_state masks = half.prepare(net_);
    static_cast<void>(half.prune(net_, masks, 1, 0.5));
  }
  [[nodiscard]] const prunus::graph& declared() const { return declared_; }
  [[nodiscard]] const prunus::model<float>& net() const { return net_; }

  /// Declares the graph, plans and makes the smaller network: everything behind the masks.
  [[nodiscard]] prunus::named_tensors<float> removed() const {
    const prunus::network_structure network(known_networks::resnet50());
    const prunus::plan plan = prunus::plan_removal(network, net_);
    static_cast<void>(prunus::compact(network, plan));
    return prunus::compact(net_, plan);
  }

 private:
  prunus::graph declared_;
  std::deque<std::vector<float>> storage_;
  prunus::model<float> net_;
};

}  // namespace prunus_benchmarks
