// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/criteria/detail/unit_rows.hpp>
#include <prunus/criteria/similarity.hpp>
#include <prunus/simd/row_products.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::isfinite, std::sqrt
#include <cstddef>    // std::size_t
#include <limits>     // std::numeric_limits
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// What a row is worth to a comparison.
struct row_moments {
  double mean = 0;     ///< taken off for a correlation, else 0
  double squares = 0;  ///< sum over what is left; infinite where it cannot be told
  [[nodiscard]] bool finite() const noexcept { return std::isfinite(squares); }
  [[nodiscard]] bool zero() const noexcept { return squares == 0 && mean == 0; }
};

/// Distances between all units of one weight, by blocks: one symmetric matrix product and two small
/// steps over it while it is in the cache. Nothing as large as a large weight is allocated: a block
/// of results and, of its rows, some terms at a time.
///
/// |a - b|^2 = |a|^2 + |b|^2 - 2 <a, b> has no digits left where a and b are nearly equal: such
/// pairs are computed anew from the differences, in double. Equal rows have the distance 0 exactly.
template <weight_scalar S>
class unit_distances {
 public:
  using number = score_of<S>;
  using matrix = Eigen::Matrix<number, Eigen::Dynamic, Eigen::Dynamic>;

  unit_distances(unit_rows<S> rows, similarity measure)
      : rows_(std::move(rows)),
        euclidean_(measure == similarity::euclidean),
        in_place_(rows_.contiguous()) {
    const Index n = rows_.units();
    square_.resize(n);
    factor_.resize(n);
    std::vector<number> buffer(static_cast<std::size_t>(rows_.length()));
    for (Index u = 0; u < n; ++u) {
      moments_.push_back(moments_of(rows_.read(u, 0, rows_.length(), buffer.data()), measure));
      const double squares = moments_.back().squares;
      square_[u] = euclidean_ ? static_cast<number>(squares) : number(1);
      factor_[u] = static_cast<number>(scale_of(u));
      in_place_ = in_place_ && moments_.back().mean == 0;
    }
  }

  [[nodiscard]] Index units() const noexcept { return rows_.units(); }
  [[nodiscard]] Index length() const noexcept { return rows_.length(); }
  [[nodiscard]] const row_moments& moments(Index unit) const noexcept {
    return moments_[static_cast<std::size_t>(unit)];
  }

  /// Calls visit(i0, j0, block) for blocks that cover i > j: block(i, j) is the distance of units
  /// i0 + i and j0 + j; what lies on or above the diagonal is not set. The visitor may write into
  /// the block.
  template <class Visit>
  void for_each_block(const Visit& visit) const {
    constexpr Index lane = lanes<number>;
    const Index pitch = (std::min(side, units()) + lane - 1) / lane * lane;
    std::vector<number> sums(static_cast<std::size_t>(pitch * std::min(side, units())));
    std::vector<number> lines(static_cast<std::size_t>(pitch * std::min(depth, length())));
    std::vector<number> left, right;
    for (Index i0 = 0; i0 < units(); i0 += side)
      for (Index j0 = 0; j0 <= i0; j0 += side) {
        block distances(sums.data(), std::min(side, units() - i0), std::min(side, units() - j0),
                        Eigen::OuterStride<>(pitch));
        products(i0, j0, distances, lines.data(), left, right);
        for (Index j = 0; j < distances.cols(); ++j) {
          const Index first = i0 == j0 ? j + 1 : 0;
          to_distances(i0 + first, j0 + j, distances.col(j).data() + first,
                       distances.rows() - first);
        }
        visit(i0, j0, distances);
      }
  }

 private:
  using block = Eigen::Map<matrix, Eigen::Unaligned, Eigen::OuterStride<>>;

  static constexpr Index side = 288;   // a block of results fits into the second level of the cache
  static constexpr Index depth = 128;  // terms of a product at a time: those of a tile, the first
  static constexpr double close = 1.0 / 64;  // share of |a|^2 + |b|^2 below which digits are scarce

