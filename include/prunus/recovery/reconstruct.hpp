// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/view.hpp>
#include <prunus/observe/input_correlation.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <cmath>        // std::isfinite
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <limits>       // std::numeric_limits
#include <map>          // std::map
#include <type_traits>  // std::type_identity_t
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

struct reconstruction_options {
  /// How hard survivors are held to their old values, as a share of the mean square of the inputs;
  /// >= 0. Above 0 it makes inputs that depend on each other harmless.
  double damping = 1e-6;
};

/// Mean squared changes of a layer's outputs over the inputs that were gathered, summed over the
/// outputs.
struct reconstruction_report {
  double output = 0;         ///< mean square of the outputs themselves, the bias left out
  double masked = 0;         ///< change by setting weights to zero alone
  double reconstructed = 0;  ///< change after the survivors have made up for it; <= masked
  Index factorizations = 0;  ///< one for each pattern of kept weights
};

namespace detail {

/// Weights of a layer as rows of doubles, in x height x width, and which of them stay.
struct weight_rows {
  Eigen::MatrixXd values;                                              // inputs x outputs
  std::map<std::vector<std::uint8_t>, std::vector<Index>> outputs_of;  // pattern -> outputs

  template <class S>
  weight_rows(const weight_view<S>& weight, const mask& keep) {
    const Index outputs = weight.extent(axis::out), area = weight.size() / outputs;
    values.resize(area, outputs);
    mask single(tile_grid(weight, element));
    single.remove_where_removed(keep);
    std::vector<std::uint8_t> pattern(static_cast<std::size_t>(area));
    for (Index o = 0; o < outputs; ++o) {
      Index k = 0;
      for_each_of(weight, o, [&](S& w) {
        values(k, o) = static_cast<double>(w);
        pattern[static_cast<std::size_t>(k++)] = single[&w - weight.data] ? 1 : 0;
      });
      outputs_of[pattern].push_back(o);
    }
  }

  template <class S>
  void write(const weight_view<S>& weight) const {
    for (Index o = 0; o < values.cols(); ++o) {
      Index k = 0;
      for_each_of(weight, o, [&](S& w) { w = static_cast<S>(values(k++, o)); });
    }
  }

 private:
  /// Calls `use(weight)` for every weight of one output.
  template <class S, class Use>
  static void for_each_of(const weight_view<S>& weight, Index out, Use use) {
    for (Index i = 0; i < weight.extent(axis::in); ++i)
      for (Index h = 0; h < weight.extent(axis::height); ++h)
        for (Index w = 0; w < weight.extent(axis::width); ++w) use(weight(out, i, h, w));
  }
};

/// What the inputs of a layer say about changes of its weights. With a bias that is fitted, inputs
/// count from their mean. A template (R is double), so that who includes this and never calls it
/// does not compile Eigen's solvers.
template <std::floating_point R>
class input_geometry {
 public:
  using matrix = Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic>;
  using vector = Eigen::Matrix<R, Eigen::Dynamic, 1>;

  template <std::floating_point T>
  input_geometry(const input_correlation<T>& inputs, bool fit_bias, R damping)
      : products_((fit_bias ? inputs.covariance() : inputs.mean_product()).template cast<R>()),
        mean_(inputs.mean().template cast<R>()),
        ridge_(damping * products_.trace() / static_cast<R>(mean_.size())),
        fit_bias_(fit_bias) {
    if (!fit_bias_) mean_.setZero();
  }

  /// Mean of each output: what a bias can take over.
  [[nodiscard]] vector mean_output(const matrix& rows) const { return rows.transpose() * mean_; }
  /// Mean squared outputs of weights `rows` (inputs x outputs), their mean shifted by `-added`.
  [[nodiscard]] vector energy(const matrix& rows, const vector& added) const {
    const matrix images = products_ * rows;
    const Eigen::Array<R, Eigen::Dynamic, 1> spread =
        rows.cwiseProduct(images).colwise().sum().transpose();
    return spread + (mean_output(rows) - added).array().square();
  }
  /// The best weights with zeros at `gone`. @throws argument_error (out_of_range)
  [[nodiscard]] matrix fit(const matrix& rows, const std::vector<Index>& kept,
                           const std::vector<Index>& gone) const {
    matrix result = rows;
    result(gone, Eigen::all).setZero();
    if (gone.empty() || kept.empty() || products_.trace() <= 0) return result;
    matrix system = products_(kept, kept);
    system.diagonal().array() += ridge_;
    const Eigen::LLT<matrix> factor(std::move(system));
    if (factor.info() != Eigen::Success || factor.rcond() < std::numeric_limits<R>::epsilon())
      throw argument_error(errc::out_of_range,
                           "reconstruct: the kept inputs depend on each other; raise the damping");
    const matrix lost = products_(kept, gone) * rows(gone, Eigen::all);
    result(kept, Eigen::all) += factor.solve(lost);
    return result;
  }

 private:
  matrix products_;
  vector mean_;
  R ridge_;
  bool fit_bias_;
};

/// The weights of a layer while they are refitted, and what was found on the way.
template <class S, std::floating_point R>
struct layer_refit {
  using matrix = typename input_geometry<R>::matrix;
  using vector = typename input_geometry<R>::vector;

  const input_geometry<R>& geometry;
  matrix& rows;  // inputs x outputs
  vector bias;   // empty: stays
  reconstruction_report report{};

  /// What is stored, with the rounding of S, is what is judged.
  [[nodiscard]] static R stored(R x) { return static_cast<R>(static_cast<S>(x)); }

