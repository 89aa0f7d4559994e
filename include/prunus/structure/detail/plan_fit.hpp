// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/structure/detail/kept_units.hpp>
#include <prunus/structure/detail/plan_consistency.hpp>
#include <prunus/structure/detail/removal_analysis.hpp>
#include <prunus/structure/detail/tensor_extents.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan.hpp>

#include <algorithm>      // std::binary_search, std::find, std::max
#include <array>          // std::array
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint8_t
#include <span>           // std::span
#include <string_view>    // std::string_view
#include <unordered_map>  // std::unordered_map
#include <utility>        // std::pair
#include <vector>         // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// @throws shape_error for another shape, argument_error for positions that are not ascending, lie
///         outside the axis, or leave nothing
template <class = compiled_on_use>
void expect_extents(const plan::tensor_slice& slice, const std::array<Index, 4>& extents,
                    std::string_view where) {
  if (slice.extents != extents)
    throw shape_error(
        errc::shape_mismatch,
        concat(where, ": the plan was made for ", slice.tensor, " of ", text_of(slice.extents),
               " (out x in x height x width), this one is ", text_of(extents)));
  const auto expect_positions = [&](const std::vector<Index>& positions, axis along, Index extent) {
    Index previous = -1;
    for (Index position : positions) {
      if (position <= previous || position >= extent)
        throw argument_error(errc::out_of_range,
                             concat(where, ": the plan removes position ", position, " after ",
                                    previous, " of ", slice.tensor, ", which has ", extent,
                                    " along ", name_of(along), "; positions must ascend"));
      previous = position;
    }
    if (static_cast<Index>(positions.size()) == extent)
      throw argument_error(errc::out_of_range, concat(where, ": the plan leaves nothing of ",
                                                      slice.tensor, " along ", name_of(along)));
  };
  expect_positions(slice.out, axis::out, extents[0]);
  expect_positions(slice.in, axis::in, extents[1]);
}

template <weight_scalar S>
[[nodiscard]] const weight_view<S>& find_weight(const model<S>& net, std::string_view name) {
  const parameter<S>* found = net.find(name);
  if (found == nullptr)
    throw argument_error(errc::unknown_name, concat("compact: the plan needs ", name,
                                                    ", which the model does not have"));
  return found->weight;
}

/// Removed positions of a tensor along its out axis.
[[nodiscard]] inline const std::vector<Index>& removed_outputs(const plan& p,
                                                               std::string_view tensor) {
  static const std::vector<Index> none;
  const plan::tensor_slice* slice = p.find(tensor);
  return slice == nullptr ? none : slice->out;
}

/// Every record that says something of tensors, against the tensors.
/// @throws argument_error, shape_error, value_error
template <weight_scalar S>
void expect_plan_fits(const model<S>& net, const plan& p) {
  for (const plan::tensor_slice& slice : p.slices)
    expect_extents(slice, extents_of(find_weight(net, slice.tensor)), "compact");
  expect_consistent(p);
  for (const plan::fold& f : p.folds) {
    const weight_view<S>& weight = find_weight(net, f.weight);
    const Index outputs = weight.extent(axis::out), reads = weight.extent(axis::in);
    if (f.groups < 1 || outputs % f.groups != 0 || f.channel < 0 || f.channel / reads >= f.groups)
      throw shape_error(errc::shape_mismatch,
                        concat("compact: the plan folds channel ", f.channel, " into ", f.groups,
                               " groups of ", f.weight, ", which is ", describe(weight)));
    const plan::tensor_slice* slice = p.find(f.weight);
    if (slice == nullptr ||
        !std::binary_search(slice->in.begin(), slice->in.end(), f.channel % reads))
      throw argument_error(errc::out_of_range,
                           concat("compact: the plan folds channel ", f.channel, " of ", f.weight,
                                  ", and does not remove it"));
    if (f.into == plan::receiver::new_bias) continue;
    const weight_view<S>& taking = find_weight(net, f.tensor);
    if (extents_of(taking) != std::array<Index, 4>{outputs, 1, 1, 1} ||
        removed_outputs(p, f.tensor) != slice->out)
      throw shape_error(errc::shape_mismatch,
                        concat("compact: ", f.tensor, " is ", describe(taking), " and takes over ",
                               "what ", f.weight, " read, which is ", describe(weight),
                               "; one value for each of its outputs, of which the same are "
                               "removed, was expected"));
  }
  for (const plan::new_tensor& t : p.new_tensors) {
    if (net.find(t.name) != nullptr)
      throw argument_error(errc::duplicate_name,
                           concat("compact: the plan creates ", t.name,
                                  ", which the model has already; the plan is of another graph"));
    const Index outputs = find_weight(net, t.weight).extent(axis::out);
    const Index kept = outputs - static_cast<Index>(removed_outputs(p, t.weight).size());
    if (t.size != kept)
      throw shape_error(errc::shape_mismatch,
                        concat("compact: the plan creates ", t.name, " with ", t.size,
                               " values for ", t.weight, ", which keeps ", kept, " outputs"));
  }
}

