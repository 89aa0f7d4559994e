// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/detail/cost_model.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint8_t
#include <memory>         // std::make_shared, std::shared_ptr
#include <span>           // std::span
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <unordered_map>  // std::unordered_map
#include <utility>        // std::move
#include <vector>         // std::vector

namespace prunus {
inline namespace v0 {

/// Parameters that are called otherwise than "<node>.<tensor>": from the graph's name to the one in
/// use, `{{"query.weight", "encoder.layer.0.attention.self.query.weight"}}`.
using name_table = std::unordered_map<std::string, std::string>;

namespace detail {

/// What follows from a declared graph.
struct structure_data {
  graph declared;
  name_table names;
  resolved_graph resolved;
  channel_structure channels;
  std::vector<coupling> couplings;
  std::unordered_map<std::string_view, std::size_t>
      number_of;  ///< of the couplings, by their names
  cost_model costs;
};

/// @throws argument_error (unknown_name, duplicate_name)
template <class = compiled_on_use>
void rename_parameters(resolved_graph& network, const name_table& names) {
  std::unordered_map<std::string, std::string> taken;  // to what was called so
  const auto take = [&](const std::string& name, const std::string& declared) {
    if (const auto [other, is_new] = taken.emplace(name, declared); !is_new)
      throw argument_error(errc::duplicate_name,
                           concat("network_structure: both ", other->second, " and ", declared,
                                  " would be called ", name));
  };
  std::size_t used = 0;
  for (resolved_graph::node& node : network.nodes)
    for (parameter_declaration& p : node.parameters) {
      const std::string declared = p.name;
      if (const auto found = names.find(declared); found != names.end()) {
        p.name = found->second;
        ++used;
      }
      take(p.name, declared);
    }
  if (used == names.size()) return;
  for (const auto& [declared, name] : names) {
    if (const auto found = taken.find(name); found != taken.end() && found->second == declared)
      continue;
    bool may_come = false;  // a bias that a plan may create
    for (const resolved_graph::node& node : network.nodes)
      may_come = may_come || declared == concat(node.name, ".bias");
    if (!may_come)
      throw argument_error(errc::unknown_name,
                           concat("network_structure: the table of names has ", declared,
                                  ", which is no parameter of the graph"));
    take(name, declared);
  }
}

template <class = compiled_on_use>
[[nodiscard]] std::vector<coupling> find_couplings(const resolved_graph& network,
                                                   const channel_structure& structure) {
  const auto at = [](Index i) { return static_cast<std::size_t>(i); };
  std::vector<coupling> result(structure.couplings());
  for (std::size_t k = 0; k < result.size(); ++k) {
    result[k].name = network.nodes[structure.first_node_of(k)].name;
    result[k].units = static_cast<Index>(structure.units_of[k].size());
  }
  const auto add_member = [&](const parameter_declaration& parameter, axis along,
                              std::span<const Index> units) {
    std::vector<Index> unit_of;
    for (const Index unit : units) unit_of.push_back(structure.number_of[at(unit)]);
    result[at(structure.coupling_of[at(units.front())])].members.push_back(
        {parameter.name, along, std::move(unit_of), is_scored(parameter.role),
         parameter.role == parameter_role::scale});
  };
  for (std::size_t n = 0; n < network.nodes.size(); ++n) {
    const resolved_graph::node& node = network.nodes[n];
    for (const parameter_declaration& p : node.parameters) {
      if (is_statistic(p.role))
        continue;  // nothing that pruning zeroes: a plan slices them, a mask leaves them alone
      if (p.per_channel) add_member(p, axis::out, structure.unit_of[n]);
      if (const auto read = structure.read_by(network, n, p); !read.empty())
        add_member(p, axis::in, read);
    }
    const auto keep = [&](std::span<const Index> units, keep_reason why) {
      for (const Index unit : units) {
        coupling& c = result[at(structure.coupling_of[at(unit)])];
        c.stays.resize(at(c.units));
        std::optional<keep_reason>& first = c.stays[at(structure.number_of[at(unit)])];
        if (!first) first = why;
      }
    };
    if (node.is_output) keep(structure.unit_of[n], keep_reason::output_of_network);
    if (node.is_network_input) keep(structure.unit_of[n], keep_reason::input_of_network);
    if (structure.maps[n].keeps == keep_reason::opaque)
      keep(structure.unit_of[n], keep_reason::opaque);
    keep(structure.used_unknown[n], keep_reason::opaque);
  }
  return result;
}

}  // namespace detail

/// A declared graph, resolved and analysed once: shapes, which channels live and die together, and
/// what everything costs. A value, cheap to copy, that is handed to whoever asks: `couple`,
/// `plan_removal`, `compact`, `propagate_dead_units`, allocations, nn.
///
///     const prunus::network_structure network(graph);
///     prunus::couple(net, network);
///     prunus::prune(net, prunus::pass{prunus::l2_norm{}, prunus::filter,
///                                     prunus::macs_target{network}}, 0.5);
///     const prunus::plan plan = prunus::plan_removal(network, net);
///     const prunus::graph smaller = prunus::compact(network, plan);
///
/// A graph converts to it, for those who ask once.
class network_structure {
 public:
  /// @throws what `resolve` throws; argument_error (unknown_name, duplicate_name: the table of
  ///         names); graph_error (bad_node: an operation that says what cannot be of its channels)
  /// Cost: linear in channels, nodes and edges; no weights are looked at.
  template <class = compiled_on_use>
  network_structure(  // NOLINT(google-explicit-constructor): a graph says all of it
      graph declared, name_table names = {}) {
    const auto data = std::make_shared<detail::structure_data>();
    data->declared = std::move(declared);
    data->names = std::move(names);
    data->resolved = resolve(data->declared);
    detail::rename_parameters(data->resolved, data->names);
    data->channels = detail::find_channel_structure(data->resolved);
    data->couplings = detail::find_couplings(data->resolved, data->channels);
    for (std::size_t k = 0; k < data->couplings.size(); ++k)
      data->number_of.emplace(data->couplings[k].name, k);
    data->costs = detail::cost_model(data->resolved, data->channels);
    data_ = data;
  }

  // Of a temporary they are copies: `for (const auto& c : network_structure(graph).couplings())`.
  [[nodiscard]] const graph& declared() const& noexcept { return data_->declared; }
  template <class = compiled_on_use>
  [[nodiscard]] graph declared() && {
    return data_->declared;
  }
  [[nodiscard]] const resolved_graph& resolved() const& noexcept { return data_->resolved; }
  template <class = compiled_on_use>
  [[nodiscard]] resolved_graph resolved() && {
    return data_->resolved;
  }

  /// The couplings of a network: which channels of which tensors must be pruned together.
  ///
  /// Sums and products tie their inputs channel by channel (a channels x 1 x 1 factor too),
  /// depth-wise convolutions tie outputs to inputs, grouped convolutions tie channel i of all
  /// groups so that groups stay equal, split_heads ties the features of a head, attention those of
  /// a head of query, key and value: each operation says so of itself. Units whose channels meet in
  /// one tensor (behind a concatenation, say) share one coupling, so that each axis of each tensor
  /// belongs to exactly one.
  ///
  /// Members are the weights that produce the channels (axis out, scored), the biases, scales and
  /// shifts that follow (axis out, not scored) and the weights that read them (axis in, scored).
  /// The in axis of a depth-wise weight, of extent 1, and running statistics are no members. A
  /// coupling bears the name of the first node, in computing order, in which it appears. Units that
  /// are channels of an input or an output of the network, or that an operation uses in a way that
  /// is not known, say that they stay; the others of the coupling may go.
  ///
  /// Cost: linear in channels and nodes; no weights are looked at.
  [[nodiscard]] const std::vector<coupling>& couplings() const& noexcept {
    return data_->couplings;
  }
  template <class = compiled_on_use>
  [[nodiscard]] std::vector<coupling> couplings() && {
    return data_->couplings;
  }
  /// The number of the coupling of that name, or -1.
  [[nodiscard]] Index find_coupling(std::string_view name) const noexcept {
    const auto found = data_->number_of.find(name);
    return found == data_->number_of.end() ? -1 : static_cast<Index>(found->second);
  }

  /// What the network costs as declared.
  /// @throws argument_error (out_of_range) for a scalar_bytes below 1
  template <class = compiled_on_use>
  [[nodiscard]] prunus::cost cost(Index scalar_bytes = 4) const {
    return cost_of(data_->resolved, scalar_bytes);
  }
  /// What it costs when unit u of coupling k stays where `keep[k][u]` is not 0. Arithmetic on
  /// shapes: a layer may be emptied, and biases that a plan has to add do not count. Linear in the
  /// units; one small allocation.
  /// @throws shape_error (shape_mismatch), argument_error (out_of_range: scalar_bytes)
  template <class = compiled_on_use>
  [[nodiscard]] prunus::cost cost_of_kept(std::span<const std::span<const std::uint8_t>> keep,
                                          Index scalar_bytes = 4) const {
    detail::expect_scalar_bytes(scalar_bytes);
    return data_->costs.of_kept(keep, scalar_bytes);
  }
  /// Multiply-adds when coupling k loses the share `rates[k]` of its units, not rounded.
  /// @pre one rate in [0, 1] for each coupling
  template <class = compiled_on_use>
  [[nodiscard]] double macs_at(std::span<const double> rates) const noexcept {
    return data_->costs.macs_at(rates);
  }

  /// Of the library's own analyses.
  [[nodiscard]] const detail::structure_data& data() const noexcept { return *data_; }

 private:
  std::shared_ptr<const detail::structure_data> data_;
};

}  // namespace v0
}  // namespace prunus
