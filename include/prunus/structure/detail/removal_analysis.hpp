// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/model.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/detail/constant_channels.hpp>
#include <prunus/structure/detail/kept_units.hpp>
#include <prunus/structure/detail/tensor_extents.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <span>     // std::span
#include <string>   // std::string
#include <utility>  // std::move, std::pair
#include <variant>  // std::holds_alternative
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The removals and slices of a plan; its folds and notes are added before `complete`.
template <class = compiled_on_use>
[[nodiscard]] plan plan_without(const resolved_graph& network, const channel_structure& structure,
                                const kept_units& kept,
                                const std::vector<plan::removal_reason>& reasons) {
  plan result;
  const std::vector<coupling> groups = couplings_of(network, structure);
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const coupling_places places(groups[k]);
    for (std::size_t u = 0; u < structure.units_of[k].size(); ++u) {
      const Index unit = structure.units_of[k][u], number = static_cast<Index>(u);
      if (!kept.is_kept(unit))
        result.removed.push_back({groups[k].name, number, reasons[static_cast<std::size_t>(unit)],
                                  places.sentence(number)});
    }
  }
  const auto removed_of = [&](std::span<const Index> units) {
    std::vector<Index> positions;
    for (std::size_t i = 0; i < units.size(); ++i)
      if (!kept.is_kept(units[i])) positions.push_back(static_cast<Index>(i));
    return positions;
  };
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    if (network.nodes[n].parameters.empty()) continue;
    const std::vector<Index> out = removed_of(structure.unit_of[n]),
                             in = removed_of(structure.read_by(network, n));
    for (const parameter_declaration& p : network.nodes[n].parameters) {
      plan::tensor_slice slice{p.name, extents_of(p), out,
                               p.role == parameter_role::weight ? in : std::vector<Index>{}};
      if (!slice.out.empty() || !slice.in.empty()) result.slices.push_back(std::move(slice));
    }
  }
  return result;
}

template <class = compiled_on_use>
void count_costs(plan& p, const graph& declared, const resolved_graph& network,
                 Index scalar_bytes) {
  p.before = cost_of(network, scalar_bytes);
  p.after = p.empty() ? p.before : cost_of(resolve(compact(declared, p)), scalar_bytes);
}

/// Everything that is known when a plan is made from weights.
template <weight_scalar S>
struct removal_analysis {
  const resolved_graph& network;
  const channel_structure& structure;
  const bound_tensors<S>& tensors;
  const std::vector<std::vector<channel_value>>& values;
  bool approximate;

  void find_kept(kept_units& kept) const {
    kept.keep_ends();
    std::vector<std::vector<std::pair<std::size_t, std::size_t>>> rows(
        static_cast<std::size_t>(structure.units()));
    std::vector<std::vector<std::size_t>> undecided(network.nodes.size());
    for (std::size_t n = 0; n < network.nodes.size(); ++n) {
      if (network.nodes[n].operation.is<operation::layer_norm>())
        for (Index unit : structure.unit_of[n]) kept.keep(unit, {plan::keep_reason::layer_norm, n});
      if (!reading_of(network, n).mixes()) continue;
      for (std::size_t o = 0; o < structure.unit_of[n].size(); ++o)
        rows[static_cast<std::size_t>(structure.unit_of[n][o])].emplace_back(n, o);
      undecided[n] = no_bias_can_replace(n);
    }
    kept.settle([&](Index unit) {
      for (const auto& [n, o] : rows[static_cast<std::size_t>(unit)])
        keep_what_is_read(kept, n, o, undecided[n]);
    });
  }

  /// A constant other than zero that meets zero padding at node n.
  [[nodiscard]] static bool breaks_at_padding(const reading& how, const channel_value& value) {
    return how.padded && value.is_constant() && value.value != 0;
  }
  /// The input channels of node n that it cannot do without where it reads them.
  [[nodiscard]] std::vector<std::size_t> no_bias_can_replace(std::size_t n) const {
    const reading how = reading_of(network, n);
    const std::vector<channel_value>& input = values[network.nodes[n].inputs.front()];
    std::vector<std::size_t> channels;
    for (std::size_t c = 0; c < input.size(); ++c)
      if (!input[c].is_constant() || (!approximate && breaks_at_padding(how, input[c])))
        channels.push_back(c);
    return channels;
  }

  /// Keeps those of the `undecided` input channels that output o of node n reads; what is kept is
  /// decided from then on.
  void keep_what_is_read(kept_units& kept, std::size_t n, std::size_t o,
                         std::vector<std::size_t>& undecided) const {
    if (undecided.empty()) return;
    const reading how = reading_of(network, n);
    const std::size_t input = network.nodes[n].inputs.front();
    const std::size_t reads = structure.read_by(network, n).size();
    const std::size_t outputs = structure.unit_of[n].size() / static_cast<std::size_t>(how.groups);
    const std::size_t first = o / outputs * reads;
    std::erase_if(undecided, [&](std::size_t c) {
      if (kept.is_kept(input, c)) return true;
      if (c < first || c >= first + reads ||
          kernel_is_zero(tensors[n].front(), static_cast<Index>(o), static_cast<Index>(c - first)))
        return false;
      const channel_value& value = values[input][c];
      const Index unit = structure.unit_of[input][c];
      if (value.is_alive())
        kept.keep(unit, {plan::keep_reason::partly_alive, input});
      else
        kept.keep(unit, {plan::keep_reason::zero_padding,
                         breaks_at_padding(how, value) ? n : value.broken_at});
      return true;
    });
  }

