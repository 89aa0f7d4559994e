// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What one event of a pass did, and what it left undone.
struct pass_report {
  struct parameter {
    std::string name;
    Index units = 0;         ///< tiles of the parameter
    Index kept = 0;          ///< tiles kept
    Index weights = 0;       ///< single weights
    Index weights_kept = 0;  ///< single weights in the tiles kept
  };
  /// What did not go as asked: a parameter that lost less than its share, one that cannot be
  /// pruned, a pattern that fits nothing.
  struct remark {
    std::string name;  ///< of the parameter or coupling; empty where it is about the whole pass
    std::string text;
  };

  Index event = 0;
  double target = 0;  ///< the sparsity asked for
  /// What was ranked, then what is in the scope and cannot be pruned.
  std::vector<parameter> parameters;
  std::vector<remark> remarks{};
  std::string_view of = "units";     ///< what `target` is a share of
  std::optional<double> measured{};  ///< the share removed, where it is not one of units

  /// The share removed, of what the target is a share of: compare it with `target`. Layers that
  /// cannot be pruned count, outputs of the network and what lies outside of the scope do not.
  [[nodiscard]] double achieved() const noexcept {
    if (measured) return *measured;
    Index units = 0, kept = 0;
    for (const parameter& p : parameters) {
      units += p.units;
      kept += p.kept;
    }
    return units == 0 ? 0.0 : 1.0 - static_cast<double>(kept) / static_cast<double>(units);
  }
};

/// The report in words, a line for the whole, one for each parameter, one for each remark.
template <class = compiled_on_use>
[[nodiscard]] std::string to_text(const pass_report& report) {
  std::string text = detail::concat("event ", report.event, ": ", report.target, " of the ",
                                    report.of, " should be removed, ", report.achieved(), " are\n");
  for (const pass_report::parameter& p : report.parameters)
    text += detail::concat("  ", p.name, ": ", p.kept, " of ", p.units, " tiles, ", p.weights_kept,
                           " of ", p.weights, " weights stay\n");
  for (const pass_report::remark& r : report.remarks)
    text += r.name.empty() ? detail::concat("  note: ", r.text, "\n")
                           : detail::concat("  note: ", r.name, ": ", r.text, "\n");
  return text;
}

}  // namespace v0
}  // namespace prunus
