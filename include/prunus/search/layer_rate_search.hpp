// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/detail/restored_weights.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/search/pareto_front.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max
#include <cmath>      // std::isfinite
#include <concepts>   // std::convertible_to
#include <cstddef>    // std::size_t
#include <string>     // std::string
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// Which combinations to look at.
struct layer_rate_options {
  std::vector<double> rates{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};  ///< ascending, in (0, 1)
  double largest_drop = 0.1;  ///< of the quality, at which the joint path ends
};

/// A combination that was measured.
struct layer_rates {
  std::vector<Index> step;  ///< for each layer: 0 = untouched, i = rate number i - 1
  drop_and_saving measured;
  friend bool operator==(const layer_rates&, const layer_rates&) = default;
};

/// All combinations that were measured, and their masks.
struct layer_rate_report {
  double baseline = 0;              ///< quality of the network as it was
  std::vector<std::string> layers;  ///< targets of the pass
  std::vector<double> rates;
  std::vector<layer_rates> candidates;  ///< the first is the network as it was

  /// What the candidates lose and save, in their order: for pareto_front and best_within.
  [[nodiscard]] std::vector<drop_and_saving> measured() const {
    std::vector<drop_and_saving> all;
    for (const layer_rates& c : candidates) all.push_back(c.measured);
    return all;
  }
  /// The masks of a candidate, for mask_sets.
  /// @throws argument_error (out_of_range)
  template <class = compiled_on_use>
  [[nodiscard]] named_masks masks(Index candidate) const {
    if (candidate < 0 || candidate >= static_cast<Index>(candidates.size()))
      throw argument_error(
          errc::out_of_range,
          detail::concat("layer_rate_report: candidate ", candidate, " of ", candidates.size()));
    named_masks result;
    const layer_rates& chosen = candidates[static_cast<std::size_t>(candidate)];
    for (std::size_t l = 0; l < chosen.step.size(); ++l)
      if (chosen.step[l] > 0)
        for (const named_mask& m : layer_masks[l][static_cast<std::size_t>(chosen.step[l] - 1)])
          result.add_or_join(m.name, m.mask);
    return result;
  }

  /// Of every layer at every rate, from the weights as they were.
  std::vector<std::vector<named_masks>> layer_masks;
};

namespace detail {

/// Measures combinations, always from the weights as they were.
template <weight_scalar S, class Evaluate, class Saved>
class layer_rate_explorer {
 public:
  layer_rate_explorer(const model<S>& net, const Evaluate& evaluate, const Saved& saved,
                      const layer_rate_options& options)
      : net_(net), evaluate_(evaluate), saved_(saved), options_(options) {}

  template <class Pass>
  [[nodiscard]] layer_rate_report run(const Pass& pass) {
    report_.rates = options_.rates;
    find_masks(pass);
    report_.baseline = checked_quality();
    report_.candidates.push_back({untouched(), {0, 0}});
    single_layers();
    same_rate_everywhere();
    joint_path();
    return std::move(report_);
  }

 private:
  [[nodiscard]] std::vector<Index> untouched() const {
    return std::vector<Index>(report_.layers.size(), 0);
  }
  [[nodiscard]] double checked_quality() const {
    const auto quality = static_cast<double>(evaluate_());
    if (!std::isfinite(quality))
      throw value_error(errc::not_finite, concat("search_layer_rates: the callback returned a "
                                                 "quality of ",
                                                 quality, "; qualities must be finite"));
    return quality;
  }

  /// What the pass removes of every layer alone.
  template <class Pass>
  void find_masks(const Pass& pass) {
    const pass_state all = pass.prepare(net_);
    all.for_each_mask(net_, [&](const parameter<S>& p, const mask&) { weights_.keep(p.weight); });
    for (const pass_state::target& t : all.targets) {
      report_.layers.push_back(t.name);
      auto& of_layer = report_.layer_masks.emplace_back();
      for (const double rate : options_.rates) {
        pass_state alone;
        alone.targets.push_back(t);
        pass.prune(net_, alone, 1, rate);
        weights_.restore();
        of_layer.push_back(alone.masks());
      }
    }
  }

  /// Measures a combination, if that was not done before.
  [[nodiscard]] drop_and_saving measure(const std::vector<Index>& step) {
    for (const layer_rates& c : report_.candidates)
      if (c.step == step) return c.measured;
    report_.candidates.push_back({step, {}});
    hold(net_, report_.masks(static_cast<Index>(report_.candidates.size()) - 1));
    const drop_and_saving found{report_.baseline - checked_quality(),
                                static_cast<double>(saved_())};
    weights_.restore();
    report_.candidates.back().measured = found;
    return found;
  }

