// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>    // std::isfinite
#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t

namespace prunus {
inline namespace v0 {

/// What is known of a channel of a result, for every input of the network.
struct channel_value {
  enum class kind : std::uint8_t {
    constant,  ///< `value` at every position
    border,    ///< a constant inside that breaks near the border, first at node `broken_at`
    alive      ///< anything
  };
  kind known = kind::constant;
  double value = 0;
  std::size_t broken_at = 0;
  bool approximate = false;  ///< a constant only as far as zero padding is ignored

  /// What is not finite is not trusted: alive.
  [[nodiscard]] static channel_value of(double constant, bool approximate = false) noexcept {
    return std::isfinite(constant) ? channel_value{kind::constant, constant, 0, approximate}
                                   : anything();
  }
  [[nodiscard]] static channel_value anything() noexcept { return {kind::alive, 0, 0, false}; }
  [[nodiscard]] static channel_value broken(std::size_t node) noexcept {
    return {kind::border, 0, node, false};
  }
  [[nodiscard]] bool is_constant() const noexcept { return known == kind::constant; }
  [[nodiscard]] bool is_alive() const noexcept { return known == kind::alive; }
  [[nodiscard]] bool is_zero() const noexcept {
    return is_constant() && value == 0 && !approximate;
  }
};

}  // namespace v0
}  // namespace prunus
