// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/channel_map.hpp>
#include <prunus/structure/detail/disjoint_sets.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>  // std::fill
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Which channels of a network live and die together (units), and which units share a tensor
/// (couplings).
///
/// Units and couplings are numbered in the order in which they first appear in the computing order
/// of the graph.
struct channel_structure {
  std::vector<channel_map> maps;                 ///< per node, as its operation said
  std::vector<std::vector<Index>> unit_of;       ///< per node and channel of its result
  std::vector<std::size_t> first_node;           ///< per unit: where it first appears
  std::vector<Index> coupling_of;                ///< per unit
  std::vector<Index> number_of;                  ///< per unit: its number within its coupling
  std::vector<std::vector<Index>> units_of;      ///< per coupling: its units in order
  std::vector<std::vector<Index>> used_unknown;  ///< per node: units of the channels that reach it
                                                 ///< of which it does not say what becomes

  [[nodiscard]] Index units() const noexcept { return static_cast<Index>(coupling_of.size()); }
  [[nodiscard]] std::size_t couplings() const noexcept { return units_of.size(); }
  /// The node in which the first unit of coupling k appears: it gives the coupling its name.
  [[nodiscard]] std::size_t first_node_of(std::size_t k) const noexcept {
    return first_node[static_cast<std::size_t>(units_of[k].front())];
  }
  /// Units along the in axis of a weight of node n: channels of what it reads, those of the first
  /// group where there are several. Empty where the tensor reads nothing.
  [[nodiscard]] std::span<const Index> read_by(const resolved_graph& network, std::size_t n,
                                               const parameter_declaration& p) const {
    if (!p.reads) return {};
    const std::vector<Index>& input = unit_of[network.nodes[n].inputs[p.reads->input]];
    return {input.data(), input.size() / static_cast<std::size_t>(p.reads->groups)};
  }
  /// Units of one side of a node's work.
  [[nodiscard]] std::span<const Index> side(const resolved_graph& network, std::size_t n,
                                            Index side, Index groups = 1) const {
    const std::size_t from = side == multiply_adds::of_result
                                 ? n
                                 : network.nodes[n].inputs[static_cast<std::size_t>(side)];
    return {unit_of[from].data(), unit_of[from].size() / static_cast<std::size_t>(groups)};
  }
};

/// @throws graph_error (bad_node) where an operation maps channels that do not exist
template <class = compiled_on_use>
void check_channel_map(const resolved_graph& network, std::size_t n, const channel_map& map) {
  const resolved_graph::node& node = network.nodes[n];
  const auto exists = [&](const channel_map::channel& c) {
    if (c.is_new()) return c.number >= 0 && c.number < node.shape.channels;
    return c.input >= 0 && c.input < static_cast<Index>(node.inputs.size()) && c.number >= 0 &&
           c.number < network.nodes[node.inputs[static_cast<std::size_t>(c.input)]].shape.channels;
  };
  bool good = static_cast<Index>(map.from.size()) == node.shape.channels;
  for (const channel_map::channel& c : map.from) good = good && (c.is_new() || exists(c));
  for (const auto& [a, b] : map.ties) good = good && exists(a) && exists(b);
  for (const channel_map::channel& c : map.unread) good = good && !c.is_new() && exists(c);
  if (!good)
    throw graph_error(errc::bad_node,
                      concat("graph: node ", node.name, ": ", node.operation.kind(), " maps ",
                             map.from.size(), " channels, or channels that do not exist; ",
                             "its result has ", node.shape.channels));
}

