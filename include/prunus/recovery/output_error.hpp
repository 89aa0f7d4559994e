// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/observe/target_correlation.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>    // std::max
#include <cmath>        // std::isfinite
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <type_traits>  // std::common_type_t
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// In which order units are best taken from a layer, and what each step costs.
struct removal_order {
  double output = 0;         ///< mean squared distance of the targets from their mean
  double fitted = 0;         ///< error of the best fit while every unit is there
  std::vector<Index> units;  ///< the first to go comes first; all of them
  /// Error of the best fit of the others once units[0] to units[k] are gone; never falls.
  std::vector<double> errors;

  /// One score a unit, the rise of the error above `fitted` by which it is gone: any allocation
  /// that keeps high scores keeps the units that go last.
  [[nodiscard]] std::vector<double> scores() const {
    std::vector<double> result(units.size());
    for (std::size_t k = 0; k < units.size(); ++k)
      result[static_cast<std::size_t>(units[k])] = errors[k] - fitted;
    return result;
  }
};

struct output_error_options {
  /// Ridge of the regression, as a share of the mean square of the inputs; >= 0. Above 0 it makes
  /// inputs that depend on each other harmless.
  double damping = 1e-4;
};

namespace detail {

/// The regression of targets on inputs, from which groups of inputs are taken one at a time. A
/// template (R is double), so that who includes this and never calls it does not compile Eigen's
/// solvers.
template <std::floating_point R>
class shrinking_regression {
 public:
  using matrix = Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic>;

  /// @throws argument_error (out_of_range: the inputs depend on each other)
  shrinking_regression(matrix covariance, const matrix& cross, R damping) {
    const Index inputs = covariance.rows();
    covariance.diagonal().array() += damping * covariance.trace() / static_cast<R>(inputs);
    const Eigen::LLT<matrix> factor(std::move(covariance));
    if (factor.info() != Eigen::Success || factor.rcond() < std::numeric_limits<R>::epsilon())
      throw argument_error(errc::out_of_range,
                           "order_by_output_error: the inputs depend on each other, or are all "
                           "constant; raise the damping or leave them out");
    inverse_ = factor.solve(matrix::Identity(inputs, inputs));
    rows_ = inverse_ * cross.transpose();  // inputs x outputs
  }

  [[nodiscard]] const matrix& rows() const noexcept { return rows_; }

  /// By how much the error rises when these inputs go and the others are refitted: the trace of
  /// W_g (H^-1_gg)^-1 W_g^T.
  [[nodiscard]] R rise_without(const std::vector<Index>& inputs) const {
    const matrix weights = rows_(inputs, Eigen::all);
    return weights.cwiseProduct(factor_of(inputs).solve(weights)).sum();
  }
  void remove(const std::vector<Index>& inputs) {
    const matrix columns = inverse_(Eigen::all, inputs), weights = rows_(inputs, Eigen::all);
    const Eigen::LLT<matrix> own = factor_of(inputs);
    rows_.noalias() -= columns * own.solve(weights);
    inverse_.noalias() -= columns * own.solve(columns.transpose());
  }

 private:
  [[nodiscard]] Eigen::LLT<matrix> factor_of(const std::vector<Index>& inputs) const {
    return Eigen::LLT<matrix>(inverse_(inputs, inputs));
  }

  matrix inverse_, rows_;
};

/// The inputs of each unit. @throws argument_error (out_of_range), shape_error (shape_mismatch)
template <class = compiled_on_use>
[[nodiscard]] std::vector<std::vector<Index>> inputs_of_units(std::span<const Index> unit_of,
                                                              Index inputs) {
  const Index channels = static_cast<Index>(unit_of.size());
  if (channels < 1 || inputs % channels != 0)
    throw shape_error(errc::shape_mismatch,
                      concat("order_by_output_error: ", channels, " channels do not divide ",
                             inputs, " inputs; give the unit of every input channel"));
  Index units = 0;
  for (const Index u : unit_of) units = std::max(units, u + 1);
  std::vector<std::vector<Index>> result(static_cast<std::size_t>(units));
  const Index area = inputs / channels;
  for (Index c = 0; c < channels; ++c) {
    const Index u = unit_of[static_cast<std::size_t>(c)];
    if (u < 0)
      throw argument_error(errc::out_of_range,
                           concat("order_by_output_error: channel ", c, " is of unit ", u));
    for (Index k = 0; k < area; ++k) result[static_cast<std::size_t>(u)].push_back(c * area + k);
  }
  for (std::size_t u = 0; u < result.size(); ++u)
    if (result[u].empty())
      throw argument_error(errc::out_of_range, concat("order_by_output_error: unit ", u,
                                                      " has no channel; number "
                                                      "units from 0 without gaps"));
  return result;
}

}  // namespace detail

