// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/observe/input_correlation.hpp>
#include <prunus/observe/target_correlation.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <concepts>  // std::floating_point
#include <limits>    // std::numeric_limits
#include <utility>   // std::move
#include <vector>    // std::vector

/// What the inputs of a layer say about the weights that stay. Templates (R is double), so that who
/// includes this and never calls it does not compile Eigen's solvers.
namespace prunus {
inline namespace v0 {
namespace detail {

/// Some outputs of a layer that keep the same inputs.
template <std::floating_point R>
struct fitted_outputs {
  const std::vector<Index>& outputs;
  std::vector<Index> kept, gone;                             // inputs
  Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic> weights;  // as they were: inputs x outputs
  Eigen::Matrix<R, Eigen::Dynamic, 1> bias;                  // as it was; 0 where none is fitted
};

/// What both fits share. With a bias that is fitted, inputs count from their mean.
template <std::floating_point R>
class input_products {
 public:
  using matrix = Eigen::Matrix<R, Eigen::Dynamic, Eigen::Dynamic>;
  using vector = Eigen::Matrix<R, Eigen::Dynamic, 1>;

  template <std::floating_point T>
  input_products(const input_correlation<T>& inputs, bool fit_bias, R damping)
      : products_((fit_bias ? inputs.covariance() : inputs.mean_product()).template cast<R>()),
        mean_(inputs.mean().template cast<R>()),
        ridge_(damping * products_.trace() / static_cast<R>(mean_.size())) {
    if (!fit_bias) mean_.setZero();
  }

 protected:
  /// Solves the damped products of the inputs `kept`. @throws argument_error (out_of_range)
  [[nodiscard]] matrix solve(const std::vector<Index>& kept, const matrix& right) const {
    matrix system = products_(kept, kept);
    system.diagonal().array() += ridge_;
    const Eigen::LLT<matrix> factor(std::move(system));
    if (factor.info() != Eigen::Success || factor.rcond() < std::numeric_limits<R>::epsilon())
      throw argument_error(errc::out_of_range,
                           "reconstruct: the kept inputs depend on each other; raise the damping");
    return factor.solve(right);
  }
  /// Mean squared outputs of weights, about their means where a bias is fitted.
  [[nodiscard]] vector spread(const matrix& weights) const {
    const matrix images = products_ * weights;
    return weights.cwiseProduct(images).colwise().sum().transpose();
  }
  [[nodiscard]] vector mean_output(const matrix& weights) const {
    return weights.transpose() * mean_;
  }
  [[nodiscard]] bool says_nothing() const { return products_.trace() <= 0; }

  matrix products_;
  vector mean_;
  R ridge_;
};

/// To the outputs that the layer had.
template <std::floating_point R>
class fit_to_old_outputs : input_products<R> {
 public:
  using typename input_products<R>::matrix;
  using typename input_products<R>::vector;
  using input_products<R>::input_products;

  [[nodiscard]] static bool is_solved(const fitted_outputs<R>& of) {
    return !of.gone.empty() && !of.kept.empty();
  }
  /// The best weights with zeros at `gone`. @throws argument_error (out_of_range)
  [[nodiscard]] matrix best(const fitted_outputs<R>& of) const {
    matrix result = of.weights;
    result(of.gone, Eigen::all).setZero();
    if (!is_solved(of) || this->says_nothing()) return result;
    const matrix lost = this->products_(of.kept, of.gone) * of.weights(of.gone, Eigen::all);
    result(of.kept, Eigen::all) += this->solve(of.kept, lost);
    return result;
  }
  [[nodiscard]] vector best_bias(const fitted_outputs<R>& of, const matrix& weights) const {
    return of.bias + this->mean_output(of.weights - weights);
  }
  /// Mean squared change of each output.
  [[nodiscard]] vector error(const fitted_outputs<R>& of, const matrix& weights,
                             const vector& bias) const {
    const matrix change = of.weights - weights;
    return this->spread(change) + (this->mean_output(change) - (bias - of.bias)).cwiseAbs2();
  }
  /// Mean square of each output, the bias left out.
  [[nodiscard]] vector energy(const fitted_outputs<R>& of) const {
    return this->spread(of.weights) + this->mean_output(of.weights).cwiseAbs2();
  }
};

/// To targets, which with a bias that is fitted count from their means, too.
template <std::floating_point R>
class fit_to_targets : input_products<R> {
 public:
  using typename input_products<R>::matrix;
  using typename input_products<R>::vector;

  template <std::floating_point T>
  fit_to_targets(const target_correlation<T>& seen, bool fit_bias, R damping)
      : input_products<R>(seen.of_inputs(), fit_bias, damping),
        cross_((fit_bias ? seen.covariance() : seen.mean_product()).transpose().template cast<R>()),
        target_mean_(seen.mean().template cast<R>()),
        squares_(seen.mean_square().template cast<R>()) {
    if (fit_bias)
      squares_ -= target_mean_.cwiseAbs2();
    else
      target_mean_.setZero();
  }

  [[nodiscard]] static bool is_solved(const fitted_outputs<R>& of) { return !of.kept.empty(); }
  /// The best weights with zeros at `gone`. @throws argument_error (out_of_range)
  [[nodiscard]] matrix best(const fitted_outputs<R>& of) const {
    matrix result = matrix::Zero(of.weights.rows(), of.weights.cols());
    if (!is_solved(of) || this->says_nothing()) return result;
    const matrix wanted =
        cross_(of.kept, of.outputs) + this->ridge_ * of.weights(of.kept, Eigen::all);
    result(of.kept, Eigen::all) = this->solve(of.kept, wanted);
    return result;
  }
  [[nodiscard]] vector best_bias(const fitted_outputs<R>& of, const matrix& weights) const {
    return target_mean_(of.outputs) - this->mean_output(weights);
  }
  /// Mean squared distance of each output from its target.
  [[nodiscard]] vector error(const fitted_outputs<R>& of, const matrix& weights,
                             const vector& bias) const {
    const vector common =
        weights.cwiseProduct(cross_(Eigen::all, of.outputs)).colwise().sum().transpose();
    return squares_(of.outputs) - 2 * common + this->spread(weights) +
           (best_bias(of, weights) - bias).cwiseAbs2();
  }
  /// Mean square of each target.
  [[nodiscard]] vector energy(const fitted_outputs<R>& of) const {
    return squares_(of.outputs) + target_mean_(of.outputs).cwiseAbs2();
  }

 private:
  matrix cross_;  // inputs x outputs
  vector target_mean_, squares_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
