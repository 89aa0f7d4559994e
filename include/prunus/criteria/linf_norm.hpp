// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/norm.hpp>

#include <Eigen/Core>

namespace prunus {
inline namespace v0 {
namespace detail {

/// NaN wins.
struct largest_magnitude {
  static float larger(float a, float b) { return a >= b || a != a ? a : b; }
  static double larger(double a, double b) { return a >= b || a != a ? a : b; }
  static auto larger(const auto& a, const auto& b) { return (a >= b || a.isNaN()).select(a, b); }
  static auto of(const auto& weights) { return weights.abs(); }
  static auto reduce(const auto& terms) { return terms.template maxCoeff<Eigen::PropagateNaN>(); }
  static auto combine(const auto& a, const auto& b) { return larger(a, b); }
};

}  // namespace detail

/// Largest magnitude in a tile: score = max |w|.
///
/// @shape weight: any layout of up to four axes; scores: one a tile
/// Ties go to the lower tile. NaN and infinite weights make NaN or infinite scores, which selection
/// refuses by name.
/// @source the maximum norm, the limit p -> infinity of the norms of He et al. 2018,
/// doi:10.24963/ijcai.2018/309, eq. 2
using linf_norm = norm<detail::largest_magnitude>;

static_assert(criterion<linf_norm, float> && criterion<linf_norm, double>);

}  // namespace v0
}  // namespace prunus
