// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Multiply-adds as a function of the share removed from every coupling: each weight costs
/// macs * (1 - rate of its outputs) * (1 - rate of its inputs).
class fractional_macs {
 public:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  template <class = compiled_on_use>
  explicit fractional_macs(const resolved_graph& network)
      : fractional_macs(network, coupled_groups(network)) {}
  template <class = compiled_on_use>
  fractional_macs(const resolved_graph& network, const std::vector<coupling>& couplings) {
    const auto coupling_of = [&](std::string_view name, axis along) {
      for (std::size_t k = 0; k < couplings.size(); ++k)
        for (const coupling::member& m : couplings[k].members)
          if (m.parameter == name && m.axis == along) return k;
      return none;
    };
    const channel_structure structure = find_channel_structure(network);
    for (const resolved_graph::node& node : network.nodes) {
      if (node.products > 0)  // attention: a product for every channel of the query, of the value
        for (const std::size_t input : {node.inputs[0], node.inputs[2]}) {
          const tensor_shape& read = network.nodes[input].shape;
          const Index positions = node.shape.plane() * network.nodes[node.inputs[1]].shape.plane();
          const Index unit = structure.unit_of[input].front();
          weights_.push_back(
              {static_cast<double>(positions * read.channels),
               static_cast<std::size_t>(structure.coupling_of[static_cast<std::size_t>(unit)]),
               none});
        }
      for (const parameter_declaration& p : node.parameters)
        if (p.role == parameter_role::weight)
          weights_.push_back({static_cast<double>(p.size() * node.shape.plane()),
                              coupling_of(p.name, axis::out), coupling_of(p.name, axis::in)});
    }
  }

  /// @pre one rate in [0, 1] for each coupling
  [[nodiscard]] double operator()(std::span<const double> rates) const noexcept {
    const auto kept = [&](std::size_t k) { return k == none ? 1.0 : 1 - rates[k]; };
    double total = 0;
    for (const weight& w : weights_) total += w.macs * kept(w.out) * kept(w.in);
    return total;
  }

 private:
  struct weight {
    double macs = 0;
    std::size_t out = none, in = none;  ///< couplings
  };
  std::vector<weight> weights_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
