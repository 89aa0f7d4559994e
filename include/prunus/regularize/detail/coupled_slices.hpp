// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>

#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace detail {

/// Calls `use(position, offset, count)` for every run of weights that are neighbours in memory and
/// lie at one position along an axis.
template <class S, class Use>
void for_each_slice(const weight_view<S>& weight, axis along, Use use) {
  const Index extent = weight.extent(along), inner = weight.stride(along);
  const Index outer = weight.size() / (extent * inner);
  for (Index o = 0; o < outer; ++o)
    for (Index position = 0; position < extent; ++position)
      use(position, (o * extent + position) * inner, inner);
}

/// @throws argument_error (null_storage) where there is no gradient to add to
template <weight_scalar S>
void expect_gradient(std::string_view where, const parameter<S>& p) {
  if (p.options.gradient.empty())
    throw argument_error(errc::null_storage,
                         concat(where, ": ", p.name, " has no gradient; register it with ",
                                "model.add(name, weight, {.gradient = ...})"));
}

/// @throws argument_error (out_of_range)
inline void check_strength(std::string_view where, double strength) {
  if (!(strength >= 0 && strength <= 1e300))
    throw argument_error(errc::out_of_range, concat(where, ": the strength is ", strength,
                                                    "; it must be finite and at least 0"));
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
