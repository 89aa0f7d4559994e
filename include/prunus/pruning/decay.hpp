// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/pruning/action.hpp>

#include <cstdint>      // std::uint8_t
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// How the factors of a tile that keeps losing add up.
enum class decay_semantics : std::uint8_t {
  per_event_factor,   ///< every event multiplies by alpha(t): the factors multiply up
  cumulative_target,  ///< the factors of a tile that keeps losing multiply up to alpha(t) itself
};

namespace detail {

/// The factor of a tile that loses at `event` under a curve `alpha` that begins at most at 1, stays
/// above 0 until `duration` and ends there. Events that were passed over do not matter: a
/// cumulative target divides by what the curve said at the event that was carried out last.
template <class Decay>
[[nodiscard]] double decay_factor(const Decay& decay, Index event, Index lost_at) noexcept {
  if (decay.permanent(event)) return 0;
  const auto at = [&](Index e) {
    return decay.alpha(static_cast<double>(e) / static_cast<double>(decay.duration));
  };
  const bool relative = decay.semantics == decay_semantics::cumulative_target && lost_at > 0;
  return relative ? at(event) / at(lost_at) : at(event);
}

inline void check_decay(std::string_view where, Index duration) {
  if (duration < 1)
    throw argument_error(errc::out_of_range, concat(where, ": the duration is ", duration,
                                                    " events; it must be at least 1"));
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
