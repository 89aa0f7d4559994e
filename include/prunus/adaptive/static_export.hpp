// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/gate_statistics.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/plan_removal.hpp>

#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// A plan that takes out for good the channels whose gates were open in less than `share` of the
/// samples seen. What is left stays gated: cut the gates with `cut` of their class to the channels
/// that `kept_channels` names.
///
/// A closed channel is zero, so that with channels that never opened nothing changes for the
/// samples seen. The last channel of a layer, and what residual sums or outputs need, stays and is
/// noted in the plan.
/// @param statistics of weights of the graph, each named like its parameter
/// @throws argument_error (out_of_range: a share outside [0, 1], or no sample seen; unknown_name: a
///         weight that the graph has not), and what `resolve` throws
///
/// @source removing for good what hardly ever opens is our reading of Liu, Yang, Gao, Cheng 2022,
///         Applied Intelligence 52:16818-16831
/// @deviation the share is ours
template <class = compiled_on_use>
[[nodiscard]] plan plan_static_export(const graph& declared,
                                      std::span<const gate_statistics> statistics, double share) {
  if (!(share >= 0 && share <= 1))
    throw argument_error(errc::out_of_range,
                         detail::concat("plan_static_export: a share of ", share,
                                        " of the samples; expected 0 to 1"));
  std::vector<unit_selection> closed;
  for (const gate_statistics& s : statistics) {
    if (s.samples() == 0)
      throw argument_error(errc::out_of_range,
                           detail::concat("plan_static_export: the gate of ", s.name(),
                                          " has seen no sample; run some and record them"));
    closed.push_back({s.name(), s.rarely_open(share)});
  }
  return plan_removal(declared, closed);
}

/// The output channels of a weight that a plan leaves, ascending; all `channels` where it cuts
/// none.
[[nodiscard]] inline std::vector<Index> kept_channels(const plan& p, std::string_view weight,
                                                      Index channels) {
  const plan::tensor_slice* const slice = p.find(weight);
  std::vector<Index> kept;
  std::size_t next = 0;
  for (Index c = 0; c < channels; ++c)
    if (slice != nullptr && next < slice->out.size() && slice->out[next] == c)
      ++next;
    else
      kept.push_back(c);
  return kept;
}

}  // namespace v0
}  // namespace prunus
