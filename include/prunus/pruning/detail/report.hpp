// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/mask.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/detail/decision.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/selection/keep_above.hpp>

#include <cstddef>  // std::size_t
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// What the masks of a state keep, of all parameters that were ranked. What a sweep has counted is
/// not counted again.
inline pass_report report_of(const pass_state& state, const pass_event& event,
                             const swept_weights& kept_weights) {
  std::vector<const pass_state::target::member*> scored;
  for (const pass_state::target& t : state.targets)
    for (const pass_state::target::member& m : t.members)
      if (m.scored) scored.push_back(&m);
  pass_report result{event.number, event.target,
                     std::vector<pass_report::parameter>(scored.size())};
  event.pool.run(static_cast<Index>(scored.size()), [&](Index task) {
    const auto i = static_cast<std::size_t>(task);
    const mask& m = scored[i]->mask;
    const Index kept = kept_weights ? (*kept_weights)[i] : count_ones(m.bytes());
    result.parameters[i] = {scored[i]->name, m.size(), kept, m.grid().weights(),
                            m.grid().is_elementwise() ? kept : m.weights_kept()};
  });
  return result;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
