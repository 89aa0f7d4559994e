// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/view.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/selection/selection.hpp>

#include <string_view>  // std::string_view
#include <type_traits>  // std::is_same_v
#include <utility>      // std::declval

/// How selection ranks single weights without written scores.
namespace prunus {
inline namespace v0 {
namespace detail {

template <class Criterion, class S>
struct weight_source_of {
  using type = void;
};
template <class Criterion, class S>
  requires ranks_elements_unscored<Criterion, S>
struct weight_source_of<Criterion, S> {
  using type = decltype(std::declval<const Criterion&>().element_source(
      std::declval<const parameter<S>&>()));
};

/// Void where scores must be written.
template <class Criterion, class S>
using weight_source = typename weight_source_of<Criterion, S>::type;

template <class Run, class S>
[[nodiscard]] Run source_of(const weight_view<S>& weight, std::string_view name) {
  if constexpr (std::is_same_v<Run, score_source<S>>)
    return {weight.data, weight.size(), true, name};
  else
    return {weight.data, weight.size(), name};
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
