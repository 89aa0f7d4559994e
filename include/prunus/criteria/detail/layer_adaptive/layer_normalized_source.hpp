// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cmath>        // std::abs
#include <concepts>     // std::same_as
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {
namespace detail {

/// How a weight scores by its square and by the sum of all squares of its parameter that are no
/// smaller. Never falls where the square grows, never grows where the sum does; 0 for a square of
/// 0.
template <class R>
concept layer_normalized_rule = requires(double square, double no_smaller) {
  { R::element_score(square, no_smaller) } -> std::same_as<double>;
};

/// The weights of one parameter, ranked without a score being written: within the parameter in the
/// order of their magnitudes, between parameters by their scores, which are
///
///     float(Rule::element_score(w^2, sum over u with u^2 >= w^2 of u^2))
///
/// of squares rounded to float and sums of these that are exact and rounded once to double.
template <layer_normalized_rule Rule>
struct layer_normalized_source {
  const float* data = nullptr;
  Eigen::Index size = 0;
  std::string_view name{};  ///< for messages

  [[nodiscard]] float operator[](Eigen::Index i) const noexcept { return std::abs(data[i]); }
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