/// Every record against the graph.
template <class View = std::string_view>
class plan_check {
 public:
  plan_check(const network_structure& network, const plan& p)
      : network_(network), data_(network.data()), plan_(p) {
    for (std::size_t n = 0; n < data_.resolved.nodes.size(); ++n) {
      node_of_.emplace(data_.resolved.nodes[n].name, n);
      for (const parameter_declaration& d : data_.resolved.nodes[n].parameters)
        owner_of_.emplace(d.name, owner{n, &d});
    }
  }

  /// @throws argument_error, shape_error, value_error
  /// @returns 1 for every unit that stays
  [[nodiscard]] std::vector<std::uint8_t> units_that_stay() const {
    for (const plan::tensor_slice& slice : plan_.slices)
      expect_extents(slice, find(slice.tensor).declared->extents(), "compact");
    expect_consistent(plan_);
    std::vector<std::uint8_t> stays = without_removed();
    expect_slices_of(stays);
    for (const plan::fold& f : plan_.folds) expect_fold(f, stays);
    for (const plan::new_tensor& t : plan_.new_tensors) expect_new(t);
    expect_notes();
    expect_costs(stays);
    return stays;
  }

  /// The node that has a tensor of that name.
  [[nodiscard]] std::size_t node_with(std::string_view tensor) const { return find(tensor).node; }

 private:
  struct owner {
    std::size_t node;
    const parameter_declaration* declared;
  };

  template <class... Parts>
  [[noreturn]] static void unknown(const Parts&... parts) {
    throw argument_error(errc::unknown_name, concat("compact: the plan ", parts...));
  }
  template <class... Parts>
  [[noreturn]] static void mismatch(const Parts&... parts) {
    throw shape_error(errc::shape_mismatch, concat("compact: the plan ", parts...));
  }
  [[nodiscard]] const owner& find(std::string_view tensor) const {
    const auto found = owner_of_.find(tensor);
    if (found == owner_of_.end()) unknown("needs ", tensor, ", which the graph does not have");
    return found->second;
  }
  [[nodiscard]] const resolved_graph::node& find_node(std::string_view name) const {
    const auto found = node_of_.find(name);
    if (found == node_of_.end()) unknown("speaks of ", name, ", which no node is called");
    return data_.resolved.nodes[found->second];
  }
  void expect_channel(std::string_view node, Index channel, Index channels) const {
    if (channel < 0 || channel >= channels)
      mismatch("speaks of channel ", channel, " of ", node, ", which has ", channels);
  }

  [[nodiscard]] std::vector<std::uint8_t> without_removed() const {
    const channel_structure& structure = data_.channels;
    kept_units needed(data_.resolved, structure);
    needed.keep_ends();
    std::vector<std::uint8_t> stays(static_cast<std::size_t>(structure.units()), 1);
    for (const plan::removal& r : plan_.removed) {
      const Index k = network_.find_coupling(r.coupling);
      if (k < 0) unknown("removes units of ", r.coupling, ", which is no coupling of the graph");
      const std::vector<Index>& units = structure.units_of[static_cast<std::size_t>(k)];
      if (r.unit < 0 || r.unit >= static_cast<Index>(units.size()))
        mismatch("removes unit ", r.unit, " of ", r.coupling, ", which has ", units.size());
      const Index unit = units[static_cast<std::size_t>(r.unit)];
      if (needed.is_kept(unit))
        throw argument_error(
            errc::out_of_range,
            concat("compact: the plan removes unit ", r.unit, " of ", r.coupling, ", which ",
                   data_.resolved.nodes[needed.why(unit).node].name, " must keep"));
      stays[static_cast<std::size_t>(unit)] = 0;
    }
    return stays;
  }

  /// Slices follow from the units: none is missing, none is too much.
  void expect_slices_of(const std::vector<std::uint8_t>& stays) const {
    const auto wrong = [](std::string_view tensor) {
      throw argument_error(errc::out_of_range,
                           concat("compact: what the plan cuts from ", tensor,
                                  " does not follow from the units that it removes"));
    };
    const std::vector<plan::tensor_slice> slices = slices_without(
        data_, [&](Index unit) { return stays[static_cast<std::size_t>(unit)] != 0; });
    std::unordered_map<View, const plan::tensor_slice*> found;
    for (const plan::tensor_slice& s : plan_.slices) found.emplace(s.tensor, &s);
    for (const plan::tensor_slice& s : slices)
      if (const auto at = found.find(s.tensor); at == found.end() || *at->second != s)
        wrong(s.tensor);
      else
        found.erase(at);
    if (!found.empty()) wrong(found.begin()->first);
  }

