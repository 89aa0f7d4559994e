// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/channel_value.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/detail/constant_channels.hpp>
#include <prunus/structure/detail/kept_units.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/tensor_reader.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <span>     // std::span
#include <string>   // std::string
#include <utility>  // std::move, std::pair
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// What every tensor loses when the units go that are not kept.
template <class IsKept>
[[nodiscard]] std::vector<plan::tensor_slice> slices_without(const structure_data& network,
                                                             const IsKept& is_kept) {
  const channel_structure& structure = network.channels;
  const auto removed_of = [&](std::span<const Index> units) {
    std::vector<Index> positions;
    for (std::size_t i = 0; i < units.size(); ++i)
      if (!is_kept(units[i])) positions.push_back(static_cast<Index>(i));
    return positions;
  };
  std::vector<plan::tensor_slice> slices;
  for (std::size_t n = 0; n < network.resolved.nodes.size(); ++n) {
    const resolved_graph::node& node = network.resolved.nodes[n];
    if (node.parameters.empty()) continue;
    const std::vector<Index> out = removed_of(structure.unit_of[n]);
    for (const parameter_declaration& p : node.parameters) {
      plan::tensor_slice slice{p.name, p.extents(), p.per_channel ? out : std::vector<Index>{},
                               removed_of(structure.read_by(network.resolved, n, p))};
      if (!slice.out.empty() || !slice.in.empty()) slices.push_back(std::move(slice));
    }
  }
  return slices;
}

/// The removals and slices of a plan, what it costs, and which operations are opaque; its folds and
/// notes are added before it is complete.
template <class = compiled_on_use>
[[nodiscard]] plan plan_without(const structure_data& network, const kept_units& kept,
                                const std::vector<plan::removal_reason>& reasons) {
  const channel_structure& structure = network.channels;
  plan result;
  for (std::size_t k = 0; k < network.couplings.size(); ++k) {
    const coupling& group = network.couplings[k];
    const coupling_places places(group);
    for (std::size_t u = 0; u < structure.units_of[k].size(); ++u) {
      const Index unit = structure.units_of[k][u], number = static_cast<Index>(u);
      if (!kept.is_kept(unit))
        result.removed.push_back(
            {group.name, number, reasons[static_cast<std::size_t>(unit)], places.sentence(number)});
    }
  }
  for (std::size_t n = 0; n < network.resolved.nodes.size(); ++n) {
    const resolved_graph::node& node = network.resolved.nodes[n];
    if (const auto& unknown = structure.used_unknown[n]; !unknown.empty())
      result.opaque.push_back(
          {node.name, std::string(node.operation.kind()), static_cast<Index>(unknown.size())});
  }
  result.slices = slices_without(network, [&](Index unit) { return kept.is_kept(unit); });
  return result;
}

/// Before, and after with the biases that the plan adds.
template <class = compiled_on_use>
void count_costs(plan& p, const structure_data& network, const kept_units& kept,
                 Index scalar_bytes) {
  p.before = cost_of(network.resolved, scalar_bytes);
  std::vector<std::vector<std::uint8_t>> stays;
  for (const std::vector<Index>& units : network.channels.units_of) {
    std::vector<std::uint8_t>& keep = stays.emplace_back();
    for (const Index unit : units) keep.push_back(kept.is_kept(unit) ? 1 : 0);
  }
  const std::vector<std::span<const std::uint8_t>> keep(stays.begin(), stays.end());
  p.after = network.costs.of_kept(keep, scalar_bytes);
  for (const plan::new_tensor& t : p.new_tensors) {
    p.after.parameters += t.size;
    p.after.bytes += t.size * scalar_bytes;
  }
}

/// Everything that is known when a plan is made from weights.
template <class = compiled_on_use>
class removal_analysis {
 public:
  removal_analysis(const structure_data& network, const bound_tensors& tensors,
                   const std::vector<std::vector<channel_value>>& values, bool approximate)
      : network_(network.resolved),
        structure_(network.channels),
        names_(network.names),
        values_(values),
        approximate_(approximate) {
    for (std::size_t n = 0; n < network_.nodes.size(); ++n)
      for (std::size_t k = 0; k < network_.nodes[n].parameters.size(); ++k)
        if (const auto& how = network_.nodes[n].parameters[k].reads)
          readings_.push_back({n, network_.nodes[n].inputs[how->input], *how,
                               network_.nodes[n].parameters[k].name, tensors[n][k].get()});
  }