/// The units of the channels that reach node n and of which the node does not say what becomes:
/// they are none of the result's channels nor tied to one, no weight reads them, and they are not
/// said to be unread. Of inputs of the network nobody needs to know: they stay.
/// `own` is all 0, one byte a unit, also afterwards.
template <class = compiled_on_use>
[[nodiscard]] std::vector<Index> find_unknown_uses(const resolved_graph& network,
                                                   const channel_structure& structure,
                                                   std::size_t n, std::vector<std::uint8_t>& own) {
  const resolved_graph::node& node = network.nodes[n];
  const channel_map& map = structure.maps[n];
  std::vector<std::vector<std::uint8_t>> known;  // a unit may be known of one input only
  for (const std::size_t input : node.inputs)
    known.emplace_back(structure.unit_of[input].size(),
                       network.nodes[input].is_network_input ? 1 : 0);
  if (map.keeps != keep_reason::opaque) {
    const auto mark_result = [&](std::uint8_t with) {
      for (const Index unit : structure.unit_of[n]) own[static_cast<std::size_t>(unit)] = with;
    };
    const auto mark = [&](const channel_map::channel& c, bool is_unread = false) {
      if (c.is_new()) return;
      const auto k = static_cast<std::size_t>(c.input), at = static_cast<std::size_t>(c.number);
      const Index unit = structure.unit_of[node.inputs[k]][at];
      if (is_unread || own[static_cast<std::size_t>(unit)] != 0) known[k][at] = 1;
    };
    mark_result(1);
    for (const channel_map::channel& c : map.from) mark(c);
    for (const channel_map::channel& c : map.unread) mark(c, true);
    for (const auto& [a, b] : map.ties) {  // among inputs alone they say nothing of the result
      mark(a);
      mark(b);
    }
    mark_result(0);
    for (const parameter_declaration& p : node.parameters)
      if (p.reads) std::fill(known[p.reads->input].begin(), known[p.reads->input].end(), 1);
  }
  std::vector<Index> unknown;
  for (std::size_t k = 0; k < known.size(); ++k)
    for (std::size_t c = 0; c < known[k].size(); ++c)
      if (known[k][c] == 0) unknown.push_back(structure.unit_of[node.inputs[k]][c]);
  return unknown;
}

template <class = compiled_on_use>
[[nodiscard]] channel_structure find_channel_structure(const resolved_graph& network) {
  const auto at = [](Index i) { return static_cast<std::size_t>(i); };
  channel_structure result;
  disjoint_sets channels;
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    const resolved_graph::node& node = network.nodes[n];
    channel_map map = node.operation.channels(network.input_shapes(n));
    check_channel_map(network, n, map);
    std::vector<Index> own;
    own.reserve(map.from.size());
    for (const channel_map::channel& c : map.from)
      own.push_back(c.is_new() ? channels.add()
                               : result.unit_of[node.inputs[at(c.input)]][at(c.number)]);
    const auto id_of = [&](const channel_map::channel& c) {
      return c.is_new() ? own[at(c.number)]
                        : result.unit_of[node.inputs[at(c.input)]][at(c.number)];
    };
    for (const auto& [a, b] : map.ties) channels.unite(id_of(a), id_of(b));
    result.unit_of.push_back(std::move(own));
    result.maps.push_back(std::move(map));
  }

  // The smallest id stands for its set, and ids grow in computing order: numbering the roots keeps
  // that order.
  std::vector<Index> number(at(channels.size()), -1);
  disjoint_sets couplings;
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    for (Index& id : result.unit_of[n]) {
      Index& unit = number[at(channels.find(id))];
      if (unit < 0) {
        unit = couplings.add();
        result.first_node.push_back(n);
      }
      id = unit;
    }
  const auto unite = [&](std::span<const Index> units) {
    for (const Index unit : units) couplings.unite(units.front(), unit);
  };
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    const resolved_graph::node& node = network.nodes[n];
    // Units that meet along an axis of a tensor, or of the work, share a coupling.
    for (const parameter_declaration& p : node.parameters) {
      if (p.per_channel) unite(result.unit_of[n]);
      unite(result.read_by(network, n, p));
    }
    for (const multiply_adds& work : node.work) {
      unite(result.side(network, n, work.channels));
      if (work.pairs_with) unite(result.side(network, n, *work.pairs_with, work.groups));
    }
    // New channels without a tensor, such as zeros, have the node in common.
    Index first_new = -1;
    for (std::size_t c = 0; c < result.maps[n].from.size(); ++c) {
      if (!result.maps[n].from[c].is_new()) continue;
      if (first_new < 0) first_new = result.unit_of[n][c];
      couplings.unite(first_new, result.unit_of[n][c]);
    }
  }
  result.coupling_of.resize(at(couplings.size()));
  result.number_of.resize(at(couplings.size()));
  for (Index unit = 0; unit < couplings.size(); ++unit) {
    const Index root = couplings.find(unit);
    if (root == unit) {
      result.coupling_of[at(unit)] = static_cast<Index>(result.units_of.size());
      result.units_of.emplace_back();
    }
    const Index coupling = result.coupling_of[at(unit)] = result.coupling_of[at(root)];
    result.number_of[at(unit)] = static_cast<Index>(result.units_of[at(coupling)].size());
    result.units_of[at(coupling)].push_back(unit);
  }
  std::vector<std::uint8_t> own(at(couplings.size()));
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    result.used_unknown.push_back(find_unknown_uses(network, result, n, own));
  return result;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
