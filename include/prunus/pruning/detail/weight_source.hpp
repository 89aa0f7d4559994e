// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/view.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/relative_rule.hpp>
#include <prunus/selection/selection.hpp>

#include <string_view>  // std::string_view
#include <type_traits>  // std::conditional_t, std::is_same_v

/// How selection ranks single weights without written scores.
namespace prunus {
inline namespace v0 {
namespace detail {

template <class Criterion, class S>
struct weight_source_of {
  using type =
      std::conditional_t<scores_elements_by_magnitude<Criterion> && std::is_same_v<S, score_of<S>>,
                         score_source<S>, void>;
};
template <relative_rule Criterion>
struct weight_source_of<Criterion, float> {
  using type = relative_run<Criterion>;
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