  /// Refits the outputs `members`, which keep the same inputs.
  void refit(const std::vector<std::uint8_t>& pattern, const std::vector<Index>& members) {
    std::vector<Index> kept, gone;
    for (std::size_t k = 0; k < pattern.size(); ++k)
      (pattern[k] != 0 ? kept : gone).push_back(static_cast<Index>(k));
    const matrix old = rows(Eigen::all, members);
    matrix masked = old;
    masked(gone, Eigen::all).setZero();
    const matrix fitted = geometry.fit(old, kept, gone).unaryExpr(&stored);
    const vector nothing = vector::Zero(old.cols());
    vector added = nothing;  // to the biases
    if (bias.size() > 0) {
      const vector before = bias(members);
      added = (before + geometry.mean_output(old - fitted)).unaryExpr(&stored) - before;
    }

    const vector by_mask = geometry.energy(old - masked, nothing);
    const vector by_fit = geometry.energy(old - fitted, added);
    report.output += geometry.energy(old, nothing).sum();
    report.masked += by_mask.sum();
    report.reconstructed += by_mask.cwiseMin(by_fit).sum();
    report.factorizations += gone.empty() || kept.empty() ? 0 : 1;
    for (Index c = 0; c < old.cols(); ++c) {
      const Index output = members[static_cast<std::size_t>(c)];
      const bool better = by_fit(c) < by_mask(c);
      rows.col(output) = (better ? fitted : masked).col(c);
      if (better && bias.size() > 0) bias(output) += added(c);
    }
  }
};

}  // namespace detail

/// Lets the weights that stay make up for those that go: of all weights with the given zeros, those
/// whose outputs differ least from the layer's old outputs on the inputs that were gathered.
///
///     minimise  E ||W x - W' x||^2 + damping * mean(x^2) * ||W' - W||^2 over what is kept
///
/// Solved exactly, output by output, by a Cholesky factorisation for each pattern of kept weights:
/// one in all when input channels were removed, one an output at worst. With a bias, that is fitted
/// too (and takes over what the removed inputs were on average). An output that the solution would
/// not bring nearer, by rounding, keeps its weights, so the change is never larger than by masking
/// alone.
///
///     prunus::weight_snapshot dense(net);
///     prunus::pruned result = prunus::prune(net, pass, 0.5);
///     dense.restore(net);                                    // reconstruct needs the old weights
///     prunus::reconstruct(net["fc1.weight"].weight, result.masks["fc1.weight"], inputs,
///                         net["fc1.bias"].weight);
///
/// @param weight in: the weights before pruning; out: those that stay, refitted, and zeros
/// @param keep which tiles stay, of any tile
/// @param inputs of this layer; in x height x width of them
/// @param bias empty where the layer has none, or where it shall stay
/// @throws shape_error (shape_mismatch: mask, inputs or bias of another size), argument_error
///         (out_of_range: damping < 0, or too small for inputs that depend on each other),
///         state_error (wrong_order: no inputs), value_error (not_finite: weights); nothing is then
///         written
/// Cost: for each pattern of s kept weights s^3 / 3 multiply-adds; memory about three times
/// inputs^2 doubles.
/// @source least squares after the choice of input channels: Y. He, X. Zhang, J. Sun, "Channel
/// Pruning for Accelerating Very Deep Neural Networks", ICCV 2017, doi:10.1109/ICCV.2017.155; for
/// single weights: E. Frantar, D. Alistarh, "SparseGPT", ICML 2023, arXiv:2301.00774
/// @deviation the masks come from any pass, not from a lasso; each row is solved exactly instead of
///         by SparseGPT's shared, approximate sweep; the inputs are those of the layer itself, not
///         of a network pruned before it (for those: `reconstruct` from targets); damping towards
///         the old weights is ours
template <weight_scalar S, std::floating_point T>
reconstruction_report reconstruct(weight_view<S> weight, const mask& keep,
                                  const input_correlation<T>& inputs,
                                  std::type_identity_t<weight_view<S>> bias = {},
                                  const reconstruction_options& options = {}) {
  const Index outputs = weight.extent(axis::out), area = weight.size() / outputs;
  if (inputs.inputs() != area || (!bias.empty() && bias.size() != outputs))
    throw shape_error(
        errc::shape_mismatch,
        detail::concat("reconstruct: the weight is ", describe(weight), ", the correlation has ",
                       inputs.inputs(), " inputs, the bias ", bias.size(), " values"));
  if (!(options.damping >= 0 && std::isfinite(options.damping)))
    throw argument_error(
        errc::out_of_range,
        detail::concat("reconstruct: damping is ", options.damping, "; it must be at least 0"));
  detail::weight_rows rows(weight, keep);
  if (!rows.values.allFinite())
    throw value_error(errc::not_finite, "reconstruct: a weight is not finite");
  const detail::input_geometry<double> geometry(inputs, !bias.empty(), options.damping);
  detail::layer_refit<S, double> refitted{geometry, rows.values, Eigen::VectorXd(bias.size())};
  for (Index o = 0; o < bias.size(); ++o) refitted.bias(o) = static_cast<double>(bias.data[o]);
  for (const auto& [pattern, members] : rows.outputs_of) refitted.refit(pattern, members);
  rows.write(weight);
  for (Index o = 0; o < bias.size(); ++o) bias.data[o] = static_cast<S>(refitted.bias(o));
  return refitted.report;
}

}  // namespace v0
}  // namespace prunus
