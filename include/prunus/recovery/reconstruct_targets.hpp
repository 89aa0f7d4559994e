// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/view.hpp>
#include <prunus/observe/target_correlation.hpp>
#include <prunus/recovery/reconstruct.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <cmath>        // std::isfinite
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <limits>       // std::numeric_limits
#include <type_traits>  // std::type_identity_t
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Weights of a layer as they are fitted to targets. With a bias that is fitted, inputs and targets
/// count from their means. A template (R is double), so that who includes this and never calls it
/// does not compile Eigen's solvers.
template <std::floating_point R>
class target_geometry {
 public:
  using matrix = Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic>;
  using vector = Eigen::Matrix<R, Eigen::Dynamic, 1>;

  template <std::floating_point T>
  target_geometry(const target_correlation<T>& seen, bool fit_bias, R damping)
      : products_((fit_bias ? seen.of_inputs().covariance() : seen.of_inputs().mean_product())
                      .template cast<R>()),
        cross_((fit_bias ? seen.covariance() : seen.mean_product()).transpose().template cast<R>()),
        input_mean_(seen.of_inputs().mean().template cast<R>()),
        target_mean_(seen.mean().template cast<R>()),
        squares_(seen.mean_square().template cast<R>()),
        ridge_(damping * products_.trace() / static_cast<R>(input_mean_.size())) {
    if (fit_bias) {
      squares_ -= target_mean_.cwiseAbs2();
    } else {
      input_mean_.setZero();
      target_mean_.setZero();
    }
  }

  /// Mean squared target of an output.
  [[nodiscard]] R energy(Index output) const {
    return squares_(output) + target_mean_(output) * target_mean_(output);
  }
  /// The best bias of an output with weights `row`; 0 where none is fitted.
  [[nodiscard]] R best_bias(Index output, const vector& row) const {
    return target_mean_(output) - row.dot(input_mean_);
  }
  /// Mean squared error of an output with these weights and this bias.
  [[nodiscard]] R error(Index output, const vector& row, R bias) const {
    const R off = best_bias(output, row) - bias;
    return squares_(output) - 2 * row.dot(cross_.col(output)) + row.dot(products_ * row) +
           off * off;
  }
  /// The best weights of some outputs that read the inputs `kept`.
  /// @throws argument_error (out_of_range)
  [[nodiscard]] matrix fit(const matrix& old, const std::vector<Index>& kept,
                           const std::vector<Index>& outputs) const {
    matrix result = matrix::Zero(old.rows(), static_cast<Index>(outputs.size()));
    if (kept.empty() || products_.trace() <= 0) return result;
    matrix system = products_(kept, kept);
    system.diagonal().array() += ridge_;
    const Eigen::LLT<matrix> factor(std::move(system));
    if (factor.info() != Eigen::Success || factor.rcond() < std::numeric_limits<R>::epsilon())
      throw argument_error(errc::out_of_range,
                           "reconstruct: the kept inputs depend on each other; raise the damping");
    const matrix wanted = cross_(kept, outputs) + ridge_ * old(kept, outputs);
    const matrix best = factor.solve(wanted);
    result(kept, Eigen::all) = best;
    return result;
  }

 private:
  matrix products_, cross_;  // inputs x inputs, inputs x outputs
  vector input_mean_, target_mean_, squares_;
  R ridge_;
};

}  // namespace detail

