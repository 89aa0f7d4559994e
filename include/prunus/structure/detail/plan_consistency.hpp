// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/structure/plan.hpp>

#include <cmath>          // std::isfinite
#include <set>            // std::set
#include <string>         // std::string
#include <string_view>    // std::string_view
#include <unordered_map>  // std::unordered_map
#include <utility>        // std::pair

namespace prunus {
inline namespace v0 {
namespace detail {

/// What a plan must hold whatever network it is of: nothing is said twice, folds are finite numbers
/// and agree on who takes them over, new biases are announced.
/// @throws argument_error (duplicate_name, unknown_name), value_error (not_finite)
template <class View = std::string_view>
void expect_consistent(const plan& p) {
  const auto twice = [](const auto&... what) {
    throw argument_error(errc::duplicate_name, concat("plan: ", what..., " twice"));
  };
  std::set<std::pair<View, Index>> units, channels;
  for (const plan::removal& r : p.removed)
    if (!units.emplace(r.coupling, r.unit).second)
      twice("removes unit ", r.unit, " of ", r.coupling);
  std::set<View> sliced, gains_bias;
  for (const plan::tensor_slice& s : p.slices)
    if (!sliced.insert(s.tensor).second) twice("slices ", s.tensor);
  std::unordered_map<View, View> weight_of_new;
  for (const plan::new_tensor& t : p.new_tensors)
    if (!weight_of_new.emplace(t.name, t.weight).second || !gains_bias.insert(t.weight).second)
      twice("creates ", t.name, " for ", t.weight);

  std::unordered_map<View, const plan::fold*> first_of;
  for (const plan::fold& f : p.folds) {
    if (!std::isfinite(f.value))
      throw value_error(errc::not_finite, concat("plan: folds ", f.value, " of ", f.from, ":",
                                                 f.channel, " into ", f.tensor));
    if (!channels.emplace(f.weight, f.channel).second)
      twice("folds channel ", f.channel, " of ", f.weight);
    const plan::fold& first = *first_of.emplace(f.tensor, &f).first->second;
    if (first.weight != f.weight || first.into != f.into)
      throw argument_error(errc::duplicate_name,
                           concat("plan: ", f.tensor, " takes over what ", first.weight, " and ",
                                  f.weight, " read; one layer, in one way, was expected"));
    const auto created = weight_of_new.find(f.tensor);
    const bool is_new = created != weight_of_new.end() && created->second == f.weight;
    if (is_new != (f.into == plan::receiver::new_bias))
      throw argument_error(errc::unknown_name,
                           concat("plan: folds into ", f.tensor, " as a ",
                                  is_new ? "tensor that is there" : "new bias", ", but ",
                                  is_new ? "creates it" : "creates none of that name for ",
                                  is_new ? std::string_view() : std::string_view(f.weight)));
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
