// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/structure/resolve.hpp>

#include <cstdint>   // std::uint8_t
#include <optional>  // std::optional

namespace prunus {
inline namespace v0 {
namespace detail {

/// A part of what a node costs, as a product of channels that stay: what every count, of the whole
/// network, of what masks leave, of shares, is made from.
struct cost_term {
  enum class quantity : std::uint8_t { macs, parameters, statistics };

  quantity of = quantity::macs;
  Index each = 0;                     ///< for every channel, or pair of channels
  std::optional<Index> channels{};    ///< a side of the node; unset: does not depend on any
  std::optional<Index> pairs_with{};  ///< another side
  Index groups = 1;                   ///< of that one
};

/// Calls `use(cost_term)` for every part of the cost of a node.
template <class Use>
void for_each_cost_term(const resolved_graph::node& node, const Use& use) {
  if (node.fixed_work > 0) use(cost_term{.each = node.fixed_work});
  for (const multiply_adds& work : node.work)
    use(cost_term{cost_term::quantity::macs, work.each, work.channels, work.pairs_with,
                  work.groups});
  for (const parameter_declaration& p : node.parameters) {
    cost_term term{
        is_statistic(p.role) ? cost_term::quantity::statistics : cost_term::quantity::parameters,
        p.size()};
    if (p.per_channel) {
      term.each /= p.extents()[0];
      term.channels = multiply_adds::of_result;
    }
    if (p.reads) {
      term.each /= p.extents()[1];
      (term.channels ? term.pairs_with : term.channels) = static_cast<Index>(p.reads->input);
      term.groups = p.reads->groups;
    }
    use(term);
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
