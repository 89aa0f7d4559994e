// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/pass_state.hpp>

namespace prunus {
inline namespace v0 {
namespace detail {

/// One event of anything that is used as a pass, on the threads of `pool` if it takes a pool_ref.
template <class Pass, weight_scalar S>
pass_report prune_on(pool_ref pool, const Pass& pass, const model<S>& net, pass_state& state,
                     Index event, double target) {
  if constexpr (requires { pass.prune(net, state, event, target, pool); })
    return pass.prune(net, state, event, target, pool);
  else
    return pass.prune(net, state, event, target);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
