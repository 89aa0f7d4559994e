// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/detail/constant_channels.hpp>
#include <prunus/structure/detail/kept_units.hpp>
#include <prunus/structure/detail/removal_analysis.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <string>   // std::string
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// What to do with a dead channel that emits a constant other than zero into zero padding, where
/// the constant breaks at the border and no bias can stand for it.
enum class padding_policy : std::uint8_t {
  keep,        ///< keep the channel and say why
  approximate  ///< remove it as if the padding continued the constant, and say so
};
struct removal_options {
  padding_policy at_padding = padding_policy::keep;
};

/// Channels that a caller wants removed, whatever they hold: units of the coupling of that name, or
/// else positions along the out axis of the parameter of that name.
struct unit_selection {
  std::string name;
  std::vector<Index> units;
};

namespace detail {

/// Marks what `named` asks for in `wanted`, per unit.
template <class = compiled_on_use>
void mark_named(const unit_selection& named, const resolved_graph& network,
                const channel_structure& structure, std::vector<std::uint8_t>& wanted) {
  const auto mark = [&](const std::vector<Index>& units) {
    for (Index u : named.units) {
      if (u < 0 || u >= static_cast<Index>(units.size()))
        throw argument_error(errc::out_of_range, concat("plan_removal: ", named.name, " has ",
                                                        units.size(), " units, no unit ", u));
      wanted[static_cast<std::size_t>(units[static_cast<std::size_t>(u)])] = 1;
    }
  };
  for (std::size_t k = 0; k < structure.couplings(); ++k)
    if (network.nodes[structure.first_node[k]].name == named.name)
      return mark(structure.units_of[k]);
  for (std::size_t n = 0; n < network.nodes.size(); ++n)
    for (const parameter_declaration& p : network.nodes[n].parameters)
      if (p.name == named.name) return mark(structure.unit_of[n]);
  throw argument_error(errc::unknown_name,
                       concat("plan_removal: ", named.name, " is neither a coupling nor a ",
                              "parameter of the graph"));
}

}  // namespace detail

/// What can go without changing the outputs, judged by the weights as they are (masked or not).
///
/// A channel goes when whoever reads it reads a constant (all weights that make it are zero for
/// what is alive, or a scale is zero) that the reader's bias can take over, or when nobody reads
/// it, together with its whole unit of a coupling. What it still emits (bias, shift of a
/// normalisation, through activations, sums, products and pooling) is folded into the bias of its
/// readers, into the running mean of the batch normalisation behind them, or into a new bias. Dead
/// channels that must stay are noted: see plan::keep_reason. No layer loses its last channel.
///
/// Batch normalisation and dropout count as at inference. The model needs every parameter of the
/// graph, running statistics too; its own couplings are not used.
///
/// Cost: linear in weights and channels. Channels that are not finite count as alive.
/// @throws what `resolve` throws; argument_error (unknown_name), shape_error (shape_mismatch)
template <weight_scalar S>
[[nodiscard]] plan plan_removal(const graph& declared, const model<S>& net,
                                removal_options options = {}) {
  const bool approximate = options.at_padding == padding_policy::approximate;
  const resolved_graph network = resolve(declared);
  const detail::bound_tensors<S> tensors = detail::bind(network, net);
  const detail::channel_structure structure = detail::find_channel_structure(network);
  const auto values = detail::find_channel_values<S>(network, tensors, approximate);
  const detail::removal_analysis<S> analysis{network, structure, tensors, values, approximate};

  detail::kept_units kept(network, structure);
  analysis.find_kept(kept);
  plan result = detail::plan_without(network, structure, kept, analysis.reasons());
  analysis.add_folds(result, kept);
  analysis.add_notes(result, kept);
  detail::count_costs(result, declared, network, static_cast<Index>(sizeof(S)));
  return result;
}

/// Removes the named channels whatever they hold, and what is coupled to them: the outputs of the
/// network change and nothing is folded. For smaller networks to be trained from scratch. What the
/// network's ends need, and the last channel of a layer, stays and is noted. Bytes are counted for
/// float.
/// @throws what `resolve` throws; argument_error (unknown_name, out_of_range)
template <class = compiled_on_use>
[[nodiscard]] plan plan_removal(const graph& declared,
                                const std::vector<unit_selection>& requested) {
  const resolved_graph network = resolve(declared);
  const detail::channel_structure structure = detail::find_channel_structure(network);
  std::vector<std::uint8_t> wanted(static_cast<std::size_t>(structure.units()));
  for (const unit_selection& named : requested)
    detail::mark_named(named, network, structure, wanted);

  detail::kept_units kept(network, structure);
  kept.keep_ends();
  for (Index unit = 0; unit < structure.units(); ++unit)
    if (wanted[static_cast<std::size_t>(unit)] == 0) kept.keep(unit, {});
  kept.settle([](Index) {});
  plan result = detail::plan_without(network, structure, kept,
                                     std::vector(wanted.size(), plan::removal_reason::requested));
  for (std::size_t k = 0; k < structure.couplings(); ++k)
    for (Index unit : structure.units_of[k])
      if (wanted[static_cast<std::size_t>(unit)] != 0 && kept.is_kept(unit)) {
        const std::string& name = network.nodes[structure.first_node[k]].name;
        const detail::kept_units::cause& why = kept.why(unit);
        result.kept.push_back({name, structure.number_of[static_cast<std::size_t>(unit)],
                               why.reason, network.nodes[why.node].name});
      }
  detail::count_costs(result, declared, network, 4);
  return result;
}

}  // namespace v0
}  // namespace prunus
