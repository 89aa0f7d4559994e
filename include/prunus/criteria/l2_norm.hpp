// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/norm.hpp>

namespace prunus {
inline namespace v0 {

/// Euclidean norm of a tile: score = sqrt(sum w^2).
///
/// @shape weight: any layout of up to four axes; scores: one a tile
/// Ties go to the lower tile. NaN and infinite weights make NaN or infinite scores, which selection
/// refuses by name; squares of finite weights neither overflow nor vanish.
/// @source Y. He, G. Kang, X. Dong, Y. Fu, Y. Yang, "Soft Filter Pruning for Accelerating Deep
/// Convolutional Neural Networks", IJCAI 2018, doi:10.24963/ijcai.2018/309, equation 2 with p = 2
/// @deviation any tile, not filters only
using l2_norm = norm<detail::square_sum>;

static_assert(criterion<l2_norm, float> && criterion<l2_norm, double>);

}  // namespace v0
}  // namespace prunus