  template <class Position = std::size_t>
  void find_kept(kept_units& kept) const {
    kept.keep_ends();
    kept.keep_what_operations_need();
    std::vector<std::vector<std::pair<Position, Index>>> rows(
        static_cast<std::size_t>(structure_.units()));  // per unit: readings and their outputs
    std::vector<std::vector<std::size_t>> undecided;
    for (std::size_t r = 0; r < readings_.size(); ++r) {
      const std::vector<Index>& outputs = structure_.unit_of[readings_[r].node];
      for (std::size_t o = 0; o < outputs.size(); ++o)
        rows[static_cast<std::size_t>(outputs[o])].emplace_back(r, static_cast<Index>(o));
      undecided.push_back(no_bias_can_replace(readings_[r]));
    }
    kept.propagate([&](Index unit) {
      for (const auto& [r, o] : rows[static_cast<std::size_t>(unit)])
        keep_what_is_read(kept, readings_[r], o, undecided[r]);
    });
  }

  [[nodiscard]] std::vector<plan::removal_reason> reasons() const {
    std::vector<std::uint8_t> is_read(static_cast<std::size_t>(structure_.units())),
        is_alive(is_read.size());
    for (const reading& r : readings_)
      for (std::size_t c = 0; c < values_[r.input].size(); ++c) {
        const std::size_t unit = static_cast<std::size_t>(structure_.unit_of[r.input][c]);
        is_read[unit] = 1;
        if (!values_[r.input][c].is_constant()) is_alive[unit] = 1;
      }
    std::vector<plan::removal_reason> result(is_read.size(), plan::removal_reason::unread);
    for (std::size_t u = 0; u < result.size(); ++u)
      if (is_read[u] != 0 && is_alive[u] == 0) result[u] = plan::removal_reason::constant;
    return result;
  }

  /// Hands the constants of removed channels to the layers that read them.
  void add_folds(plan& p, const kept_units& kept) const {
    for (const reading& r : readings_)
      for (std::size_t c = 0; c < values_[r.input].size(); ++c) {
        if (kept.is_kept(r.input, c) || values_[r.input][c].is_zero()) continue;
        const Index reads = r.weight->extent(axis::in), outputs = outputs_of(r);
        const Index channel = static_cast<Index>(c), group = channel / reads;
        bool read = false;  // by an output that stays
        for (Index o = group * outputs; o < (group + 1) * outputs && !read; ++o)
          read = kept.is_kept(r.node, static_cast<std::size_t>(o)) &&
                 !r.weight->kernel_is_zero(o, channel % reads);
        if (read) add_fold_of(p, r, channel);
      }
  }

  /// Says which channels are dead and stay all the same.
  void add_notes(plan& p, const kept_units& kept) const {
    for (std::size_t n = 0; n < network_.nodes.size(); ++n)
      for (std::size_t c = 0; c < structure_.unit_of[n].size(); ++c) {
        const Index unit = structure_.unit_of[n][c];
        if (!kept.is_kept(unit)) continue;
        const kept_units::cause& why = kept.why(unit);
        const bool last = why.reason == keep_reason::last_of_layer;
        if (last ? why.node == n : dies_at(n, c))
          p.kept.push_back({network_.nodes[n].name, static_cast<Index>(c), why.reason,
                            network_.nodes[why.node].name});
      }
  }

 private:
  /// A weight that reads the channels of an input.
  struct reading {
    std::size_t node, input;
    channel_reading how;
    std::string name;
    const tensor_reader* weight;
  };

  [[nodiscard]] Index outputs_of(const reading& r) const {
    return network_.nodes[r.node].shape.channels / r.how.groups;
  }
  /// A constant other than zero that does not stay one where it is read.
  [[nodiscard]] static bool breaks(const reading& r, const channel_value& value) {
    return r.how.breaks_constants && value.is_constant() && value.value != 0;
  }
  /// The input channels that it cannot do without where it reads them.
  [[nodiscard]] std::vector<std::size_t> no_bias_can_replace(const reading& r) const {
    const std::vector<channel_value>& input = values_[r.input];
    std::vector<std::size_t> channels;
    for (std::size_t c = 0; c < input.size(); ++c)
      if (!input[c].is_constant() || (!approximate_ && breaks(r, input[c]))) channels.push_back(c);
    return channels;
  }

