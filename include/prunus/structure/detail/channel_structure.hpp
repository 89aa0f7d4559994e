// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/resolve.hpp>

#include <cstddef>  // std::size_t
#include <numeric>  // std::iota
#include <span>     // std::span
#include <utility>  // std::swap
#include <variant>  // std::visit, std::get_if
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Union-find in which the smallest member stands for its set.
class disjoint_sets {
 public:
  Index add() {
    parent_.push_back(static_cast<Index>(parent_.size()));
    return parent_.back();
  }
  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(parent_.size()); }
  [[nodiscard]] Index find(Index x) noexcept {
    while (parent_[at(x)] != x) x = parent_[at(x)] = parent_[at(parent_[at(x)])];
    return x;
  }
  void unite(Index a, Index b) noexcept {
    a = find(a), b = find(b);
    if (b < a) std::swap(a, b);
    parent_[at(b)] = a;
  }

 private:
  static constexpr std::size_t at(Index x) noexcept { return static_cast<std::size_t>(x); }
  std::vector<Index> parent_;
};

/// Each input channel has a group, and so outputs, of its own.
[[nodiscard]] constexpr bool is_depth_wise(const operation::convolution& op,
                                           Index in_channels) noexcept {
  return op.groups > 1 && op.groups == in_channels;
}

/// How the weight of a convolution or linear layer reads its input; `groups` is 0 for all other
/// nodes.
struct reading {
  Index groups = 0;
  bool depth_wise = false;
  bool padded = false;
  [[nodiscard]] bool has_weight() const noexcept { return groups > 0; }
  /// The weight mixes channels, so that its input channels may go while its output channels stay.
  [[nodiscard]] bool mixes() const noexcept { return groups > 0 && !depth_wise; }
};

[[nodiscard]] inline reading reading_of(const resolved_graph& network, std::size_t n) {
  const any_operation& op = network.nodes[n].operation;
  if (op.is<operation::linear>()) return {1, false, false};
  if (const auto* conv = op.as<operation::convolution>())
    return {conv->groups, is_depth_wise(*conv, network.input_shape(n).channels),
            conv->padding.height > 0 || conv->padding.width > 0};
  return {};
}

/// Names the channels of one result by sets of channels that must live and die together.
template <class Network>
struct channel_naming {
  const Network& network;
  std::vector<std::vector<Index>>& names;  ///< of the nodes before this one; this one's is appended
  disjoint_sets& sets;
  std::size_t n;

  [[nodiscard]] const std::vector<Index>& input(std::size_t k = 0) const {
    return names[network.nodes[n].inputs[k]];
  }
  [[nodiscard]] Index channels() const { return network.nodes[n].shape.channels; }
  [[nodiscard]] std::vector<Index> fresh() const {
    std::vector<Index> ids(static_cast<std::size_t>(channels()));
    for (Index& id : ids) id = sets.add();
    return ids;
  }
  /// Channel i of every group is tied to channel i of the first one, so that the groups stay equal.
  void tie_groups(const std::vector<Index>& ids, Index groups) const {
    const std::size_t size = ids.size() / static_cast<std::size_t>(groups);
    for (std::size_t c = size; c < ids.size(); ++c) sets.unite(ids[c % size], ids[c]);
  }
  [[nodiscard]] std::vector<Index> united() const {
    for (std::size_t k = 1; k < network.nodes[n].inputs.size(); ++k)
      for (std::size_t c = 0; c < input().size(); ++c) sets.unite(input()[c], input(k)[c]);
    return input();
  }
  [[nodiscard]] static std::vector<Index> repeated(const std::vector<Index>& ids, Index times) {
    std::vector<Index> result;
    result.reserve(ids.size() * static_cast<std::size_t>(times));
    for (Index id : ids) result.insert(result.end(), static_cast<std::size_t>(times), id);
    return result;
  }

