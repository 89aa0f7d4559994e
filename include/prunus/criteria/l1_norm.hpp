// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/norm.hpp>

namespace prunus {
inline namespace v0 {

/// Sum of the magnitudes of a tile: score = sum |w|.
///
/// @shape weight: any layout of up to four axes; scores: one a tile
/// Ties go to the lower tile. NaN and infinite weights make NaN or infinite scores, which selection
/// refuses by name.
/// @source H. Li, A. Kadav, I. Durdanovic, H. Samet, H. P. Graf, "Pruning Filters for Efficient
/// ConvNets", ICLR 2017, arXiv:1608.08710, section 3 (filters); S. Han, J. Pool, J. Tran, W. J.
/// Dally, "Learning both Weights and Connections for Efficient Neural Networks", NeurIPS 2015,
/// arXiv:1506.02626 (single weights)
/// @deviation any tile, not filters and single weights only
using l1_norm = norm<detail::magnitude_sum>;

static_assert(criterion<l1_norm, float> && criterion<l1_norm, double>);

}  // namespace v0
}  // namespace prunus