  void single_layers() {
    for (std::size_t l = 0; l < report_.layers.size(); ++l)
      for (std::size_t r = 1; r <= options_.rates.size(); ++r) {
        std::vector<Index> step = untouched();
        step[l] = static_cast<Index>(r);
        (void)measure(step);
      }
  }
  /// What single_layers measured of one layer at one step.
  [[nodiscard]] const drop_and_saving& alone(std::size_t layer, std::size_t step) const {
    const std::size_t at = step == 0 ? 0 : layer * options_.rates.size() + step;
    return report_.candidates[at].measured;
  }
  void same_rate_everywhere() {
    for (std::size_t r = 1; r <= options_.rates.size(); ++r)
      if (measure(std::vector<Index>(report_.layers.size(), static_cast<Index>(r))).drop >
          options_.largest_drop)
        break;
  }

  /// From the dense network on, one rate of one layer more in every step: where the layer alone
  /// loses least for what it saves.
  void joint_path() {
    std::vector<Index> step = untouched();
    for (;;) {
      std::size_t best = step.size();
      double best_price = 0;
      for (std::size_t l = 0; l < step.size(); ++l) {
        const auto now = static_cast<std::size_t>(step[l]);
        if (now >= options_.rates.size()) continue;
        const drop_and_saving &here = alone(l, now), &there = alone(l, now + 1);
        const double lost = std::max(there.drop - here.drop, 0.0) + 1e-4;
        const double price = lost / std::max(there.saving - here.saving, 1e-9);
        if (best == step.size() || price < best_price) {
          best = l;
          best_price = price;
        }
      }
      if (best == step.size()) return;
      ++step[best];
      if (measure(step).drop > options_.largest_drop) return;
    }
  }

  const model<S>& net_;
  const Evaluate& evaluate_;
  const Saved& saved_;
  const layer_rate_options& options_;
  restored_weights<S> weights_;
  layer_rate_report report_;
};

}  // namespace detail

/// How much a network tolerates, in combinations of layers and rates, without retraining: every
/// layer alone at every rate; all layers at the same rate; and a path of combinations that takes,
/// step by step, what costs least for what it saves. From the measured candidates a Pareto front
/// and the best network within a loss of accuracy follow:
///
///     auto report = prunus::search_layer_rates(
///         net, prunus::pass{prunus::l1_norm{}, prunus::filter}, [&] { return accuracy(); },
///         [&] { return share_of_macs_removed(); });
///     if (auto easy = prunus::best_within(report.measured(), 0.08)) use(report.masks(*easy));
///
/// `evaluate()` returns a quality, higher is better, and `saved()` what the weights save as they
/// are now (with masks applied, not compacted), both in any units. Weights come back bit for bit,
/// also when something throws.
///
/// @throws argument_error (out_of_range: rates; empty_model), value_error (not_finite), and what
///         the pass and the callbacks throw
/// Cost: for L layers and R rates L R evaluations, at most L R more on the path and R at equal
/// rates.
/// @source V. Pentsos, O. Spantidi, I. Anagnostopoulos, "Dynamic Image Difficulty-Aware DNN
/// Pruning", Micromachines 14(5):908, 2023, 10.3390/mi14050908: exploration of combinations of
/// convolutions, of which those on the Pareto front are used, with drops of at most 1, 4 and 8
/// points for hard, medium and easy images
/// @deviation our reading: which combinations are looked at, in which order, the rates, and what
/// ranks the filters (the pass does)
template <weight_scalar S, class Pass, class Evaluate, class Saved>
  requires requires(const Evaluate& evaluate, const Saved& saved) {
    { evaluate() } -> std::convertible_to<double>;
    { saved() } -> std::convertible_to<double>;
  }
[[nodiscard]] layer_rate_report search_layer_rates(const model<S>& net, const Pass& pass,
                                                   const Evaluate& evaluate, const Saved& saved,
                                                   const layer_rate_options& options = {}) {
  double before = 0;
  for (const double rate : options.rates) {
    if (!(rate > before && rate < 1))
      throw argument_error(errc::out_of_range,
                           detail::concat("search_layer_rates: a rate of ", rate, " after ", before,
                                          "; rates must ascend in (0, 1)"));
    before = rate;
  }
  if (options.rates.empty())
    throw argument_error(errc::out_of_range, "search_layer_rates: no rate to try");
  return detail::layer_rate_explorer<S, Evaluate, Saved>(net, evaluate, saved, options).run(pass);
}

}  // namespace v0
}  // namespace prunus
