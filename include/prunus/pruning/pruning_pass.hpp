// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <concepts>  // std::same_as

namespace prunus {
inline namespace v0 {

/// What prune(), a scheduler and any_pass take: a pass, front_to_back, or a type of your own.
///
/// `p.prepare(net)` says what is pruned, `p.prune(net, state, event, target, pool)` carries out one
/// event, on the threads of `pool` if it can use them. One that throws leaves weights and state as
/// they were.
template <class P, class S>
concept pruning_pass = requires(const P& p, const model<S>& net, pass_state& state, Index event,
                                pool_ref pool) {
  { p.prepare(net) } -> std::same_as<pass_state>;
  { p.prune(net, state, event, 0.5, pool) } -> std::same_as<pass_report>;
};

}  // namespace v0
}  // namespace prunus
