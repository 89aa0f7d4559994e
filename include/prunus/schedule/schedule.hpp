// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/schedule/progress.hpp>

#include <algorithm>    // std::min
#include <concepts>     // std::same_as
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// A schedule says when to prune and how much: two pure functions and a check of its numbers.
///
/// `s.events(progress)`: how many prunings should have happened by now. A scheduler prunes when the
/// count has grown, so that steps may be skipped and a run may be resumed anywhere.
/// `s.target(event)`: the target sparsity of event 1, 2, ..., in [0, 1).
/// `s.check()`: throws argument_error (out_of_range) where the numbers make no schedule.
template <class S>
concept schedule = requires(const S& s, const progress& now, Index event) {
  { s.events(now) } -> std::same_as<Index>;
  { s.target(event) } -> std::same_as<double>;
  s.check();
};

namespace detail {

/// Regular events at begin, begin + every, ..., and at `end` itself.
struct interval {
  Index begin, end, every;

  [[nodiscard]] constexpr Index events(const progress& now, time_unit by) const noexcept {
    const Index time = time_of(now, by);
    if (time < begin) return 0;
    return time >= end ? last() : (time - begin) / every + 1;
  }
  /// Number of the event at `end`.
  [[nodiscard]] constexpr Index last() const noexcept {
    return (end - begin + every - 1) / every + 1;
  }
  /// Share of the way from begin to end at `event`, in [0, 1].
  [[nodiscard]] constexpr double share(Index event) const noexcept {
    if (event >= last()) return 1;
    return static_cast<double>((event - 1) * every) / static_cast<double>(end - begin);
  }
  void check(std::string_view where) const {
    if (begin < 0 || end < begin || every < 1)
      throw argument_error(errc::out_of_range,
                           concat(where, ": begin ", begin, ", end ", end, ", every ", every,
                                  "; it must be 0 <= begin <= end and every >= 1"));
  }
};

inline void check_target(std::string_view where, std::string_view what, double sparsity) {
  if (!(sparsity >= 0 && sparsity < 1))
    throw argument_error(errc::out_of_range,
                         concat(where, ": ", what, " is ", sparsity, "; it must lie in [0, 1)"));
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
