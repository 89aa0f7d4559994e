// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/name_pattern.hpp>

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
    return (include.empty() || fits_any(include, name)) && !excludes(name);
  }
  [[nodiscard]] bool excludes(std::string_view name) const { return fits_any(exclude, name); }

 private:
  [[nodiscard]] static bool fits_any(const std::vector<std::string>& patterns,
                                     std::string_view name) {
    for (const std::string& pattern : patterns)
      if (matches(pattern, name)) return true;
    return false;
  }
};

}  // namespace v0
}  // namespace prunus
