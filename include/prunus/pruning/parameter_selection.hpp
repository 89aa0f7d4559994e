// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/name_pattern.hpp>

#include <algorithm>    // std::any_of
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// Which parameters a pass touches: names or patterns with `*`. What is excluded stays out whatever
/// is included.
struct parameter_selection {
  std::vector<std::string> include{};  ///< empty: all
  std::vector<std::string> exclude{};

  [[nodiscard]] bool contains(std::string_view name) const {
    const auto fits = [&](const std::string& pattern) { return matches(pattern, name); };
    return (include.empty() || std::any_of(include.begin(), include.end(), fits)) &&
           !std::any_of(exclude.begin(), exclude.end(), fits);
  }
};

}  // namespace v0
}  // namespace prunus
