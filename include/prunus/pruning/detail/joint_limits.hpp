// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>

#include <algorithm>  // std::max, std::min
#include <numeric>    // std::gcd, std::lcm
#include <string>     // std::string

namespace prunus {
inline namespace v0 {
namespace detail {

/// Limits of units such that those of every layer hold in channels.
class joint_limits {
 public:
  struct layer {
    const std::string& name;
    prunus::limits wanted;
    Index each;   ///< channels that go with one unit
    Index here;   ///< channels in all of the units
    Index stays;  ///< channels in none, that cannot go
    Index free;   ///< channels in these and in other units, that may go
  };

  explicit joint_limits(Index units) : units_(units) {}

  /// @throws argument_error (out_of_range: one rounds up, another down)
  void add(const layer& l) {
    const Index m = l.wanted.multiple_of;
    if (m > 1) {
      set_rounding(l);
      if (l.stays % m == 0) {
        found_.multiple_of = std::lcm(found_.multiple_of, m / std::gcd(m, l.each));
      } else {
        found_.min_kept = units_;
        remark_ = concat("all stays: the ", l.stays, " channels of ", l.name,
                         " that cannot go are no multiple of ", m);
      }
    }
    // Of what must stay, the share of these units. The last tile may be smaller than the others.
    const Index needed = std::max<Index>(l.wanted.min_kept - l.stays, 0);
    const Index share = l.free == l.here ? needed : divide_up(needed * l.here, l.free);
    const Index missing = l.each * units_ - l.here;
    found_.min_kept =
        std::max(found_.min_kept, std::min(divide_up(share + missing, l.each), units_));
  }

  [[nodiscard]] const prunus::limits& found() const noexcept { return found_; }
  /// Why nothing goes; empty where something may.
  [[nodiscard]] const std::string& remark() const noexcept { return remark_; }

 private:
  [[nodiscard]] static Index divide_up(Index a, Index b) noexcept { return (a + b - 1) / b; }

  void set_rounding(const layer& l) {
    const rounding asked = l.wanted.round;
    if (asked == rounding::nearest) return;
    if (found_.round != rounding::nearest && found_.round != asked)
      throw argument_error(
          errc::out_of_range,
          concat("pass: ", l.name, " is to be rounded ", asked == rounding::up ? "up" : "down",
                 " to a multiple, what it is coupled with the other way"));
    found_.round = asked;
  }

  Index units_;
  prunus::limits found_{};
  std::string remark_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
