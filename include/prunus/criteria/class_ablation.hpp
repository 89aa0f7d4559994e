// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/restored_weights.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/criterion.hpp>

#include <algorithm>    // std::any_of
#include <cmath>        // std::abs, std::isfinite
#include <cstddef>      // std::size_t
#include <iterator>     // std::begin, std::end
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// How much the loss of each class changes without a tile: score = mean_c |L_c(without) - L_c|.
///
/// `class_losses()` runs the network as its weights are now on the same few samples every time and
/// returns the mean loss of each class: a vector, an array, a span of numbers. One tile after the
/// other is set to zero in the user's weights, measured, and put back bit for bit, also when the
/// callback throws. Coupled filters are ablated as one: the weights that make the channel and its
/// biases, scales and shifts.
///
///     prunus::class_ablation criterion{[&] { return losses_by_class(net, five_of_each_class); }};
///     prunus::prune(net, prunus::front_to_back{prunus::pass{criterion, prunus::filter}}, 0.5);
///
/// The loss of reference is taken anew for every parameter or coupling: with `front_to_back` each
/// layer is scored in the network whose earlier layers are pruned already.
///
/// @shape weight: any; scores: one a tile, or one a unit of a coupling
/// @throws shape_error (shape_mismatch: no class, or another number of classes than before),
///         value_error (not_finite: names the parameter), and what the callback throws
/// Ties go to the lower tile. Cost: one run of the callback a tile; a copy of the weights.
/// @source C. G. Pachon, J. O. Pinzon-Arenas, D. Ballesteros, "Pruning Policy for Image
/// Classification Problems Based on Deep Learning", Informatics 11(3):67, 2024,
/// doi:10.3390/informatics11030067, the method SeNPIS-Faster, as in the authors' code: zeroed
/// weight and bias, mean cross-entropy of each class on five training images of it, layers from
/// front to back on the pruned network
/// @deviation any tile, and any loss that the callback measures; scales and shifts of a
/// normalisation are zeroed with their filter, which is our reading
template <class ClassLosses>
struct class_ablation {
  static constexpr bool scores_one_at_a_time = true;  ///< each runs the network

  ClassLosses class_losses;

  /// Ablates the tiles of one parameter.
  template <weight_scalar S>
  void score(const parameter<S>& p, const tile_grid& grid, std::span<score_of<S>> scores) const {
    const std::vector<double> reference = losses(p.name);
    detail::restored_weights<S> saved;
    saved.keep(p.weight);
    mask without(grid);
    for (Index t = 0; t < grid.size(); ++t) {
      without.set(t, false);
      without.apply(p.weight);
      scores[static_cast<std::size_t>(t)] = change<S>(reference, p.name);
      saved.restore();
      without.set(t, true);
    }
  }

  /// Ablates the units of a coupling: its members along `out`, or those along `in` where there are
  /// no others.
  template <weight_scalar S>
  void score(const coupled_weights<S>& weights, std::span<score_of<S>> scores) const {
    using member = typename coupled_weights<S>::member;
    const bool produced = std::any_of(weights.members.begin(), weights.members.end(),
                                      [](const member& m) { return m.along == axis::out; });
    const std::vector<double> reference = losses(weights.name);
    detail::restored_weights<S> saved;
    std::vector<const member*> ablated;
    std::vector<mask> without;
    for (const member& m : weights.members) {
      if (produced && m.along != axis::out) continue;
      ablated.push_back(&m);
      without.emplace_back(
          tile_grid(m.parameter->weight, m.along == axis::out ? filter : prunus::channel));
      saved.keep(m.parameter->weight);
    }
    for (Index u = 0; u < weights.units; ++u) {
      for (std::size_t k = 0; k < ablated.size(); ++k) {
        for (std::size_t i = 0; i < ablated[k]->unit_of.size(); ++i)
          without[k].set(static_cast<Index>(i), ablated[k]->unit_of[i] != u);
        without[k].apply(ablated[k]->parameter->weight);
      }
      scores[static_cast<std::size_t>(u)] = change<S>(reference, weights.name);
      saved.restore();
    }
  }

 private:
  [[nodiscard]] std::vector<double> losses(std::string_view name) const {
    auto&& measured = class_losses();
    std::vector<double> result;
    for (auto loss = std::begin(measured); loss != std::end(measured); ++loss)
      result.push_back(static_cast<double>(*loss));
    if (result.empty())
      throw shape_error(errc::shape_mismatch,
                        detail::concat("class_ablation: at ", name,
                                       " the callback returned no loss; it must return one number "
                                       "for each class"));
    for (std::size_t c = 0; c < result.size(); ++c)
      if (!std::isfinite(result[c]))
        throw value_error(errc::not_finite,
                          detail::concat("class_ablation: at ", name, " the loss of class ", c,
                                         " is ", result[c], "; losses must be finite"));
    return result;
  }

  template <weight_scalar S>
  [[nodiscard]] score_of<S> change(const std::vector<double>& reference,
                                   std::string_view name) const {
    const std::vector<double> now = losses(name);
    if (now.size() != reference.size())
      throw shape_error(errc::shape_mismatch,
                        detail::concat("class_ablation: at ", name, " the callback returned ",
                                       now.size(), " losses after ", reference.size(),
                                       "; it must measure the same classes every time"));
    double sum = 0;
    for (std::size_t c = 0; c < now.size(); ++c) sum += std::abs(now[c] - reference[c]);
    return static_cast<score_of<S>>(sum / static_cast<double>(now.size()));
  }
};

template <class ClassLosses>
class_ablation(ClassLosses) -> class_ablation<ClassLosses>;

static_assert(coupling_criterion<class_ablation<std::vector<double> (*)()>, float> &&
              coupling_criterion<class_ablation<std::vector<double> (*)()>, double>);

}  // namespace v0
}  // namespace prunus
