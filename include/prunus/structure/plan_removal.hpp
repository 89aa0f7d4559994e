// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/structure/detail/channel_structure.hpp>
#include <prunus/structure/detail/constant_channels.hpp>
#include <prunus/structure/detail/kept_units.hpp>
#include <prunus/structure/detail/removal_analysis.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan.hpp>

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
void mark_named(const unit_selection& named, const network_structure& network,
                std::vector<std::uint8_t>& wanted) {
  const channel_structure& structure = network.data().channels;
  const auto mark = [&](const std::vector<Index>& units) {
    for (const Index u : named.units) {
      if (u < 0 || u >= static_cast<Index>(units.size()))
        throw argument_error(errc::out_of_range, concat("plan_removal: ", named.name, " has ",
                                                        units.size(), " units, no unit ", u));
      wanted[static_cast<std::size_t>(units[static_cast<std::size_t>(u)])] = 1;
    }
  };
  if (const Index k = network.find_coupling(named.name); k >= 0)
    return mark(structure.units_of[static_cast<std::size_t>(k)]);
  const resolved_graph& resolved = network.resolved();
  for (std::size_t n = 0; n < resolved.nodes.size(); ++n)
    for (const parameter_declaration& p : resolved.nodes[n].parameters)
      if (p.name == named.name && p.per_channel) return mark(structure.unit_of[n]);
  throw argument_error(errc::unknown_name,
                       concat("plan_removal: ", named.name, " is neither a coupling nor a ",
                              "parameter of the graph with an output for each channel"));
}

template <class = compiled_on_use>
[[nodiscard]] plan plan_from_weights(const structure_data& network, const bound_tensors& tensors,
                                     bool approximate, Index scalar_bytes) {
  const auto values = find_channel_values(network.resolved, tensors, approximate);
  const removal_analysis<> analysis(network, tensors, values, approximate);
  kept_units kept(network.resolved, network.channels);
  analysis.find_kept(kept);
  plan result = plan_without(network, kept, analysis.reasons());
  analysis.add_folds(result, kept);
  analysis.add_notes(result, kept);
  count_costs(result, network, kept, scalar_bytes);
  return result;
}

}  // namespace detail

/// What can go without changing the outputs, judged by the weights as they are (masked or not).
///
/// A channel goes when whoever reads it reads a constant (all weights that make it are zero for
/// what is alive, or a scale is zero) that the reader's bias can take over, or when nobody reads
/// it, together with its whole unit of a coupling. What it still emits (bias, shift of a
/// normalisation, through activations, sums, products and pooling) is folded into the bias of its
/// readers, into the running mean of the batch normalisation behind them, or into a new bias. Dead
/// channels that must stay are noted: see keep_reason. No layer loses its last channel. What
/// reaches an operation that says nothing of how it uses a channel stays, and the plan names it.
///
/// Batch normalisation and dropout count as at inference. The model needs every parameter of the
/// graph, running statistics too; its own couplings are not used.
///
/// Cost: linear in weights and channels. Channels that are not finite count as alive.
/// @throws argument_error (unknown_name), shape_error (shape_mismatch)
template <weight_scalar S>
[[nodiscard]] plan plan_removal(const network_structure& network, const model<S>& net,
                                removal_options options = {}) {
  const bool approximate = options.at_padding == padding_policy::approximate;
  const detail::structure_data& data = network.data();
  const detail::bound_tensors tensors = detail::bind(data.resolved, net);
  return detail::plan_from_weights(data, tensors, approximate, static_cast<Index>(sizeof(S)));
}

/// Removes the named channels whatever they hold, and what is coupled to them: the outputs of the
/// network change and nothing is folded. For smaller networks to be trained from scratch. What the
/// network's ends need, and the last channel of a layer, stays and is noted. Bytes are counted for
/// float.
/// @throws argument_error (unknown_name, out_of_range)
template <class = compiled_on_use>
[[nodiscard]] plan plan_removal(const network_structure& network,
                                const std::vector<unit_selection>& requested) {
  const detail::structure_data& data = network.data();
  const detail::channel_structure& structure = data.channels;
  std::vector<std::uint8_t> wanted(static_cast<std::size_t>(structure.units()));
  for (const unit_selection& named : requested) detail::mark_named(named, network, wanted);

  detail::kept_units kept(data.resolved, structure);
  kept.keep_ends();
  for (Index unit = 0; unit < structure.units(); ++unit)
    if (wanted[static_cast<std::size_t>(unit)] == 0) kept.keep(unit, {});
  kept.propagate([](Index) {});
  plan result =
      detail::plan_without(data, kept, std::vector(wanted.size(), plan::removal_reason::requested));
  for (std::size_t k = 0; k < structure.couplings(); ++k)
    for (const Index unit : structure.units_of[k])
      if (wanted[static_cast<std::size_t>(unit)] != 0 && kept.is_kept(unit)) {
        const detail::kept_units::cause& why = kept.why(unit);
        result.kept.push_back({data.couplings[k].name,
                               structure.number_of[static_cast<std::size_t>(unit)], why.reason,
                               data.resolved.nodes[why.node].name});
      }
  detail::count_costs(result, data, kept, 4);
  return result;
}

}  // namespace v0
}  // namespace prunus
