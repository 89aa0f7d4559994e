// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/schedule/progress.hpp>

#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {

/// What scheduler::finish() found: the schedules that ended before their last event, so that the
/// model is less sparse than was asked for.
///
///     if (const prunus::finish_report report = scheduler.finish(); !report.complete())
///       std::fputs(report.message().c_str(), stderr);
struct finish_report {
  struct unfinished {
    Index entry = 0;   ///< position on the timeline, from 0, in the order of adding
    Index events = 0;  ///< number of the event carried out last; 0 if none was
    Index last = 0;    ///< number of the schedule's last event
    /// What scheduler::step was told last, with the loss and accuracy of the last call that knew
    /// them; nothing if it was never called.
    std::optional<progress> told;
    std::string hint;  ///< how to reach the last event; empty where more training is needed
  };
  std::vector<unfinished> ended_early;

  /// True when every schedule that says which event is its last has come to it.
  [[nodiscard]] bool complete() const noexcept { return ended_early.empty(); }

  /// A line for every schedule that ended early; empty when complete.
  [[nodiscard]] std::string message() const {
    std::string text;
    for (const unfinished& u : ended_early) {
      text += detail::concat("schedule ", u.entry, " of the scheduler ended after event ", u.events,
                             " of ", u.last);
      if (u.told)
        text += detail::concat("; told last: step ", u.told->step, ", epoch ", u.told->epoch);
      if (!u.hint.empty()) text += "; " + u.hint;
      text += '\n';
    }
    return text;
  }
};

}  // namespace v0
}  // namespace prunus
