// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation/ranking_group.hpp>
#include <prunus/allocation/remove_smallest.hpp>
#include <prunus/core/name_pattern.hpp>
#include <prunus/core/pool_ref.hpp>

#include <algorithm>  // std::max, std::min
#include <span>       // std::span
#include <string>     // std::string
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// A sparsity of its own for every parameter, from a list of names (or patterns with `*`; the first
/// that fits counts).
///
/// The list is reached when the schedule's target reaches the largest sparsity in it; before that,
/// every entry grows in proportion: sparsity of a layer = listed * min(1, target / largest listed).
/// So `per_layer{{{"conv*", 0.3},
/// {"fc1.weight", 0.9}}}` under a ramp to 0.9 ends at 0.3 and 0.9.
///
/// @shape scores: one a unit of each parameter or coupling
/// @throws argument_error (out_of_range: a sparsity outside [0, 1); unknown_name: a pattern that
/// fits no parameter),
///         value_error (not_finite); nothing is then written
/// Ties and limits as in `uniform`. Cost: two passes over the scores.
/// @source a common option; e.g. the layer lists of S. Han et al. 2015, arXiv:1506.02626, section 4
/// @deviation growth in proportion under a ramp is our reading
struct per_layer {
  struct entry {
    std::string pattern;
    double sparsity = 0;
  };
  std::vector<entry> list;
  double otherwise = 0;  ///< sparsity of parameters that nothing in the list fits

  template <class T>
  void allocate(std::span<ranking_group<T>> units, double target, pool_ref pool = {}) const {
    detail::check_sparsity("per_layer", target);
    detail::check_sparsity("per_layer", otherwise);
    double largest = otherwise;
    for (const entry& e : list) {
      detail::check_sparsity("per_layer", e.sparsity);
      largest = std::max(largest, e.sparsity);
      const bool used = std::any_of(units.begin(), units.end(), [&](const ranking_group<T>& u) {
        return matches(e.pattern, u.name);
      });
      if (!used)
        throw argument_error(errc::unknown_name,
                             detail::concat("per_layer: \"", e.pattern, "\" fits none of the ",
                                            units.size(), " parameters that this pass prunes"));
    }
    const double grown = largest > 0 ? std::min(1.0, target / largest) : 0.0;
    std::vector<Index> wanted;
    for (const ranking_group<T>& u : units)
      wanted.push_back(detail::units_to_remove(u.size(), grown * sparsity_of(u.name)));
    detail::remove_within_limits<T>(units, wanted, pool);
  }

 private:
  [[nodiscard]] double sparsity_of(std::string_view name) const {
    for (const entry& e : list)
      if (matches(e.pattern, name)) return e.sparsity;
    return otherwise;
  }
};

static_assert(allocation<per_layer, float> && allocation<per_layer, double>);

}  // namespace v0
}  // namespace prunus