  std::vector<Index> operator()(const operation::input&) const { return fresh(); }
  std::vector<Index> operator()(const operation::linear&) const { return fresh(); }
  std::vector<Index> operator()(const operation::convolution& op) const {
    std::vector<Index> ids = fresh();
    if (is_depth_wise(op, static_cast<Index>(input().size()))) {
      const std::size_t multiplier = ids.size() / input().size();
      for (std::size_t c = 0; c < ids.size(); ++c) sets.unite(input()[c / multiplier], ids[c]);
    } else {
      tie_groups(input(), op.groups);
      tie_groups(ids, op.groups);
    }
    return ids;
  }
  std::vector<Index> operator()(const operation::add&) const { return united(); }
  std::vector<Index> operator()(const operation::multiply&) const { return united(); }
  std::vector<Index> operator()(const operation::concat&) const {
    std::vector<Index> ids;
    for (std::size_t k = 0; k < network.nodes[n].inputs.size(); ++k)
      ids.insert(ids.end(), input(k).begin(), input(k).end());
    return ids;
  }
  std::vector<Index> operator()(const operation::pad_channels& op) const {
    std::vector<Index> ids;
    for (Index c = 0; c < op.before; ++c) ids.push_back(sets.add());
    ids.insert(ids.end(), input().begin(), input().end());
    for (Index c = 0; c < op.after; ++c) ids.push_back(sets.add());
    return ids;
  }
  std::vector<Index> operator()(const operation::flatten& op) const {
    const Index plane = network.input_shape(n).plane();
    if (!op.channels_last) return repeated(input(), plane);
    std::vector<Index> ids;
    for (Index p = 0; p < plane; ++p) ids.insert(ids.end(), input().begin(), input().end());
    return ids;
  }
  std::vector<Index> operator()(const operation::split_heads& op) const {
    const std::size_t features = input().size() / static_cast<std::size_t>(op.heads);
    std::vector<Index> ids;
    for (std::size_t c = 0; c < input().size(); ++c) {
      if (c % features == 0) ids.push_back(input()[c]);
      sets.unite(ids.back(), input()[c]);
    }
    return ids;
  }
  /// A head is one unit: its features of the query, of the key and of the value.
  std::vector<Index> operator()(const operation::attention& op) const {
    for (std::size_t k = 0; k < 3; ++k) {
      const std::size_t features = input(k).size() / static_cast<std::size_t>(op.heads);
      const std::size_t values = input(2).size() / static_cast<std::size_t>(op.heads);
      for (std::size_t c = 0; c < input(k).size(); ++c)
        sets.unite(input(2)[c / features * values], input(k)[c]);
    }
    return input(2);
  }
  std::vector<Index> operator()(const operation::embedding&) const { return fresh(); }
  std::vector<Index> operator()(const operation::merge_heads& op) const {
    return repeated(input(), op.features);
  }
  /// Everything else treats each channel for itself.
  template <class Other>
  std::vector<Index> operator()(const Other&) const {
    return input();
  }
};

/// Which channels of a network live and die together (units), and which units share a tensor
/// (couplings).
///
/// Units and couplings are numbered in the order in which they first appear in the computing order
/// of the graph.
struct channel_structure {
  std::vector<std::vector<Index>> unit_of;   ///< per node and channel of its result
  std::vector<Index> coupling_of;            ///< per unit
  std::vector<Index> number_of;              ///< per unit: its number within its coupling
  std::vector<std::vector<Index>> units_of;  ///< per coupling: its units in order
  std::vector<std::size_t> first_node;  ///< per coupling: the node in which its first unit appears

  [[nodiscard]] Index units() const noexcept { return static_cast<Index>(coupling_of.size()); }
  [[nodiscard]] std::size_t couplings() const noexcept { return units_of.size(); }

  /// Units along the in axis of node n's weight: the channels of its input, those of the first
  /// group where there are several. Empty for nodes whose weight has no such axis of its own.
  [[nodiscard]] std::span<const Index> read_by(const resolved_graph& network, std::size_t n) const {
    const reading how = reading_of(network, n);
    if (!how.mixes()) return {};
    const std::vector<Index>& input = unit_of[network.nodes[n].inputs.front()];
    return {input.data(), input.size() / static_cast<std::size_t>(how.groups)};
  }
};

template <class Network = resolved_graph>  // compiled where it is called
[[nodiscard]] channel_structure find_channel_structure(const Network& network) {
  const auto at = [](Index i) { return static_cast<std::size_t>(i); };
  channel_structure result;
  disjoint_sets channels;
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    result.unit_of.push_back(std::visit(
        channel_naming<Network>{network, result.unit_of, channels, n}, network.nodes[n].operation));

  // The smallest id stands for its set, and ids grow in computing order: numbering the roots keeps
  // that order.
  std::vector<Index> number(at(channels.size()), -1);
  std::vector<std::size_t> appears_in;
  disjoint_sets couplings;
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    for (Index& id : result.unit_of[n]) {
      Index& unit = number[at(channels.find(id))];
      if (unit < 0) {
        unit = couplings.add();
        appears_in.push_back(n);
      }
      id = unit;
    }
  const auto unite = [&](std::span<const Index> units) {
    for (Index unit : units) couplings.unite(units.front(), unit);
  };
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    if (!network.nodes[n].parameters.empty() || network.nodes[n].products > 0)
      unite(result.unit_of[n]);
    if (const auto* pad = network.nodes[n].operation.template as<operation::pad_channels>()) {
      // Zeros that no weight reads or writes have no tensor in common, but the node.
      std::vector<Index> zeros = result.unit_of[n];
      zeros.erase(zeros.begin() + pad->before, zeros.end() - pad->after);
      unite(zeros);
    }
    unite(result.read_by(network, n));
  }
  result.coupling_of.resize(at(couplings.size()));
  result.number_of.resize(at(couplings.size()));
  for (Index unit = 0; unit < couplings.size(); ++unit) {
    const Index root = couplings.find(unit);
    if (root == unit) {
      result.coupling_of[at(unit)] = static_cast<Index>(result.units_of.size());
      result.units_of.emplace_back();
      result.first_node.push_back(appears_in[at(unit)]);
    }
    const Index coupling = result.coupling_of[at(unit)] = result.coupling_of[at(root)];
    result.number_of[at(unit)] = static_cast<Index>(result.units_of[at(coupling)].size());
    result.units_of[at(coupling)].push_back(unit);
  }
  return result;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