  /// Keeps those of the `undecided` input channels that output o reads; what is kept is decided
  /// from then on.
  void keep_what_is_read(kept_units& kept, const reading& r, Index o,
                         std::vector<std::size_t>& undecided) const {
    if (undecided.empty()) return;
    const Index reads = r.weight->extent(axis::in);
    const Index first = o / outputs_of(r) * reads;
    std::erase_if(undecided, [&](std::size_t c) {
      if (kept.is_kept(r.input, c)) return true;
      const Index j = static_cast<Index>(c) - first;
      if (j < 0 || j >= reads || r.weight->kernel_is_zero(o, j)) return false;
      const channel_value& value = values_[r.input][c];
      const Index unit = structure_.unit_of[r.input][c];
      if (value.is_alive())
        kept.keep(unit, {keep_reason::partly_alive, r.input});
      else
        kept.keep(unit, {keep_reason::zero_padding, breaks(r, value) ? r.node : value.broken_at});
      return true;
    });
  }

  [[nodiscard]] static const parameter_declaration* find(const resolved_graph::node& node,
                                                         parameter_role role) {
    for (const parameter_declaration& p : node.parameters)
      if (p.role == role) return &p;
    return nullptr;
  }
  /// Which tensor takes over what a removed input adds to a layer.
  [[nodiscard]] std::pair<plan::receiver, std::string> receiver_of(const reading& r) const {
    const resolved_graph::node& node = network_.nodes[r.node];
    if (const auto* bias = find(node, parameter_role::bias))
      return {plan::receiver::bias, bias->name};
    if (node.consumers.size() == 1 && !node.is_output)
      if (const auto* mean =
              find(network_.nodes[node.consumers.front()], parameter_role::running_mean))
        return {plan::receiver::running_mean, mean->name};
    return {plan::receiver::new_bias, new_bias_of(r)};
  }
  /// As the smaller graph calls it, with the same table of names.
  [[nodiscard]] std::string new_bias_of(const reading& r) const {
    const std::string usual = concat(network_.nodes[r.node].name, ".bias");
    const auto named = names_.find(usual);
    return named == names_.end() ? usual : named->second;
  }
  void add_fold_of(plan& p, const reading& r, Index channel) const {
    const channel_value& value = values_[r.input][static_cast<std::size_t>(channel)];
    const std::string& from = network_.nodes[r.input].name;
    if (value.approximate || (r.how.breaks_constants && value.value != 0))
      p.approximations.push_back({from, channel, network_.nodes[r.node].name});
    if (value.value == 0) return;
    auto [into, tensor] = receiver_of(r);
    p.folds.push_back({from, channel, value.value, r.name, r.how.groups, into, tensor});
    if (into != plan::receiver::new_bias) return;
    if (!p.new_tensors.empty() && p.new_tensors.back().name == tensor) return;
    const plan::tensor_slice* slice = p.find(r.name);  // its in axis loses something
    p.new_tensors.push_back({std::move(tensor), r.name, slice->kept_out()});
  }

  /// Weights of this node make a constant of what was alive.
  [[nodiscard]] bool dies_at(std::size_t n, std::size_t c) const {
    const resolved_graph::node& node = network_.nodes[n];
    if (node.parameters.empty() || values_[n][c].is_alive()) return false;
    for (const parameter_declaration& p : node.parameters)
      if (p.reads) return true;
    const channel_map::channel& from = structure_.maps[n].from[c];
    return !from.is_new() && values_[node.inputs[static_cast<std::size_t>(from.input)]]
                                    [static_cast<std::size_t>(from.number)]
                                        .is_alive();
  }

  const resolved_graph& network_;
  const channel_structure& structure_;
  const name_table& names_;
  const std::vector<std::vector<channel_value>>& values_;
  bool approximate_;
  std::vector<reading> readings_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
