// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>

#include <cmath>   // std::abs
#include <span>    // std::span
#include <vector>  // std::vector

namespace prunus {
inline namespace v0 {

/// How much of a channel its normalisation lets through: score = |gamma|.
///
/// Meant for networks that were trained with a penalty on these scales (`scale_sparsity`). Over
/// coupled filters a unit scores the mean |gamma| of its batch or layer normalisations. Without
/// couplings it scores normalisation scales that are pruned themselves (vectors, tile `element`).
///
/// @shape weight: a vector of scales; or a coupling with at least one normalisation scale a unit
/// Ties go to the lower unit. NaN scales make NaN scores, which selection refuses by name.
/// @throws argument_error (unsupported: a weight that is no vector, a unit without a scale)
/// Cost: one pass over the scales.
/// @source Z. Liu et al., "Learning Efficient Convolutional Networks through Network Slimming",
/// ICCV 2017, doi:10.1109/ICCV.2017.298; as the structured half of D. Tian, S. Yamagiwa, K. Wada,
/// "Heuristic Method for Minimizing Model Size of CNN by Combining Multiple Pruning Techniques",
/// Sensors 22(15):5874, 2022, doi:10.3390/s22155874
/// @deviation our reading: the mean over the normalisations of coupled layers. The reference
/// removes every scale up to the threshold; here an allocation removes exactly as many as asked
struct batch_norm_scale {
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    if (p.weight.rank != 1 || !grid.is_elementwise())
      throw argument_error(
          errc::unsupported,
          detail::concat("batch_norm_scale: ", p.name, " is ", describe(p.weight),
                         "; it scores filters of a model whose couplings are known (call couple), "
                         "or vectors of scales with the tile element"));
    for (std::size_t i = 0; i < scores.size(); ++i)
      scores[i] = static_cast<score_of<S>>(std::abs(p.weight.data[i]));
  }

  template <weight_scalar S>
  void score(const coupled_weights<S>& weights, std::span<score_of<S>> scores) const {
    std::vector<double> sum(scores.size(), 0);
    std::vector<Index> count(scores.size(), 0);
    for (const auto& m : weights.members) {
      if (!m.scale) continue;
      for (std::size_t i = 0; i < m.unit_of.size(); ++i) {
        const std::size_t unit = static_cast<std::size_t>(m.unit_of[i]);
        sum[unit] += std::abs(static_cast<double>(m.parameter->weight.data[i]));
        ++count[unit];
      }
    }
    for (std::size_t u = 0; u < scores.size(); ++u)
      if (count[u] == 0)
        throw argument_error(
            errc::unsupported,
            detail::concat("batch_norm_scale: unit ", u, " of ", weights.name,
                           " passes no normalisation; leave it out of the scope of this pass"));
    for (std::size_t u = 0; u < scores.size(); ++u)
      scores[u] = static_cast<score_of<S>>(sum[u] / static_cast<double>(count[u]));
  }
};

static_assert(coupling_criterion<batch_norm_scale, float> &&
              coupling_criterion<batch_norm_scale, double>);

}  // namespace v0
}  // namespace prunus
