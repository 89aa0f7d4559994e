// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int32_t, std::int64_t
#include <type_traits>  // std::conditional_t

namespace prunus {
inline namespace v0 {
namespace detail {

using Eigen::Index;

/// What is summed up of some values of one channel.
struct value_sums {
  std::int64_t active = 0;  ///< values that are not 0
  double sum = 0;
  double magnitude = 0;
  double square = 0;
};

/// As wide as the values that are counted, so that counting keeps pace with reading.
template <class S>
using count_of = std::conditional_t<sizeof(S) == 8, std::int64_t, std::int32_t>;

/// Sums over `Lanes` columns of values side by side, which become vector instructions.
template <class S, int Lanes>
struct lane_sums {
  using lanes = Eigen::Array<double, Lanes, 1>;
  lanes sum = lanes::Zero(), magnitude = lanes::Zero(), square = lanes::Zero();

  void add(const S* values) {
    const lanes x = Eigen::Map<const Eigen::Array<S, Lanes, 1>>(values).template cast<double>();
    sum += x;
    magnitude += x.abs();
    square += x.square();
  }
};

/// Sums of one channel: `runs` runs of `count` neighbouring values, `pitch` values apart.
template <class S>
[[nodiscard]] value_sums sums_of(const S* values, Index runs, Index pitch, Index count) {
  lane_sums<S, 8> whole;
  lane_sums<S, 1> rest;
  std::int64_t active = 0;
  for (Index r = 0; r < runs; ++r, values += pitch) {
    Index i = 0;
    for (; i + 8 <= count; i += 8) whole.add(values + i);
    for (; i < count; ++i) rest.add(values + i);
    count_of<S> here = 0;
    for (Index k = 0; k < count; ++k) here += values[k] != S(0) ? 1 : 0;
    active += here;
  }
  return {active, whole.sum.sum() + rest.sum[0], whole.magnitude.sum() + rest.magnitude[0],
          whole.square.sum() + rest.square[0]};
}

/// Adds the sums of `Lanes` neighbouring channels of one value each, over `rows` samples that are
/// `pitch` values apart, to four arrays.
template <int Lanes, class S>
// NOLINTNEXTLINE(readability-non-const-parameter): they are written through maps
void add_columns(const S* values, Index rows, Index pitch, std::int64_t* active, double* sum,
                 double* magnitude, double* square) {
  lane_sums<S, Lanes> sums;
  constexpr std::size_t width = Lanes;
  std::array<count_of<S>, width> counts{};
  for (Index r = 0; r < rows; ++r, values += pitch) {
    for (std::size_t k = 0; k < width; ++k) counts[k] += values[k] != S(0) ? 1 : 0;
    sums.add(values);
  }
  using totals = Eigen::Map<Eigen::Array<double, Lanes, 1>>;
  totals(sum) += sums.sum;
  totals(magnitude) += sums.magnitude;
  totals(square) += sums.square;
  for (std::size_t k = 0; k < width; ++k) active[k] += counts[k];
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
