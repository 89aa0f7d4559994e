// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/error.hpp>
#include <prunus/observe/input_correlation.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <concepts>     // std::floating_point
#include <cstdint>      // std::int64_t
#include <span>         // std::span
#include <type_traits>  // std::is_same_v
#include <utility>      // std::move

namespace prunus {
inline namespace v0 {

/// How the inputs x of a layer go together, and how with them the outputs y that the layer should
/// have: sums of x x^T, x, y x^T, y and y^2. All that linear regression of y on x needs, for any
/// choice of inputs.
///
///     prunus::target_correlation<> seen(144, 16);
///     seen.add(std::span<const float>(patches), std::span<const float>(outputs));
///
/// A value: copy it, merge it, save it. Memory: inputs^2 + inputs x outputs numbers.
template <std::floating_point T = double>
class target_correlation {
 public:
  using matrix = typename input_correlation<T>::matrix;
  using vector = typename input_correlation<T>::vector;

  /// @throws argument_error (out_of_range) for less than one input or output
  target_correlation(Index inputs, Index outputs) : seen_(inputs) {
    if (outputs < 1)
      throw argument_error(
          errc::out_of_range,
          detail::concat("target_correlation: ", outputs, " outputs; there must be at least 1"));
    products_ = matrix::Zero(outputs, inputs);
    sum_ = squares_ = vector::Zero(outputs);
  }

  /// Adds input vectors that lie one after the other, and the target of each, likewise.
  /// @throws shape_error (shape_mismatch: no whole number of vectors, or another number of
  /// targets), value_error (not_finite); nothing is then added
  /// Cost: inputs (inputs / 2 + outputs) multiply-adds a vector. Allocates copies of at most 256
  /// vectors where they are of another scalar.
  template <std::floating_point S>
  void add(std::span<const S> vectors, std::span<const S> targets) {
    const Index count = static_cast<Index>(targets.size()) / outputs();
    if (count * outputs() != static_cast<Index>(targets.size()) ||
        count * inputs() != static_cast<Index>(vectors.size()))
      throw shape_error(
          errc::shape_mismatch,
          detail::concat("target_correlation: ", vectors.size(), " numbers for vectors of ",
                         inputs(), " inputs, ", targets.size(), " for targets of ", outputs(),
                         " outputs; expected as many vectors as targets"));
    using values = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;
    const Eigen::Map<const values> x(vectors.data(), inputs(), count);
    const Eigen::Map<const values> y(targets.data(), outputs(), count);
    if (!y.allFinite())
      throw value_error(errc::not_finite,
                        "target_correlation: a target is not finite; check the network it is of");
    seen_.add(vectors);
    constexpr Index together = 256;
    for (Index first = 0; first < count; first += together) {
      const Index size = std::min(together, count - first);
      if constexpr (std::is_same_v<S, T>)
        update(x.middleCols(first, size), y.middleCols(first, size));
      else
        update(x.middleCols(first, size).template cast<T>().eval(),
               y.middleCols(first, size).template cast<T>().eval());
    }
  }

  [[nodiscard]] Index inputs() const noexcept { return seen_.inputs(); }
  [[nodiscard]] Index outputs() const noexcept { return sum_.size(); }
  /// Pairs of vectors seen.
  [[nodiscard]] Index samples() const noexcept { return seen_.samples(); }
  /// What is known of the inputs alone.
  [[nodiscard]] const input_correlation<T>& of_inputs() const noexcept { return seen_; }

  /// Mean of y. @throws state_error (wrong_order) before the first vector, as all below
  [[nodiscard]] vector mean() const { return sum_ * checked_share(); }
  /// Mean of y^2, output by output.
  [[nodiscard]] vector mean_square() const { return squares_ * checked_share(); }
  /// Mean of y x^T: outputs x inputs.
  [[nodiscard]] matrix mean_product() const { return products_ * checked_share(); }
  /// Mean of (y - mean)(x - mean)^T: outputs x inputs.
  [[nodiscard]] matrix covariance() const {
    matrix result = mean_product();
    result.noalias() -= mean() * seen_.mean().transpose();
    return result;
  }

  /// As if the vectors that `other` has seen had been added here, up to rounding.
  /// @throws shape_error (shape_mismatch: other numbers of inputs or outputs)
  void merge(const target_correlation& other) {
    if (other.outputs() != outputs())
      throw shape_error(errc::shape_mismatch,
                        detail::concat("target_correlation.merge: ", other.outputs(),
                                       " outputs there, ", outputs(), " here"));
    seen_.merge(other.seen_);
    products_ += other.products_;
    sum_ += other.sum_;
    squares_ += other.squares_;
  }
  void reset() noexcept {
    seen_.reset();
    products_.setZero();
    sum_.setZero();
    squares_.setZero();
  }

  void save(archive_writer& out) const {
    out.tag("prunus target correlation 1");
    out.number(static_cast<std::int64_t>(outputs()));
    seen_.save(out);
    out.values(sum_.data(), sum_.size());
    out.values(squares_.data(), squares_.size());
    out.values(products_.data(), products_.size());
  }
  /// Replaces what was gathered by what was saved for as many inputs and outputs, bit for bit.
  /// @throws file_error (truncated, malformed), shape_error (shape_mismatch); this object is then
  /// unchanged
  void load(archive_reader& in) {
    in.tag("prunus target correlation 1");
    const Index saved = in.count("outputs");
    if (saved != outputs())
      throw shape_error(errc::shape_mismatch, detail::concat(in.origin(), ": saved with ", saved,
                                                             " outputs, expected ", outputs()));
    target_correlation loaded(inputs(), outputs());
    loaded.seen_.load(in);
    in.values(loaded.sum_.data(), loaded.sum_.size());
    in.values(loaded.squares_.data(), loaded.squares_.size());
    in.values(loaded.products_.data(), loaded.products_.size());
    *this = std::move(loaded);
  }

 private:
  template <class Vectors, class Targets>
  void update(const Vectors& x, const Targets& y) {
    products_.noalias() += y * x.transpose();
    sum_ += y.rowwise().sum();
    squares_ += y.rowwise().squaredNorm();
  }
  [[nodiscard]] T checked_share() const {
    if (samples() == 0)
      throw state_error(errc::wrong_order, "target_correlation: no inputs were added yet");
    return static_cast<T>(1) / static_cast<T>(samples());
  }

  input_correlation<T> seen_;
  matrix products_;  // outputs x inputs
  vector sum_, squares_;
};

}  // namespace v0
}  // namespace prunus
