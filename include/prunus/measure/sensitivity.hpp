// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/restored_weights.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/measure/detail/number_text.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::max
#include <cmath>        // std::abs, std::isfinite
#include <concepts>     // std::convertible_to
#include <cstddef>      // std::size_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// What a network is worth with so much of a layer gone.
struct sensitivity_point {
  double sparsity = 0;     ///< asked for
  double quality = 0;      ///< accuracy or the like: higher is better
  Index weights_kept = 0;  ///< numbers in all matrices and convolutions of the model that are not 0
};

/// The points of one layer, or of all layers pruned together.
struct sensitivity_curve {
  std::string name;     ///< of the parameter or coupling; "all" for all of them together
  double baseline = 0;  ///< quality of the network as it was
  std::vector<sensitivity_point> points;  ///< in the order of the grid

  /// The largest sparsity whose quality is at least baseline - tolerance (up to rounding); 0 where
  /// there is none.
  [[nodiscard]] double largest_within(double tolerance) const noexcept {
    const double slack = 1e-12 * std::max(1.0, std::abs(baseline));
    double largest = 0;
    for (const sensitivity_point& p : points)
      if (p.quality >= baseline - tolerance - slack) largest = std::max(largest, p.sparsity);
    return largest;
  }
};

/// What `sensitivity` measured.
struct sensitivity_report {
  double baseline = 0;
  std::vector<sensitivity_curve> curves;  ///< one a layer, then "all", as asked for

  /// @throws argument_error (unknown_name)
  [[nodiscard]] const sensitivity_curve& operator[](std::string_view name) const {
    for (const sensitivity_curve& c : curves)
      if (c.name == name) return c;
    throw argument_error(errc::unknown_name, detail::concat("sensitivity: no curve is called ",
                                                            name, "; there are ", curves.size()));
  }
};

/// What to sweep.
struct sensitivity_options {
  std::vector<double> grid{0,   0.1, 0.2, 0.3,  0.4,  0.5, 0.6,
                           0.7, 0.8, 0.9, 0.95, 0.97, 0.99};  ///< sparsities in [0, 1)
  bool each_layer = true;                                     ///< every target of the pass alone
  bool together = true;  ///< all of them at once, as the pass would
};

/// The report as CSV: layer, sparsity, quality, weights_kept; numbers in full precision.
[[nodiscard]] inline std::string to_csv(const sensitivity_report& report) {
  std::string text = "layer,sparsity,quality,weights_kept\n";
  for (const sensitivity_curve& c : report.curves)
    for (const sensitivity_point& p : c.points)
      text += detail::concat(c.name, ",", detail::shortest_text(p.sparsity), ",",
                             detail::shortest_text(p.quality), ",", p.weights_kept, "\n");
  return text;
}

namespace detail {

template <weight_scalar S>
[[nodiscard]] Index nonzero_weights(const model<S>& net) {
  Index count = 0;
  for (const parameter<S>& p : net.parameters())
    if (p.weight.rank >= 2)
      for (Index i = 0; i < p.weight.size(); ++i) count += p.weight.data[i] != S(0) ? 1 : 0;
  return count;
}

/// Prunes some targets of a pass and measures, always from the weights as they were.
template <weight_scalar S, class Pass, class Evaluate>
class sensitivity_sweep {
 public:
  sensitivity_sweep(const model<S>& net, const Pass& pass, const Evaluate& evaluate)
      : net_(net), pass_(pass), evaluate_(evaluate), start_(pass.prepare(net)) {
    start_.for_each_mask(net, [&](const parameter<S>& p, const mask&) { saved_.keep(p.weight); });
    // NOLINTNEXTLINE(cppcoreguidelines-prefer-member-initializer): it needs what stands above
    baseline_ = measure();
  }

  [[nodiscard]] double baseline() const noexcept { return baseline_.quality; }
  [[nodiscard]] const pass_state& targets() const noexcept { return start_; }

  /// One point; the weights are then as before.
  [[nodiscard]] sensitivity_point at(double sparsity, pass_state state) const {
    if (sparsity == 0) return baseline_;
    pass_.prune(net_, state, 1, sparsity);
    sensitivity_point point = measure();
    point.sparsity = sparsity;
    saved_.restore();
    return point;
  }