  [[nodiscard]] std::vector<plan::removal_reason> reasons() const {
    std::vector<std::uint8_t> is_read(static_cast<std::size_t>(structure.units())),
        is_alive(is_read.size());
    for (std::size_t n = 0; n < network.nodes.size(); ++n) {
      if (!reading_of(network, n).mixes()) continue;
      const std::size_t input = network.nodes[n].inputs.front();
      for (std::size_t c = 0; c < values[input].size(); ++c) {
        const std::size_t unit = static_cast<std::size_t>(structure.unit_of[input][c]);
        is_read[unit] = 1;
        if (!values[input][c].is_constant()) is_alive[unit] = 1;
      }
    }
    std::vector<plan::removal_reason> result(is_read.size(), plan::removal_reason::unread);
    for (std::size_t u = 0; u < result.size(); ++u)
      if (is_read[u] != 0 && is_alive[u] == 0) result[u] = plan::removal_reason::constant;
    return result;
  }

  /// Which tensor takes over what a removed input adds to node n.
  [[nodiscard]] std::pair<plan::receiver, std::string> receiver_of(std::size_t n) const {
    const resolved_graph::node& node = network.nodes[n];
    if (node.parameters.size() > 1) return {plan::receiver::bias, node.parameters[1].name};
    if (node.consumers.size() == 1 && !node.is_output) {
      const resolved_graph::node& reader = network.nodes[node.consumers.front()];
      if (reader.operation.is<operation::batch_norm>())
        return {plan::receiver::running_mean, reader.parameters[2].name};
    }
    return {plan::receiver::new_bias, concat(node.name, ".bias")};
  }

  /// Hands the constants of removed channels to the layers that read them.
  void add_folds(plan& p, const kept_units& kept) const {
    for (std::size_t n = 0; n < network.nodes.size(); ++n) {
      const reading how = reading_of(network, n);
      if (!how.mixes()) continue;
      const std::size_t input = network.nodes[n].inputs.front();
      const std::size_t reads = structure.read_by(network, n).size();
      const std::size_t outputs =
          structure.unit_of[n].size() / static_cast<std::size_t>(how.groups);
      for (std::size_t c = 0; c < values[input].size(); ++c) {
        if (kept.is_kept(input, c) || values[input][c].is_zero()) continue;
        bool read = false;  // by an output that stays
        for (std::size_t o = c / reads * outputs; o < (c / reads + 1) * outputs && !read; ++o)
          read = kept.is_kept(n, o) && !kernel_is_zero(tensors[n].front(), static_cast<Index>(o),
                                                       static_cast<Index>(c % reads));
        if (read) add_fold_of(p, n, how, input, c);
      }
    }
  }
  void add_fold_of(plan& p, std::size_t n, const reading& how, std::size_t input,
                   std::size_t c) const {
    const std::string &from = network.nodes[input].name, &layer = network.nodes[n].name;
    const channel_value& value = values[input][c];
    const Index channel = static_cast<Index>(c);
    if (value.approximate || (how.padded && value.value != 0))
      p.approximations.push_back({from, channel, layer});
    if (value.value == 0) return;
    auto [into, tensor] = receiver_of(n);
    p.folds.push_back({from, channel, value.value, layer, how.groups, into, tensor});
    if (into != plan::receiver::new_bias) return;
    if (!p.new_tensors.empty() && p.new_tensors.back().name == tensor) return;
    const plan::tensor_slice* slice =
        p.find(network.nodes[n].parameters.front().name);  // its in axis is cut, so it is there
    p.new_tensors.push_back({std::move(tensor), layer, slice->kept_out()});
  }

  /// Says which channels are dead and stay all the same.
  void add_notes(plan& p, const kept_units& kept) const {
    for (std::size_t n = 0; n < network.nodes.size(); ++n)
      for (std::size_t c = 0; c < structure.unit_of[n].size(); ++c) {
        const Index unit = structure.unit_of[n][c];
        if (!kept.is_kept(unit)) continue;
        const kept_units::cause& why = kept.why(unit);
        const bool last = why.reason == plan::keep_reason::last_of_layer;
        if (last ? why.node == n : dies_at(n, c))
          p.kept.push_back({network.nodes[n].name, static_cast<Index>(c), why.reason,
                            network.nodes[why.node].name});
      }
  }
  /// Weights of this node make a constant of what was alive.
  [[nodiscard]] bool dies_at(std::size_t n, std::size_t c) const {
    if (network.nodes[n].parameters.empty() || values[n][c].is_alive()) return false;
    if (reading_of(network, n).mixes()) return true;
    const std::size_t input = network.nodes[n].inputs.front();
    return values[input][c * values[input].size() / values[n].size()].is_alive();
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
