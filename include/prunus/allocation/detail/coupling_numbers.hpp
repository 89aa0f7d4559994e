// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/network_structure.hpp>

#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Which coupling of the network each group is. For allocations that know more of a network than
/// scores: `where` is their name.
/// @throws argument_error (unsupported) for a group that is no coupling of the network
template <class T>
[[nodiscard]] std::vector<std::size_t> coupling_numbers(std::string_view where,
                                                        const network_structure& network,
                                                        std::span<const ranking_group<T>> groups) {
  const std::vector<coupling>& couplings = network.couplings();
  std::vector<std::size_t> numbers;
  for (const ranking_group<T>& group : groups) {
    const auto k = static_cast<std::size_t>(group.coupling);  // -1 is beyond all
    const auto fits = [&](const coupling& c) {
      return group.unit_of.empty() ? c.name == group.name && c.units == group.size()
                                   : c.units == static_cast<Index>(group.unit_of.size());
    };
    if (k >= couplings.size() || !fits(couplings[k]))
      throw argument_error(errc::unsupported,
                           concat(where, ": ", group.name,
                                  " is no coupling of the graph; use the tile filter and call "
                                  "couple(model, network) first"));
    numbers.push_back(k);
  }
  return numbers;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
