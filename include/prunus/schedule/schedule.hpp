// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/has_member.hpp>
#include <prunus/core/error.hpp>
#include <prunus/schedule/progress.hpp>

#include <concepts>     // std::same_as
#include <optional>     // std::optional
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// A schedule says when to prune and how much: two pure functions and a check of its numbers.
///
/// `s.events(progress)`: how many prunings should have happened by now. A scheduler prunes when the
/// count has grown, so that steps may be skipped and a run may be resumed anywhere.
/// `s.target(event)`: the target sparsity of event 1, 2, ..., in [0, 1).
/// `s.check()`: throws argument_error (out_of_range) where the numbers make no schedule.
///
/// A schedule that ends may say so; one that has the name with another signature does not compile:
///
///     Index last() const;   // number of the last event: scheduler::finish() tells when it was
///                           // not reached. A std::optional<Index> may say that there is none
template <class S>
concept schedule = requires(const S& s, const progress& now, Index event) {
  { s.events(now) } -> std::same_as<Index>;
  { s.target(event) } -> std::same_as<double>;
  s.check();
};

namespace detail {

struct named_last {
  int last;
};
template <class S>
concept has_last = can_be_base<S> && !requires {
  &with_name<S, named_last>::last;
};
template <class S>
concept says_last = requires(const S& s) {
  { s.last() } -> std::same_as<Index>;
}
|| requires(const S& s) {
  { s.last() } -> std::same_as<std::optional<Index>>;
};

/// Refuses a schedule whose `last` would be passed over.
template <class S>
consteval bool schedule_fits() {
  static_assert(!has_last<S> || says_last<S>,
                "prunus::schedule: the schedule's `last` must be `Index last() const`, the number "
                "of its last event");
  return true;
}

/// Number of the last event, where the schedule says one.
template <schedule S>
[[nodiscard]] std::optional<Index> last_event_of(const S& s) {
  if constexpr (says_last<S>)
    return s.last();
  else
    return std::nullopt;
}

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
    const Index way = end - begin;
    return way / every + (way % every == 0 ? 1 : 2);
  }
  /// Share of the way from begin to end at `event`, in [0, 1].
  [[nodiscard]] constexpr double share(Index event) const noexcept {
    if (event >= last()) return 1;
    return static_cast<double>((event - 1) * every) / static_cast<double>(end - begin);
  }
  void check(std::string_view where) const {
    if (begin < 0 || end <= begin || every < 1)
      throw argument_error(errc::out_of_range,
                           concat(where, ": begin ", begin, ", end ", end, ", every ", every,
                                  "; needed are 0 <= begin < end and every >= 1; for a single "
                                  "event use one_shot"));
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
