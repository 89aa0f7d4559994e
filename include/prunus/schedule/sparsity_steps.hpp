// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

#include <cstddef>  // std::size_t
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// A list of times and sparsities: `sparsity_steps{{{1000, 0.3}, {2000, 0.5}, {4000, 0.8}}}`.
///
/// Times grow. When a scheduler skips over several of them, the last one counts.
struct sparsity_steps {
  struct entry {
    Index at = 0;
    double sparsity = 0;
  };
  std::vector<entry> list;
  time_unit by = time_unit::step;

  [[nodiscard]] Index events(const progress& now) const noexcept {
    Index count = 0;
    for (const entry& e : list) count += e.at <= detail::time_of(now, by) ? 1 : 0;
    return count;
  }
  [[nodiscard]] double target(Index event) const noexcept {
    return event < 1 || event > static_cast<Index>(list.size())
               ? 0
               : list[static_cast<std::size_t>(event - 1)].sparsity;
  }
  [[nodiscard]] Index last() const noexcept { return static_cast<Index>(list.size()); }
  void check() const {
    if (list.empty())
      throw argument_error(errc::out_of_range,
                           "sparsity_steps: the list is empty; give it at least one entry");
    Index before = -1;
    for (const entry& e : list) {
      detail::check_target("sparsity_steps", "a sparsity", e.sparsity);
      if (e.at <= before)
        throw argument_error(errc::out_of_range,
                             detail::concat("sparsity_steps: ", e.at, " follows ", before,
                                            "; times must be at least 0 and grow"));
      before = e.at;
    }
  }
};

static_assert(schedule<sparsity_steps>);

}  // namespace v0
}  // namespace prunus