 private:
  [[nodiscard]] sensitivity_point measure() const {
    const sensitivity_point point{0, static_cast<double>(evaluate_()), nonzero_weights(net_)};
    if (!std::isfinite(point.quality))
      throw value_error(errc::not_finite, concat("sensitivity: the callback returned a quality of ",
                                                 point.quality, "; qualities must be finite"));
    return point;
  }

  const model<S>& net_;
  const Pass& pass_;
  const Evaluate& evaluate_;
  pass_state start_;
  restored_weights<S> saved_;
  sensitivity_point baseline_;
};

}  // namespace detail

/// How much each layer, and the whole network, can lose: prunes to every sparsity of a grid,
/// without retraining, and measures.
///
///     const prunus::sensitivity_report report = prunus::sensitivity(
///         net, prunus::pass{prunus::l2_norm{}, prunus::filter}, [&] { return accuracy(net); });
///     double safe = report["conv2"].largest_within(0.02);
///
/// The pass says what is swept: `element` for single weights, `filter` for neurons and filters (on
/// a model with couplings their biases and normalisations go, too), any criterion. Every point
/// starts from the weights as they were; they come back bit for bit after every point, also when
/// something throws. `progress(done, total)` is called after every point.
///
/// @throws argument_error (out_of_range: a sparsity outside [0, 1), nothing to sweep; empty_model;
///         what the allocation throws), value_error (not_finite: weights or qualities), and what
///         the callbacks throw
/// Cost: one run of `evaluate` a point (none at sparsity 0) and one more; a copy of the weights.
/// @source M. Sivakumar, S. T. Padmapriya, Curr. Med. Imaging 20, 2024, e15734056303076: weights or
///         neurons of a trained network are removed from 0 to 99 %, the highest share with
///         acceptable accuracy is chosen
/// @deviation our reading: magnitude of a weight and norm of a neuron (any criterion here), ranking
///         in every layer, the grid. The usual exercise removes floor(share * units), which is the
///         allocation `uniform{rounding::down}`; one unit always stays
template <weight_scalar S, class Pass, class Evaluate, class Progress>
  requires requires(const Evaluate& evaluate, const Progress& progress, Index done) {
    { evaluate() } -> std::convertible_to<double>;
    progress(done, done);
  }
[[nodiscard]] sensitivity_report sensitivity(const model<S>& net, const Pass& pass,
                                             const Evaluate& evaluate,
                                             const sensitivity_options& options,
                                             const Progress& progress) {
  for (const double sparsity : options.grid)
    if (!(sparsity >= 0 && sparsity < 1))
      throw argument_error(errc::out_of_range, detail::concat("sensitivity: a sparsity of ",
                                                              sparsity, "; it must lie in [0, 1)"));
  if (options.grid.empty() || !(options.each_layer || options.together))
    throw argument_error(errc::out_of_range,
                         "sensitivity: nothing to sweep; give a grid, and each_layer or together");
  const detail::sensitivity_sweep<S, Pass, Evaluate> sweep(net, pass, evaluate);
  const std::vector<pass_state::target>& targets = sweep.targets().targets;
  const std::size_t curves = (options.each_layer ? targets.size() : 0) + (options.together ? 1 : 0);
  sensitivity_report report{sweep.baseline(), {}};
  const Index total = static_cast<Index>(curves * options.grid.size());
  Index done = 0;
  const auto add_curve = [&](const std::string& name, const pass_state& state) {
    sensitivity_curve curve{name, report.baseline, {}};
    for (const double sparsity : options.grid) {
      curve.points.push_back(sweep.at(sparsity, state));
      progress(++done, total);
    }
    report.curves.push_back(std::move(curve));
  };
  if (options.each_layer)
    for (const pass_state::target& t : targets) {
      pass_state alone;
      alone.targets.push_back(t);
      add_curve(t.name, alone);
    }
  if (options.together) add_curve("all", sweep.targets());
  return report;
}

template <weight_scalar S, class Pass, class Evaluate>
[[nodiscard]] sensitivity_report sensitivity(const model<S>& net, const Pass& pass,
                                             const Evaluate& evaluate,
                                             const sensitivity_options& options = {}) {
  return sensitivity(net, pass, evaluate, options, [](Index, Index) {});
}

}  // namespace v0
}  // namespace prunus
