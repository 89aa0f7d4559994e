// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/pool_ref.hpp>

#include <algorithm>    // std::max
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// How many units of each entry go at least, because they are pruned already, and at most, by its
/// limits.
struct removal_bounds {
  std::vector<Index> least, most;
  Index units = 0, all_least = 0, all_most = 0;  ///< of all entries

  template <class T, class Source>
  explicit removal_bounds(std::span<const ranking_group<T, Source>> entries, pool_ref pool = {})
      : least(already_removed(entries, pool)) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      most.push_back(std::max(most_removable(entries[i].limits, entries[i].size()), least[i]));
      units += entries[i].size();
      all_least += least[i];
      all_most += most[i];
    }
  }

  /// `wanted` units of all, or as many as are pruned already.
  /// @throws argument_error (unreachable_target)
  template <class = compiled_on_use>
  [[nodiscard]] Index reachable(std::string_view where, Index wanted) const {
    wanted = std::max(wanted, all_least);
    if (wanted > all_most)
      throw argument_error(
          errc::unreachable_target,
          concat(where, ": ", wanted, " of ", units,
                 " units should go, the limits of the parameters let only ", all_most,
                 " go; lower the sparsity to at most ",
                 static_cast<double>(all_most) / static_cast<double>(std::max<Index>(units, 1)),
                 " or the limits"));
    return wanted;
  }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
