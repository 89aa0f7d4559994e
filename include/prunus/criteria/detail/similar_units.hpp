// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/coupling_criterion.hpp>
#include <prunus/criteria/detail/similarity_sweep.hpp>
#include <prunus/criteria/detail/unit_distances.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::all_of, std::max
#include <cmath>        // std::isfinite, std::nextafter, std::sqrt
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::common_type_t
#include <utility>      // std::move, std::pair
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The units of one or more weights that live and die together, with the mean of their distances.
/// A unit of zeros in all of them does not count as a neighbour of the others, nor does one that is
/// not finite.
template <weight_scalar S>
class similar_units {
 public:
  using number = score_of<S>;
  using scores = std::span<number>;

  explicit similar_units(std::vector<unit_distances<S>> members) : members_(std::move(members)) {
    const Index units = members_.front().units();
    for (Index u = 0; u < units; ++u) {
      double squares = 0;
      bool zero = true;
      for (const unit_distances<S>& m : members_) {
        const row_moments& row = m.moments(u);
        squares += row.squares + static_cast<double>(m.length()) * row.mean * row.mean;
        zero = zero && row.zero();
      }
      norm_.push_back(std::sqrt(squares));
      live_.push_back(!zero && std::isfinite(squares) ? 1 : 0);
    }
  }

  /// Sum of the distances to all other live units; a live unit scores above zero, one of zeros
  /// zero.
  void sum_distances(scores to) const {
    const Index units = members_.front().units();
    const bool all_live = std::all_of(live_.begin(), live_.end(), [](auto l) { return l != 0; });
    using array = Eigen::Array<std::common_type_t<number, double>, Eigen::Dynamic, 1>;
    array sums = array::Zero(units);
    std::vector<Index> equal_to(static_cast<std::size_t>(units), -1);
    for (const unit_distances<S>& m : members_)
      m.for_each_block([&](Index i0, Index j0, auto& block) {
        for (Index j = 0; j < block.cols(); ++j) {
          const Index first = i0 == j0 ? j + 1 : 0, count = block.rows() - first;
          if (count == 0) continue;
          auto column = block.col(j).tail(count).array();
          if (!all_live)
            for (Index i = 0; i < count; ++i)
              if (!both_live(i0 + first + i, j0 + j)) column[i] = 0;
          if (column.minCoeff() == 0)
            for (Index i = 0; i < count; ++i) {
              Index& twin = equal_to[static_cast<std::size_t>(i0 + first + i)];
              if (column[i] == 0 && both_live(i0 + first + i, j0 + j) && twin < 0) twin = j0 + j;
            }
          sums.segment(i0 + first, count) += column.template cast<double>();
          sums[j0 + j] += column.template cast<double>().sum();
        }
      });
    const auto members = static_cast<double>(members_.size());
    for (Index u = 0; u < units; ++u) {
      number& score = to[static_cast<std::size_t>(u)];
      score = dead_score(u, number(0));
      if (!is_live(u)) continue;
      score = std::max(static_cast<number>(sums[u] / members),
                       std::numeric_limits<number>::denorm_min());
      const Index twin = equal_to[static_cast<std::size_t>(u)];
      if (members_.size() == 1 && twin >= 0)  // equal but for the rounding of the products
        score = to[static_cast<std::size_t>(twin)];
    }
  }

  /// The distance at which the sweep takes a unit out, each more than the one before; most for the
  /// one that is left. With `standardize` distances less their mean, over their deviation.
  void sweep(scores to, bool standardize) const {
    typename unit_distances<S>::matrix distance = mean_distances();
    const auto [mean, deviation] =
        standardize ? moments_of_pairs(distance) : std::pair<double, double>{0.0, 1.0};
    const auto transformed = [&, mean = mean, deviation = deviation](number d) {
      return static_cast<number>((static_cast<double>(d) - mean) / deviation);
    };
    constexpr number infinity = std::numeric_limits<number>::infinity();
    number last = -infinity;
    for (Index u = 0; u < distance.cols(); ++u) {
      if (is_live(u)) continue;
      to[static_cast<std::size_t>(u)] = dead_score(u, transformed(0));
      last = transformed(0);
    }
    std::vector<std::uint8_t> live = live_;
    for (const auto& [unit, d] : sweep_closest_pairs(distance, std::span(norm_), live)) {
      last = std::max(transformed(d), std::nextafter(last, infinity));
      to[static_cast<std::size_t>(unit)] = last;
    }
    last = std::max(transformed(0), std::nextafter(last, infinity));
    for (Index u = 0; u < distance.cols(); ++u)
      if (live[static_cast<std::size_t>(u)] != 0) to[static_cast<std::size_t>(u)] = last;
  }

