// SPDX-License-Identifier: MIT
#pragma once

namespace prunus {
inline namespace v0 {
namespace nn {

/// What training wants of the gates beside a small loss.
struct gated_loss {
  double lasso = 0;           ///< weight of the mean, over the samples, of the gates' lasso terms
  double budget = 0;          ///< weight of (executed / dense multiply-adds - budget_share)^2
  double budget_share = 0.5;  ///< wanted, 0 to 1
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus
