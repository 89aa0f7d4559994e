// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>  // std::sort, std::upper_bound
#include <cmath>      // std::exp, std::log1p
#include <cstddef>    // std::size_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// How a difficulty_estimator is fitted.
struct difficulty_options {
  Index levels = 3;     ///< at least 1: easy, medium, hard
  double ridge = 1e-3;  ///< penalty on the weights of the features, above 0
};

/// Tells from a few features how difficult an input will be for a network, before the network runs,
/// and sorts inputs into levels of difficulty: 0 is the easiest.
///
///     auto estimator = prunus::difficulty_estimator::fit(features, 4, difficulty);
///     network& net = *networks[estimator.level(measure_image(image, 3, 32, 32).values())];
///
/// The estimate is sigmoid(w z + b) with z the features, each minus its mean and divided by its
/// deviation over the calibration inputs: a logistic regression on difficulties in [0, 1], such as
/// the time that people take, or 1 - the confidence that the dense network has in the right class.
/// The levels are those of equal shares of the calibration inputs; an estimate that equals a limit
/// belongs to the harder level.
///
/// @shape features: [inputs, number of features], row-major; difficulties: [inputs]
/// Cost: fit: a few Newton steps, each linear in inputs and cubic in features; an estimate is
/// linear in features and allocates nothing.
/// @source V. Pentsos, O. Spantidi, I. Anagnostopoulos, "Dynamic Image Difficulty-Aware DNN
/// Pruning", Micromachines 14(5):908, 2023, 10.3390/mi14050908: a predictor of difficulty that
/// chooses among easy, medium and hard networks at run time
/// @deviation our reading: the kind of predictor, what it is fitted to, and the limits at equal
/// shares; neither was found
class difficulty_estimator {
 public:
  /// @throws shape_error (shape_mismatch), argument_error (empty_model: no input or no feature;
  ///         out_of_range: a difficulty outside [0, 1], the options), value_error (not_finite)
  template <class T = double>  // not to be chosen: see `matrix`
  [[nodiscard]] static difficulty_estimator fit(std::span<const double> features,
                                                Index number_of_features,
                                                std::span<const double> difficulties,
                                                const difficulty_options& options = {}) {
    check(features, number_of_features, difficulties, options);
    difficulty_estimator result;
    const matrix<T> x = result.standardised<T>(features, number_of_features);
    result.regress(x, difficulties, options.ridge);
    std::vector<T> estimates;
    const auto inputs = difficulties.size();
    for (std::size_t i = 0; i < inputs; ++i)
      estimates.push_back(
          result.difficulty(features.subspan(i * static_cast<std::size_t>(number_of_features),
                                             static_cast<std::size_t>(number_of_features))));
    std::sort(estimates.begin(), estimates.end());
    for (Index level = 1; level < options.levels; ++level)
      result.limits_.push_back(estimates[inputs * static_cast<std::size_t>(level) /
                                         static_cast<std::size_t>(options.levels)]);
    return result;
  }

  /// The estimate, in (0, 1).
  /// @throws shape_error (shape_mismatch)
  [[nodiscard]] double difficulty(std::span<const double> features) const {
    if (features.size() != weights_.size())
      throw shape_error(errc::shape_mismatch,
                        detail::concat("difficulty_estimator: ", features.size(),
                                       " features, it was fitted to ", weights_.size()));
    double sum = bias_;
    for (std::size_t f = 0; f < features.size(); ++f)
      sum += weights_[f] * (features[f] - means_[f]) / deviations_[f];
    return 1 / (1 + std::exp(-sum));
  }
  /// The level of an input, 0 the easiest. NaN among the features counts as hardest.
  /// @throws shape_error (shape_mismatch)
  [[nodiscard]] Index level(std::span<const double> features) const {
    const double estimate = difficulty(features);
    if (estimate != estimate) return static_cast<Index>(limits_.size());
    return std::upper_bound(limits_.begin(), limits_.end(), estimate) - limits_.begin();
  }
  [[nodiscard]] Index levels() const noexcept { return static_cast<Index>(limits_.size()) + 1; }
  /// Estimates from which the next harder level begins, ascending; one fewer than levels.
  [[nodiscard]] std::span<const double> limits() const noexcept { return limits_; }
  /// Weight of every feature in units of its deviation: what makes an input difficult.
  [[nodiscard]] std::span<const double> weights() const noexcept { return weights_; }

 private:
  // Templates, so that Eigen's solver is compiled only where an estimator is fitted.
  template <class T>
  using matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  template <class T>
  using vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  template <class T>
  using array = Eigen::Array<T, Eigen::Dynamic, 1>;

  difficulty_estimator() = default;

  static void check(std::span<const double> features, Index number_of_features,
                    std::span<const double> difficulties, const difficulty_options& options) {
    if (number_of_features < 1 || difficulties.empty())
      throw argument_error(
          errc::empty_model,
          detail::concat("difficulty_estimator::fit: ", difficulties.size(), " inputs of ",
                         number_of_features, " features; expected at least one of each"));
    if (features.size() != difficulties.size() * static_cast<std::size_t>(number_of_features))
      throw shape_error(
          errc::shape_mismatch,
          detail::concat("difficulty_estimator::fit: ", features.size(), " numbers for ",
                         difficulties.size(), " inputs of ", number_of_features, " features"));
    if (options.levels < 1 || !(options.ridge > 0))
      throw argument_error(
          errc::out_of_range,
          detail::concat("difficulty_estimator::fit: ", options.levels, " levels and a ridge of ",
                         options.ridge, "; expected at least 1 and more than 0"));
    for (const double f : features)
      if (!std::isfinite(f))
        throw value_error(errc::not_finite, "difficulty_estimator::fit: a feature is not finite");
    for (const double d : difficulties)
      if (!(d >= 0 && d <= 1))
        throw argument_error(
            errc::out_of_range,
            detail::concat("difficulty_estimator::fit: a difficulty of ", d, ", expected 0 to 1"));
  }

  /// Takes mean and deviation of every feature; returns inputs x (features + 1), the last one 1.
  template <class T>
  [[nodiscard]] matrix<T> standardised(std::span<const T> features, Index count) {
    const Index inputs = static_cast<Index>(features.size()) / count;
    const Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> given(
        features.data(), inputs, count);
    matrix<T> x(inputs, count + 1);
    for (Index f = 0; f < count; ++f) {
      const double mean = given.col(f).mean();
      const double deviation = std::sqrt((given.col(f).array() - mean).square().mean());
      means_.push_back(mean);
      // A constant feature says nothing, whatever rounding makes of its deviation.
      deviations_.push_back(deviation > 1e-9 * std::abs(mean) ? deviation : 1.0);
      x.col(f) = (given.col(f).array() - mean) / deviations_.back();
    }
    x.col(count).setOnes();
    return x;
  }

  /// Newton's method on mean cross-entropy + ridge / 2 |w|^2, which is convex; steps are halved
  /// until they go down.
  template <class T>
  void regress(const matrix<T>& x, std::span<const double> difficulties, double ridge) {
    const Index inputs = x.rows(), count = x.cols() - 1;
    const Eigen::Map<const vector<T>> wanted(difficulties.data(), inputs);
    vector<T> penalty = vector<T>::Constant(count + 1, ridge);
    penalty[count] = 1e-9;  // the bias is free; keeps it finite where all difficulties are 0 or 1
    const auto loss = [&](const vector<T>& w) {
      const array<T> s = (x * w).array();
      const array<T> softplus = s.max(0) + (-s.abs()).exp().log1p();
      return (softplus - wanted.array() * s).mean() +
             0.5 * (penalty.array() * w.array().square()).sum();
    };
    vector<T> w = vector<T>::Zero(count + 1);
    double before = loss(w);
    for (int step = 0; step < 100; ++step) {
      const array<T> p = 1 / (1 + (-(x * w).array()).exp());
      const vector<T> gradient =
          x.transpose() * (p - wanted.array()).matrix() / static_cast<double>(inputs) +
          penalty.cwiseProduct(w);
      matrix<T> curvature =
          x.transpose() * (p * (1 - p)).matrix().asDiagonal() * x / static_cast<double>(inputs);
      curvature.diagonal() += penalty;
      const vector<T> direction = curvature.ldlt().solve(gradient);
      double length = 1, after = loss(w - direction);
      for (int halved = 0; halved < 30 && !(after <= before); ++halved)
        after = loss(w - (length /= 2) * direction);
      if (!(after < before)) break;
      w -= length * direction;
      if (before - after < 1e-14) break;
      before = after;
    }
    weights_.assign(w.data(), w.data() + count);
    bias_ = w[count];
  }

  std::vector<double> means_, deviations_, weights_, limits_;
  double bias_ = 0;
};

/// What is to be expected where input shares of `shares` go to networks that each cost, or lose,
/// `values`: the sum of share times value.
/// @throws shape_error (shape_mismatch)
[[nodiscard]] inline double expected_value(std::span<const double> shares,
                                           std::span<const double> values) {
  if (shares.size() != values.size())
    throw shape_error(errc::shape_mismatch,
                      detail::concat("expected_value: ", shares.size(), " shares for ",
                                     values.size(), " values"));
  double sum = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) sum += shares[i] * values[i];
  return sum;
}

}  // namespace v0
}  // namespace prunus
