// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/detail/relative_rule.hpp>

#include <Eigen/Core>

#include <cmath>        // std::abs
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// The weights of one parameter, ranked by a relative rule without a score being written: within
/// the run in the order of their magnitudes, between runs by their scores, which are
///
///     float(Rule::element_score(w^2, sum over u with u^2 >= w^2 of u^2))
///
/// of squares rounded to float and sums of these that are exact and rounded once to double.
template <relative_rule Rule>
struct relative_run {
  const float* data = nullptr;
  Eigen::Index size = 0;
  std::string_view name{};  ///< for messages

  [[nodiscard]] float operator[](Eigen::Index i) const noexcept { return std::abs(data[i]); }
};

}  // namespace v0
}  // namespace prunus

#include <prunus/criteria/detail/relative_cut.hpp>
