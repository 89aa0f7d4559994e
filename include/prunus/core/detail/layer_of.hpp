// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace detail {

/// "conv1.weight" is a tensor of the layer conv1.
[[nodiscard]] inline std::string_view layer_of(std::string_view parameter) noexcept {
  for (std::string_view suffix : {".weight", ".bias", ".running_mean", ".running_var"})
    if (parameter.ends_with(suffix)) return parameter.substr(0, parameter.size() - suffix.size());
  return parameter;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