/// Takes from a layer, one at a time, the unit of input channels without which the best fit of the
/// others is the least wrong:
///
///     error(kept) = min over W, b of  E ||y - W x_kept - b||^2 + damping * mean(x^2) * ||W||^2
///
/// Every step is exact: the weights of the best fit and the inverse of the inputs' covariance H are
/// kept up to date, and a unit g costs tr(W_g (H^-1_gg)^-1 W_g^T). The choice of the whole set is
/// greedy. To have the weights as well, `reconstruct` with the units that stay.
///
/// @param seen  inputs and targets of the layer: of a convolution, patches in x height x width
/// @param output_factors  by what the outputs count, such as by what a batch normalisation behind
/// them multiplies them (`nn::output_factors`); empty: all alike. Errors are of outputs times these
/// @param unit_of  unit of every input channel, 0 to units - 1: 0, 1, 2, ... where nothing is
/// coupled
/// @returns all units; ties go to the lower unit
/// @throws shape_error (shape_mismatch: channels that do not divide the inputs, factors that are
/// not as many as the outputs), argument_error (out_of_range: damping, a negative unit, a unit
/// without channels, inputs that depend on each other while the damping is 0 or too small),
/// value_error (not_finite: a factor), state_error (wrong_order: nothing seen)
/// Cost: for n inputs, m outputs and u units, about n^3 to begin with and u n^2 + u m n in all the
/// steps; memory three times n^2 doubles
/// @source Hassibi, Stork, "Second order derivatives for network pruning: optimal brain surgeon",
/// NIPS 1992; layer by layer: Frantar, Alistarh, "Optimal Brain Compression", NeurIPS 2022,
/// arXiv:2208.11580; by groups: Kurtic, Frantar, Alistarh, "ZipLM", NeurIPS 2023, arXiv:2302.04089;
/// targets that are not the layer's own outputs: He, Zhang, Sun, ICCV 2017,
/// doi:10.1109/ICCV.2017.155
/// @deviation units are coupled input channels with all their positions in the kernel; a bias is
/// fitted too; targets may be any
template <std::floating_point T>
[[nodiscard]] removal_order order_by_output_error(const target_correlation<T>& seen,
                                                  std::span<const Index> unit_of,
                                                  std::span<const double> output_factors = {},
                                                  const output_error_options& options = {}) {
  if (!(options.damping >= 0 && std::isfinite(options.damping)))
    throw argument_error(errc::out_of_range,
                         detail::concat("order_by_output_error: damping is ", options.damping,
                                        "; it must be at least 0"));
  if (!output_factors.empty() && static_cast<Index>(output_factors.size()) != seen.outputs())
    throw shape_error(errc::shape_mismatch,
                      detail::concat("order_by_output_error: ", output_factors.size(),
                                     " factors for ", seen.outputs(), " outputs"));
  const std::vector<std::vector<Index>> inputs = detail::inputs_of_units(unit_of, seen.inputs());
  using real = std::common_type_t<T, double>;
  using vector = Eigen::Matrix<real, Eigen::Dynamic, 1>;
  using regression = detail::shrinking_regression<real>;
  vector factors = vector::Ones(seen.outputs());
  for (std::size_t o = 0; o < output_factors.size(); ++o)
    factors(static_cast<Index>(o)) = output_factors[o];
  if (!factors.allFinite())
    throw value_error(errc::not_finite, "order_by_output_error: a factor is not finite");
  const typename regression::matrix cross =
      factors.asDiagonal() * seen.covariance().template cast<real>();
  regression left(seen.of_inputs().covariance().template cast<real>(), cross, options.damping);

  removal_order result;
  const vector variance = (seen.mean_square() - seen.mean().cwiseAbs2()).template cast<real>();
  result.output = factors.cwiseAbs2().dot(variance);
  result.fitted = result.output - left.rows().cwiseProduct(cross.transpose()).sum();
  std::vector<std::size_t> remaining(inputs.size());
  for (std::size_t u = 0; u < inputs.size(); ++u) remaining[u] = u;
  double error = result.fitted;
  while (!remaining.empty()) {
    std::size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < remaining.size(); ++k)
      if (const double rise = left.rise_without(inputs[remaining[k]]); rise < least)
        least = rise, best = k;
    left.remove(inputs[remaining[best]]);
    result.units.push_back(static_cast<Index>(remaining[best]));
    result.errors.push_back(error += std::max(0.0, least));
    remaining.erase(remaining.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return result;
}

}  // namespace v0
}  // namespace prunus
