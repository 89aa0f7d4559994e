// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/structure/resolve.hpp>

#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace detail {

/// The parameter that the operation of a node calls so ("weight", "bias"), whatever its name in the
/// model is; null where it has none.
template <class S>
[[nodiscard]] const parameter<S>* node_parameter(const model<S>& net,
                                                 const resolved_graph::node& node,
                                                 std::string_view tensor) {
  const parameter_declaration* declared = node.find(tensor);
  return declared == nullptr ? nullptr : net.find(declared->name);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
