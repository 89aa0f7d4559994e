// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/pass_state.hpp>

namespace prunus {
inline namespace v0 {
namespace detail {

/// One event of anything that is used as a pass, on the threads of `on` if it takes an executor.
template <class Pass, weight_scalar S>
pass_report prune_on(executor on, const Pass& pass, const model<S>& net, pass_state& state,
                     Index event, double target) {
  if constexpr (requires { pass.prune(net, state, event, target, on); })
    return pass.prune(net, state, event, target, on);
  else
    return pass.prune(net, state, event, target);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
