// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <concepts>     // std::floating_point
#include <cstdint>      // std::int64_t
#include <span>         // std::span
#include <type_traits>  // std::is_same_v
#include <utility>      // std::move

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// How the inputs of a layer go together: sum of x x^T and of x over all input vectors x that the
/// layer has seen. An input vector is what one row of the weight is multiplied with: the features
/// of a linear layer, or a patch in x height x width of a convolution.
///
///     prunus::input_correlation<> seen(784);
///     seen.add(std::span<const float>(batch));   // 64 x 784 numbers, sample after sample
///
/// Sums are formed in T, by a symmetric update of half the matrix. A value: copy it, merge it, save
/// it. Memory: inputs^2 numbers.
template <std::floating_point T = double>
class input_correlation {
 public:
  using matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

  /// @throws argument_error (out_of_range) for less than one input
  explicit input_correlation(Index inputs) {
    if (inputs < 1)
      throw argument_error(errc::out_of_range, detail::concat("input_correlation: ", inputs,
                                                              " inputs; there must be at least 1"));
    products_ = matrix::Zero(inputs, inputs);
    sum_ = vector::Zero(inputs);
  }

  /// Adds input vectors that lie one after the other.
  /// @throws shape_error (shape_mismatch: no whole number of vectors), value_error (not_finite);
  /// nothing is then added
  /// Cost: inputs^2 / 2 multiply-adds a vector. Allocates a copy of at most 256 vectors where the
  /// inputs are of another scalar.
  template <std::floating_point S>
  void add(std::span<const S> vectors) {
    const Index size = static_cast<Index>(vectors.size());
    if (size % inputs() != 0)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("input_correlation: ", size, " numbers are no multiple of ",
                                       inputs(), " inputs"));
    using block = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;
    const Eigen::Map<const block> all(vectors.data(), inputs(), size / inputs());
    if (!all.allFinite())
      throw value_error(errc::not_finite,
                        "input_correlation: an input is not finite; check the network's weights");
    constexpr Index together = 256;
    for (Index first = 0; first < all.cols(); first += together) {
      const auto part = all.middleCols(first, std::min(together, all.cols() - first));
      if constexpr (std::is_same_v<S, T>)
        update(part);
      else
        update(part.template cast<T>().eval());
    }
    samples_ += all.cols();
  }

  [[nodiscard]] Index inputs() const noexcept { return sum_.size(); }
  /// Input vectors seen.
  [[nodiscard]] Index samples() const noexcept { return samples_; }

  /// Mean of x x^T. @throws state_error (wrong_order) before the first vector, as all below
  [[nodiscard]] matrix mean_product() const {
    const T share = checked_share();
    matrix result = products_.template selfadjointView<Eigen::Lower>();
    return result *= share;
  }
  /// Mean of x.
  [[nodiscard]] vector mean() const { return sum_ * checked_share(); }
  /// Mean of (x - mean)(x - mean)^T.
  [[nodiscard]] matrix covariance() const {
    const vector m = mean();
    matrix result = mean_product();
    result.noalias() -= m * m.transpose();
    return result;
  }

  /// As if the vectors that `other` has seen had been added here, up to rounding.
  /// @throws shape_error (shape_mismatch: another number of inputs)
  void merge(const input_correlation& other) {
    if (other.inputs() != inputs())
      throw shape_error(errc::shape_mismatch,
                        detail::concat("input_correlation.merge: ", other.inputs(),
                                       " inputs there, ", inputs(), " here"));
    products_ += other.products_;
    sum_ += other.sum_;
    samples_ += other.samples_;
  }
  void reset() noexcept {
    products_.setZero();
    sum_.setZero();
    samples_ = 0;
  }

  void save(archive_writer& out) const {
    out.tag("prunus input correlation 1");
    out.number(static_cast<std::int64_t>(sizeof(T)));
    out.number(static_cast<std::int64_t>(inputs()));
    out.number(static_cast<std::int64_t>(samples_));
    out.values(sum_.data(), sum_.size());
    for (Index column = 0; column < inputs(); ++column)
      out.values(&products_(column, column), inputs() - column);
  }
  /// Replaces what was gathered by what was saved for as many inputs, bit for bit.
  /// @throws file_error (truncated, malformed), shape_error (shape_mismatch); this object is then
  /// unchanged
  void load(archive_reader& in) {
    in.tag("prunus input correlation 1");
    const auto scalar = in.number<std::int64_t>();
    const auto size = in.number<std::int64_t>();
    if (scalar != static_cast<std::int64_t>(sizeof(T)) || size != inputs())
      throw shape_error(errc::shape_mismatch,
                        detail::concat(in.origin(), ": saved with ", size, " inputs in ", scalar,
                                       " bytes each, expected ", inputs(), " in ", sizeof(T)));
    input_correlation loaded(inputs());
    loaded.samples_ = in.count("input vectors");
    in.values(loaded.sum_.data(), size);
    for (Index column = 0; column < size; ++column)
      in.values(&loaded.products_(column, column), size - column);
    *this = std::move(loaded);
  }

 private:
  template <class Vectors>
  void update(const Vectors& x) {
    products_.template selfadjointView<Eigen::Lower>().rankUpdate(x);
    sum_ += x.rowwise().sum();
  }
  [[nodiscard]] T checked_share() const {
    if (samples_ == 0)
      throw state_error(errc::wrong_order, "input_correlation: no inputs were added yet");
    return static_cast<T>(1) / static_cast<T>(samples_);
  }

  matrix products_;  // lower triangle
  vector sum_;
  Index samples_ = 0;
};

}  // namespace v0
}  // namespace prunus