  void expect_fold(const plan::fold& f, const std::vector<std::uint8_t>& stays) const {
    const owner& weight = find(f.weight);
    const resolved_graph::node& node = data_.resolved.nodes[weight.node];
    const auto& reads = weight.declared->reads;
    const auto from = node_of_.find(f.from);
    if (!reads || reads->groups != f.groups || from == node_of_.end() ||
        node.inputs[reads->input] != from->second)
      mismatch("folds what ", f.weight, " reads of ", f.from, " in ", f.groups,
               " groups, which it does not");
    const std::vector<Index>& units = data_.channels.unit_of[from->second];
    expect_channel(f.from, f.channel, static_cast<Index>(units.size()));
    const auto unit = static_cast<std::size_t>(units[static_cast<std::size_t>(f.channel)]);
    if (stays[unit] != 0)
      throw argument_error(errc::out_of_range, concat("compact: the plan folds channel ", f.channel,
                                                      " of ", f.from, ", and does not remove it"));
    if (f.into == plan::receiver::new_bias) return;
    const owner& taking = find(f.tensor);
    const bool is_bias = f.into == plan::receiver::bias;
    const auto wanted = is_bias ? parameter_role::bias : parameter_role::running_mean;
    const bool is_consumer = std::find(node.consumers.begin(), node.consumers.end(), taking.node) !=
                             node.consumers.end();
    if (taking.declared->role != wanted || (is_bias ? taking.node != weight.node : !is_consumer))
      mismatch("folds into ", f.tensor, ", which does not take over what ", f.weight, " reads");
  }

  void expect_new(const plan::new_tensor& t) const {
    const owner& weight = find(t.weight);
    const resolved_graph::node& node = data_.resolved.nodes[weight.node];
    if (owner_of_.contains(t.name))
      throw argument_error(errc::duplicate_name,
                           concat("compact: the plan creates ", t.name,
                                  ", which the graph has already; it is of another graph"));
    const Index kept =
        weight.declared->extents()[0] - static_cast<Index>(removed_outputs(plan_, t.weight).size());
    if (!weight.declared->reads || node.find("bias") != nullptr || t.size != kept)
      mismatch("creates ", t.name, " with ", t.size, " values for ", t.weight, ", which keeps ",
               kept, " outputs; a layer without a bias was expected");
  }

  void expect_notes() const {
    for (const plan::kept_channel& k : plan_.kept) {
      (void)find_node(k.because_of);
      const Index named = network_.find_coupling(k.node);
      const Index channels = find_node(k.node).shape.channels;
      expect_channel(
          k.node, k.channel,
          named < 0 ? channels
                    : std::max(channels, data_.couplings[static_cast<std::size_t>(named)].units));
    }
    for (const plan::approximation& a : plan_.approximations) {
      (void)find_node(a.layer);
      expect_channel(a.from, a.channel, find_node(a.from).shape.channels);
    }
    for (const plan::opaque_node& o : plan_.opaque)
      if (const resolved_graph::node& node = find_node(o.node);
          node.operation.kind() != o.kind ||
          static_cast<Index>(data_.channels.used_unknown[node_of_.at(o.node)].size()) != o.channels)
        mismatch("keeps ", o.channels, " channels that reach ", o.node, ", ", o.kind,
                 ", which is not so");
  }

  /// Bytes depend on the scalar. A plan by hand may leave costs out.
  void expect_costs(const std::vector<std::uint8_t>& stays) const {
    if (plan_.before == cost{} && plan_.after == cost{}) return;
    std::vector<std::vector<std::uint8_t>> kept;
    for (const std::vector<Index>& units : data_.channels.units_of) {
      std::vector<std::uint8_t>& keep = kept.emplace_back();
      for (const Index unit : units) keep.push_back(stays[static_cast<std::size_t>(unit)]);
    }
    const std::vector<std::span<const std::uint8_t>> keep(kept.begin(), kept.end());
    const cost before = network_.cost(1);
    cost after = network_.cost_of_kept(keep, 1);
    for (const plan::new_tensor& t : plan_.new_tensors) after += {.parameters = t.size};
    for (const auto& [said, is] : {std::pair{plan_.before, before}, {plan_.after, after}})
      if (said.macs != is.macs || said.parameters != is.parameters)
        mismatch("says ", said.macs, " MACs and ", said.parameters, " parameters where the graph ",
                 "has ", is.macs, " and ", is.parameters);
  }

  const network_structure& network_;
  const structure_data& data_;
  const plan& plan_;
  std::unordered_map<View, std::size_t> node_of_;
  std::unordered_map<View, owner> owner_of_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
