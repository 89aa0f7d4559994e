// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>
#include <prunus/criteria/detail/similar_units.hpp>
#include <prunus/criteria/similarity.hpp>

#include <cstdint>  // std::uint8_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// How the similarities of pairs become one score a filter.
enum class similarity_form : std::uint8_t {
  pair_sweep,    ///< the distance of the pair that costs a filter its place
  distance_sum,  ///< the sum of the distances to all other filters
};

/// A filter is the less important the more another one resembles it.
///
/// `pair_sweep`: of the pair of highest similarity that goes which is more similar to all filters
/// left (ties: the smaller norm, then the larger index), until one is left. Its score is the
/// distance of that pair: 1 - s for cosine and correlation, |a - b| for euclidean. The sweep of a
/// layer does not depend on other layers and takes pairs in the order of their distance; so an
/// allocation that ranks all layers as one carries out the sweep over the whole network:
///
///     prunus::pass{prunus::filter_similarity{}, prunus::filter,
///                  prunus::macs_target{graph, {.scaling = prunus::score_scaling::none}}}
///
/// removes filters by falling similarity until the MACs are low enough, and no layer has a rate of
/// its own to set; the score of the last filter removed is the threshold. Of pairs that are exactly
/// equally similar in several layers those of earlier layers go first, one of each layer in turn.
/// `distance_sum`: score = sum of the distances to all other filters.
///
/// @shape weight: any layout; tiles: whole filters, channels or heads; scores: one a tile,
/// distances Weights that live and die together: the mean distance over the weights that produce
/// the filters. Filters of zeros score 0, below all others, and are nobody's neighbours: a pruned
/// network scores as the smaller one. A filter of equal weights correlates with none (s = 0). NaN
/// and infinite weights, and float weights whose squares overflow, make the score of their own
/// filter NaN, which selection refuses by name. Equal filters have the distance 0 exactly: one of
/// them goes first.
/// @throws argument_error (unsupported: other tiles; `standardize` with `distance_sum`)
/// Cost: n^2 * length / 2 multiply-adds for n filters; the sweep holds n^2 distances, the sum no
/// more than some blocks.
/// @source T. Wu, C. Song, P. Zeng, "Model pruning based on filter similarity for edge device
/// deployment", Frontiers in Neurorobotics 2023
/// @deviation the paper's abstract says: pairwise similarities, the most similar filters go, no
/// rates of layers but one target of MACs or parameters. The measures, which filter of a pair goes,
/// the form as scores, the standardized form and the mean over coupled weights are our reading.
/// `distance_sum` follows published relatives, see `geometric_median`.
struct filter_similarity {
  similarity measure = similarity::cosine;
  similarity_form form = similarity_form::pair_sweep;
  /// Distances of a layer less their mean, over their standard deviation: for layers whose filters
  /// are of very different lengths. Scores may then be negative.
  bool standardize = false;

  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    check();
    write(detail::similar_tiles("filter_similarity", p, grid, measure), scores);
  }
  template <weight_scalar S>
  void score(const coupled_weights<S>& weights, std::span<score_of<S>> scores) const {
    check();
    write(detail::similar_coupled_units(weights, measure), scores);
  }

  /// The form with a threshold: filters of zeros, then, in the order in which they go, those that
  /// must go until no two filters left are within `distance` of each other (1 - s for cosine and
  /// correlation): again and again the one with most others within it; ties: the one more similar
  /// to all, then of smaller norm, then of larger index. At least one filter stays of those not
  /// zero.
  /// @throws argument_error (unsupported: other tiles; out_of_range: a negative distance),
  ///         value_error (not_finite)
  template <weight_scalar S>
  [[nodiscard]] std::vector<Index> redundant(const parameter<S>& p, const tile_grid& grid,
                                             double distance) const {
    if (!(distance >= 0))
      throw argument_error(errc::out_of_range,
                           detail::concat("filter_similarity: the distance of similar filters is ",
                                          distance, "; it must not be negative"));
    return detail::similar_tiles("filter_similarity", p, grid, measure).redundant(p.name, distance);
  }

 private:
  void check() const {
    if (standardize && form == similarity_form::distance_sum)
      throw argument_error(errc::unsupported,
                           "filter_similarity: standardized distances have no sums worth ranking; "
                           "use the pair sweep, or leave standardize out");
  }
  template <class Units, class T>
  void write(const Units& units, std::span<T> scores) const {
    if (form == similarity_form::pair_sweep)
      units.sweep(scores, standardize);
    else
      units.sum_distances(scores);
  }
};

static_assert(coupling_criterion<filter_similarity, float> &&
              coupling_criterion<filter_similarity, double>);

}  // namespace v0
}  // namespace prunus