/// Fits the weights that stay to targets: of all weights with the given zeros, those whose outputs
/// come nearest to them.
///
///     minimise  E ||y - W' x - b'||^2 + damping * mean(x^2) * ||W' - W||^2 over what is kept
///
/// Unlike `reconstruct` from inputs alone, x may come from a network that is pruned already and y
/// from the dense one, so that a layer also makes up for what was lost in front of it
/// (`nn::correlate_targets` gathers both). Solved exactly, by a Cholesky factorisation for each
/// pattern of kept weights. An output that the solution would not bring nearer, by rounding, keeps
/// its weights, so the error is never larger than by masking alone.
///
/// @param weight in: the weights, pruned or not; out: those that stay, fitted, and zeros
/// @param keep which tiles stay, of any tile
/// @param seen inputs and targets of this layer; in x height x width inputs
/// @param bias empty where the layer has none, or where it shall stay; targets then are what the
/// layer should put out before its bias
/// @returns `output` is the mean square of the targets; `masked` and `reconstructed` the mean
/// squared errors, summed over the outputs
/// @throws shape_error (shape_mismatch: mask, inputs, outputs or bias of another size),
///         argument_error (out_of_range: damping < 0, or too small for inputs that depend on each
///         other), state_error (wrong_order: nothing seen), value_error (not_finite: weights);
///         nothing is then written
/// Cost: for each pattern of s kept weights s^3 / 3 multiply-adds; memory about three times
/// inputs^2 doubles
/// @source Y. He, X. Zhang, J. Sun, "Channel Pruning for Accelerating Very Deep Neural Networks",
/// ICCV 2017, doi:10.1109/ICCV.2017.155: outputs of the dense network, inputs of the pruned one
/// @deviation as `reconstruct` from inputs alone; any targets
template <weight_scalar S, std::floating_point T>
reconstruction_report reconstruct(weight_view<S> weight, const mask& keep,
                                  const target_correlation<T>& seen,
                                  std::type_identity_t<weight_view<S>> bias = {},
                                  const reconstruction_options& options = {}) {
  const Index outputs = weight.extent(axis::out), area = weight.size() / outputs;
  if (seen.inputs() != area || seen.outputs() != outputs ||
      (!bias.empty() && bias.size() != outputs))
    throw shape_error(
        errc::shape_mismatch,
        detail::concat("reconstruct: the weight is ", describe(weight), ", the correlation has ",
                       seen.inputs(), " inputs and ", seen.outputs(), " outputs, the bias ",
                       bias.size(), " values"));
  if (!(options.damping >= 0 && std::isfinite(options.damping)))
    throw argument_error(
        errc::out_of_range,
        detail::concat("reconstruct: damping is ", options.damping, "; it must be at least 0"));
  detail::weight_rows rows(weight, keep);
  if (!rows.values.allFinite())
    throw value_error(errc::not_finite, "reconstruct: a weight is not finite");

  const bool fit_bias = !bias.empty();
  const detail::target_geometry<double> geometry(seen, fit_bias, options.damping);
  const auto stored = [](double x) { return static_cast<double>(static_cast<S>(x)); };
  Eigen::VectorXd biases = Eigen::VectorXd::Zero(outputs);
  for (Index o = 0; o < bias.size(); ++o) biases(o) = static_cast<double>(bias.data[o]);
  reconstruction_report report;
  for (const auto& [pattern, members] : rows.outputs_of) {
    std::vector<Index> kept;
    for (std::size_t k = 0; k < pattern.size(); ++k)
      if (pattern[k] != 0) kept.push_back(static_cast<Index>(k));
    const Eigen::MatrixXd fitted = geometry.fit(rows.values, kept, members).unaryExpr(stored);
    report.factorizations += kept.empty() ? 0 : 1;
    for (std::size_t c = 0; c < members.size(); ++c) {
      const Index o = members[c];
      Eigen::VectorXd masked = rows.values.col(o);
      for (std::size_t k = 0; k < pattern.size(); ++k)
        if (pattern[k] == 0) masked(static_cast<Index>(k)) = 0;
      const Eigen::VectorXd best = fitted.col(static_cast<Index>(c));
      const double best_bias = fit_bias ? stored(geometry.best_bias(o, best)) : 0;
      const double by_mask = geometry.error(o, masked, biases(o));
      const double by_fit = geometry.error(o, best, best_bias);
      const bool better = by_fit < by_mask;
      report.output += geometry.energy(o);
      report.masked += by_mask;
      report.reconstructed += better ? by_fit : by_mask;
      rows.values.col(o) = better ? best : masked;
      if (better) biases(o) = best_bias;
    }
  }
  rows.write(weight);
  for (Index o = 0; o < bias.size(); ++o) bias.data[o] = static_cast<S>(biases(o));
  return report;
}

}  // namespace v0
}  // namespace prunus
