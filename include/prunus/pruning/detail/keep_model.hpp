// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>

namespace prunus {
inline namespace v0 {
namespace detail {

/// Has `saved` keep the weights and the optimizer state of all parameters, all that a pass may
/// write.
template <weight_scalar S, class Saved>
void keep_model(const model<S>& net, Saved& saved) {
  for (const parameter<S>& p : net.parameters()) {
    saved.keep(p.weight);
    for (const weight_view<S>& buffer : p.options.state) saved.keep(buffer);
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
