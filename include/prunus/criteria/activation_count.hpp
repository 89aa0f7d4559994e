// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/channel_factors.hpp>
#include <prunus/observe/activation_statistics.hpp>
#include <prunus/observe/statistics_ref.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <span>     // std::span

namespace prunus {
inline namespace v0 {

/// What of a unit's activations counts.
enum class activation_measure : std::uint8_t {
  count,        ///< how often it was active, that is, not 0
  sum,          ///< the sum of its activations
  weighted_sum  ///< that sum, each batch weighed by the accuracy of the training at its time
};

/// How often the unit that a weight feeds was active while training: score = c, or c |w|.
///
///     prunus::activation_statistics outputs;                    // gathered in the training loop
///     scheduler.add(prunus::accuracy_steps{}, prunus::pass{prunus::activation_count{outputs},
///                                                          prunus::element, prunus::global{}});
///
/// c belongs to the output of the weight, or to what it reads with `along = axis::in` and
/// statistics of inputs; statistics stand under the name of the weight. The score of a tile is the
/// sum of c |w| over its weights, or with `times_magnitude = false` the mean of c over its weights:
/// c itself for single weights and filters.
///
/// @shape weight: any layout of up to four axes; statistics: one a channel of the axis; scores: one
/// a tile
/// Cost: one pass over the weights with `times_magnitude`, else none; one number a channel is
/// allocated. Ties go to the lower tile. NaN weights make NaN scores with `times_magnitude` and are
/// not noticed without.
/// @throws argument_error (unknown_name: nothing was gathered for the weight; unsupported: another
/// axis), shape_error (shape_mismatch: statistics of another number of channels)
/// @source T. Ganguli, E. K. P. Chong, "Activation-Based Pruning of Neural Networks", Algorithms
/// 17(1):48, 2024, doi:10.3390/a17010048: a neuron's score is the number of times it is activated;
/// the authors' code: both ways to combine it with the weight, the three measures
/// @deviation our reading: any tile; a convolution counts every position of a channel, divided by
/// the number of all positions with `per_position`, so that layers of different planes compare. The
/// authors' global ranking takes its total from all kernels, the output layer included (ask for
/// sparsity * all / prunable weights), and ranks weights that are not zero yet: here weights that
/// are gone lead the ranking, and the target is the share that is gone in the end.
struct activation_count {
  statistics_ref<activation_statistics> statistics;
  activation_measure measure = activation_measure::count;
  bool times_magnitude = true;
  bool per_position = false;  ///< divided by the values seen of a channel
  axis along = axis::out;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    const auto factors =
        detail::factors_of<S>(p, (*statistics)[p.name], along, "activation_count",
                              [&](const activation_record& r, Index c) {
                                return measured(r, static_cast<std::size_t>(c)) /
                                       (per_position ? static_cast<double>(r.positions) : 1.0);
                              });
    if (times_magnitude)
      factors.weigh_magnitudes(grid, scores);
    else
      factors.mean_over_tiles(grid, scores);
  }

 private:
  [[nodiscard]] double measured(const activation_record& r, std::size_t c) const noexcept {
    switch (measure) {
      case activation_measure::count:
        return static_cast<double>(r.active[c]);
      case activation_measure::sum:
        return r.sum[c];
      case activation_measure::weighted_sum:
        return r.weighted[c];
    }
    return 0;
  }
};

static_assert(criterion<activation_count, float> && criterion<activation_count, double>);

}  // namespace v0
}  // namespace prunus