  /// Units of zeros, then those that go until no two are within `limit`.
  /// @throws value_error (not_finite)
  [[nodiscard]] std::vector<Index> redundant(std::string_view name, double limit) const {
    std::vector<Index> removed;
    for (Index u = 0; u < members_.front().units(); ++u) {
      if (is_live(u)) continue;
      if (norm_[static_cast<std::size_t>(u)] != 0)
        throw value_error(errc::not_finite, concat(name, ": filter ", u, " is not finite; ",
                                                   "check the training for divergence"));
      removed.push_back(u);
    }
    for (const Index u : units_within(mean_distances(), std::span<const double>(norm_), live_,
                                      static_cast<number>(limit)))
      removed.push_back(u);
    return removed;
  }

 private:
  [[nodiscard]] bool is_live(Index u) const noexcept {
    return live_[static_cast<std::size_t>(u)] != 0;
  }
  [[nodiscard]] bool both_live(Index u, Index v) const noexcept { return is_live(u) && is_live(v); }
  /// Zero where nothing is in a unit; NaN where what is in it cannot be compared.
  [[nodiscard]] number dead_score(Index u, number of_zeros) const noexcept {
    return norm_[static_cast<std::size_t>(u)] == 0 ? of_zeros
                                                   : std::numeric_limits<number>::quiet_NaN();
  }

  /// Symmetric; distances of units that are not live are zero.
  [[nodiscard]] typename unit_distances<S>::matrix mean_distances() const {
    const Index units = members_.front().units();
    typename unit_distances<S>::matrix mean = unit_distances<S>::matrix::Zero(units, units);
    const auto share = static_cast<number>(1.0 / static_cast<double>(members_.size()));
    for (const unit_distances<S>& m : members_)
      m.for_each_block([&](Index i0, Index j0, auto& block) {
        auto part = mean.block(i0, j0, block.rows(), block.cols());
        if (i0 == j0)
          part.template triangularView<Eigen::StrictlyLower>() += share * block;
        else
          part += share * block;
      });
    for (Index u = 0; u < units; ++u)
      if (!is_live(u)) {
        mean.col(u).setZero();
        mean.row(u).setZero();
      }
    mean.template triangularView<Eigen::StrictlyUpper>() = mean.transpose();
    return mean;
  }

  /// Mean and standard deviation over the pairs of live units; a deviation of zero becomes one.
  template <class Matrix>
  [[nodiscard]] std::pair<double, double> moments_of_pairs(const Matrix& distance) const {
    double sum = 0, squares = 0, count = 0;
    const auto over_pairs = [&](auto use) {
      for (Index j = 0; j < distance.cols(); ++j)
        for (Index i = j + 1; i < distance.rows(); ++i)
          if (both_live(i, j)) use(static_cast<double>(distance(i, j)));
    };
    over_pairs([&](double d) { sum += d, ++count; });
    const double mean = count > 0 ? sum / count : 0;
    over_pairs([&](double d) { squares += (d - mean) * (d - mean); });
    return {mean, squares > 0 ? std::sqrt(squares / count) : 1.0};
  }

  std::vector<unit_distances<S>> members_;
  std::vector<double> norm_;
  std::vector<std::uint8_t> live_;
};

/// The tiles of one parameter. @throws argument_error (unsupported)
template <weight_scalar S>
[[nodiscard]] similar_units<S> similar_tiles(std::string_view criterion, const parameter<S>& p,
                                             const tile_grid& grid, similarity measure) {
  std::vector<unit_distances<S>> members;
  members.emplace_back(rows_of_tiles(criterion, p, grid), measure);
  return similar_units<S>(std::move(members));
}

/// The units of a coupling in the weights that produce them; where nothing does, in those that read
/// them. @throws argument_error (unsupported: no weights)
template <weight_scalar S>
[[nodiscard]] similar_units<S> similar_coupled_units(const coupled_weights<S>& weights,
                                                     similarity measure) {
  std::vector<unit_distances<S>> members;
  for (const axis along : {axis::out, axis::in}) {
    if (!members.empty()) break;
    for (const auto& m : weights.members)
      if (m.scored && m.along == along)
        members.emplace_back(unit_rows<S>(m.parameter->weight, m.along, m.unit_of, weights.units),
                             measure);
  }
  if (members.empty())
    throw argument_error(
        errc::unsupported,
        concat(weights.name, ": no weight produces or reads these units, so there ",
               "is nothing to compare; leave them out of the scope"));
  return similar_units<S>(std::move(members));
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