  /// Several sums in double that do not wait for each other; the order does not depend on where the
  /// row lies.
  template <class F>
  [[nodiscard]] static double sum_over(Index count, const F& f) {
    constexpr Index chains = 8;
    double sum[chains] = {};
    Index k = 0;
    for (; k + chains <= count; k += chains)
      for (Index c = 0; c < chains; ++c) sum[c] += f(k + c);
    for (Index c = 0; k < count; ++k, ++c) sum[c] += f(k);
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  }
  [[nodiscard]] row_moments moments_of(const number* row, similarity measure) const {
    const Index n = rows_.length();
    row_moments m;
    if (measure == similarity::correlation) {
      const double first = static_cast<double>(row[0]);  // equal numbers have exactly their mean
      m.mean = first + sum_over(n, [&](Index k) { return static_cast<double>(row[k]) - first; }) /
                           static_cast<double>(n);
    }
    m.squares = sum_over(n, [&](Index k) {
      const double x = static_cast<double>(row[k]) - m.mean;
      return x * x;
    });
    if (!(m.squares <= static_cast<double>(std::numeric_limits<number>::max())))
      m.squares = std::numeric_limits<double>::infinity();  // the products would overflow, or NaN
    return m;
  }
  /// What a row is multiplied by before it is compared; 0 for a row without a direction.
  [[nodiscard]] double scale_of(Index unit) const {
    const double squares = moments(unit).squares;
    return euclidean_ ? 1.0 : squares > 0 ? 1 / std::sqrt(squares) : 0.0;
  }

  /// Numbers [k, k + count) of some rows, less their means.
  [[nodiscard]] rows_in_memory<number> rows(Index first, Index units, Index k, Index count,
                                            std::vector<number>& buffer) const {
    if (in_place_) return {rows_.read(first, k, count, nullptr), length(), units};
    buffer.resize(static_cast<std::size_t>(units * count));
    for (Index u = 0; u < units; ++u) {
      number* to = buffer.data() + u * count;
      rows_.copy(first + u, k, count, to);
      const number mean = static_cast<number>(moments(first + u).mean);
      if (mean != 0)
        for (Index i = 0; i < count; ++i) to[i] -= mean;
    }
    return {buffer.data(), count, units};
  }

  void products(Index i0, Index j0, block& to, number* lines, std::vector<number>& left,
                std::vector<number>& right) const {
    const Index pitch = to.outerStride();
    for (Index k = 0; k < length(); k += depth) {
      const Index terms = std::min(depth, length() - k);
      const rows_in_memory<number> a = rows(i0, to.rows(), k, terms, left);
      const rows_in_memory<number> b = i0 == j0 ? a : rows(j0, to.cols(), k, terms, right);
      transpose(a.data, a.pitch, a.count, terms, lines, pitch);
      products_of_rows({lines, pitch, a.count}, b, terms, i0 == j0, k > 0, to.data());
    }
  }

  /// Products of unit j with units i, i + 1, ... become distances.
  void to_distances(Index i, Index j, number* products, Index count) const {
    const number square = square_[j], factor = 2 * factor_[j], share = number(close);
    const number *squares = square_.data() + i, *factors = factor_.data() + i;
    Index digits_lost = 0;
    for (Index u = 0; u < count; ++u) {
      const number sum = squares[u] + square;
      products[u] = sum - factors[u] * factor * products[u];
      digits_lost += products[u] < share * sum ? 1 : 0;
    }
    std::vector<Index> anew;
    if (digits_lost > 0)
      for (Index u = 0; u < count; ++u)
        if (products[u] < share * (squares[u] + square)) anew.push_back(u);
    Eigen::Map<Eigen::Array<number, Eigen::Dynamic, 1>> distances(products, count);
    if (euclidean_)
      distances = distances.max(number(0)).sqrt();
    else
      distances = distances.min(number(4)) / 2;
    for (const Index u : anew) {
      const double exact = squared_difference(i + u, j);
      products[u] = static_cast<number>(euclidean_ ? std::sqrt(exact) : exact / 2);
    }
  }
  /// | x_i a_i - x_j a_j |^2 with the scales x, term by term.
  [[nodiscard]] double squared_difference(Index i, Index j) const {
    std::vector<number> a_buffer(static_cast<std::size_t>(rows_.length())), b_buffer(a_buffer);
    const number* a = rows_.read(i, 0, rows_.length(), a_buffer.data());
    const number* b = rows_.read(j, 0, rows_.length(), b_buffer.data());
    const double x = scale_of(i), y = scale_of(j), p = moments(i).mean, q = moments(j).mean;
    return sum_over(rows_.length(), [&](Index k) {
      const double d = x * (static_cast<double>(a[k]) - p) - y * (static_cast<double>(b[k]) - q);
      return d * d;
    });
  }

  unit_rows<S> rows_;
  bool euclidean_;
  bool in_place_;  ///< products are made of the weight itself, not of copies
  std::vector<row_moments> moments_;
  Eigen::Array<number, Eigen::Dynamic, 1> square_, factor_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
