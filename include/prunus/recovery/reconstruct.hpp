// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/view.hpp>
#include <prunus/observe/input_correlation.hpp>
#include <prunus/observe/target_correlation.hpp>
#include <prunus/recovery/detail/weight_fit.hpp>
#include <prunus/recovery/detail/weight_rows.hpp>

#include <Eigen/Core>

#include <cmath>        // std::isfinite
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <string>       // std::string
#include <type_traits>  // std::type_identity_t
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

struct reconstruction_options {
  /// How hard survivors are held to their old values, as a share of the mean square of the inputs;
  /// >= 0. Above 0 it makes inputs that depend on each other harmless.
  double damping = 1e-6;
};

/// Mean squared changes of a layer's outputs over the inputs that were gathered, or their distances
/// from targets, summed over the outputs.
struct reconstruction_report {
  double output = 0;         ///< mean square of the outputs without the bias, or of the targets
  double masked = 0;         ///< error by setting weights to zero alone
  double reconstructed = 0;  ///< error after the survivors have made up for it; <= masked
  Index factorizations = 0;  ///< one for each pattern of kept weights
};

namespace detail {

/// @throws shape_error (shape_mismatch), argument_error (out_of_range)
template <class S, class Seen>
void check_reconstruction(const weight_view<S>& weight, const Seen& seen, Index biases,
                          double damping) {
  const Index outputs = weight.extent(axis::out), inputs = weight.size() / outputs;
  bool fits = seen.inputs() == inputs && (biases == 0 || biases == outputs);
  std::string of_targets;
  if constexpr (requires { seen.outputs(); }) {
    fits = fits && seen.outputs() == outputs;
    of_targets = concat(" and ", seen.outputs(), " outputs");
  }
  if (!fits)
    throw shape_error(
        errc::shape_mismatch,
        concat("reconstruct: the weight is ", describe(weight), ", the correlation has ",
               seen.inputs(), " inputs", of_targets, ", the bias ", biases, " values"));
  if (!(damping >= 0 && std::isfinite(damping)))
    throw argument_error(errc::out_of_range,
                         concat("reconstruct: damping is ", damping, "; it must be at least 0"));
}

/// Fits the outputs with one pattern of kept inputs after the other.
template <class Fit, weight_scalar S, class Seen>
reconstruction_report reconstruct_by(const weight_view<S>& weight, const mask& keep,
                                     const Seen& seen, const weight_view<S>& bias, double damping) {
  check_reconstruction(weight, seen, bias.size(), damping);
  using matrix = typename Fit::matrix;
  using vector = typename Fit::vector;
  weight_rows<typename matrix::Scalar> rows(weight, keep);
  if (!rows.values.allFinite())
    throw value_error(errc::not_finite, "reconstruct: a weight is not finite");
  const Fit fit(seen, !bias.empty(), damping);
  vector biases = vector::Zero(rows.values.cols());
  for (Index o = 0; o < bias.size(); ++o) biases(o) = static_cast<double>(bias.data[o]);

  // What is stored, with the rounding of S, is what is judged.
  const auto stored = [](double x) { return static_cast<double>(static_cast<S>(x)); };
  reconstruction_report report;
  for (const auto& [pattern, outputs] : rows.outputs_of) {
    fitted_outputs<typename matrix::Scalar> of{
        outputs, {}, {}, rows.values(Eigen::all, outputs), biases(outputs)};
    for (std::size_t k = 0; k < pattern.size(); ++k)
      (pattern[k] != 0 ? of.kept : of.gone).push_back(static_cast<Index>(k));
    matrix masked = of.weights;
    masked(of.gone, Eigen::all).setZero();
    const matrix best = fit.best(of).unaryExpr(stored);
    const vector best_bias = fit.best_bias(of, best).unaryExpr(stored);
    const vector by_mask = fit.error(of, masked, of.bias), by_fit = fit.error(of, best, best_bias);
    report.output += fit.energy(of).sum();
    report.masked += by_mask.sum();
    report.reconstructed += by_mask.cwiseMin(by_fit).sum();
    report.factorizations += Fit::is_solved(of) ? 1 : 0;
    for (Index c = 0; c < by_fit.size(); ++c) {
      const Index o = outputs[static_cast<std::size_t>(c)];
      const bool better = by_fit(c) < by_mask(c);
      rows.values.col(o) = (better ? best : masked).col(c);
      if (better) biases(o) = best_bias(c);
    }
  }
  rows.write(weight);
  for (Index o = 0; o < bias.size(); ++o) bias.data[o] = static_cast<S>(biases(o));
  return report;
}

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
/// by SparseGPT's shared, approximate sweep; the inputs are those of the layer itself, not of a
/// network pruned before it (for those: `reconstruct` from targets); damping towards the old
/// weights is ours
template <weight_scalar S, std::floating_point T>
reconstruction_report reconstruct(weight_view<S> weight, const mask& keep,
                                  const input_correlation<T>& inputs,
                                  std::type_identity_t<weight_view<S>> bias = {},
                                  const reconstruction_options& options = {}) {
  return detail::reconstruct_by<detail::fit_to_old_outputs<double>>(weight, keep, inputs, bias,
                                                                    options.damping);
}

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
  return detail::reconstruct_by<detail::fit_to_targets<double>>(weight, keep, seen, bias,
                                                                options.damping);
}

}  // namespace v0
}  // namespace prunus
