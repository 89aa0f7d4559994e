// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/selection/keep_above.hpp>

#include <Eigen/Core>

#include <array>    // std::array
#include <cmath>    // std::abs
#include <cstddef>  // std::size_t

namespace prunus {
inline namespace v0 {
namespace detail {

/// A sum of doubles that carries along what rounding took (the error-free sum of two numbers of
/// D. E. Knuth, "The Art of Computer Programming" 2, 4.2.2): exact, and so independent of the
/// order, while n times the sum stays below 2^105 units of the last bit that is set in what is
/// added.
struct compensated_sum {
  double rounded = 0;
  double lost = 0;

  void add(double x) noexcept {
    const double sum = rounded + x, of_x = sum - rounded;
    lost += (rounded - (sum - of_x)) + (x - of_x);
    rounded = sum;
  }
  void add(const compensated_sum& other) noexcept {
    add(other.rounded);
    lost += other.lost;
  }
  /// The exact sum, rounded once.
  [[nodiscard]] double value() const noexcept { return rounded + lost; }
};

/// The square, as a float, of a value whose magnitude is at least `from`; else 0.
[[nodiscard]] inline double square_from(float value, float from) noexcept {
  return static_cast<double>(zero_unless(value * value, std::abs(value) >= from));
}

/// The sum of the squares, as floats, of those values whose magnitude is at least `from`. As fast
/// as memory for up to some thousand values that are not many orders of magnitude apart.
[[nodiscard]] inline compensated_sum sum_of_squares(const float* data, Index size, float from) {
  constexpr Index lanes = 16;  // sums side by side, for the compilers to vectorise
  std::array<double, lanes> sums{};
  const Index whole = size / lanes * lanes;
  for (Index i = 0; i < whole; i += lanes)
    for (std::size_t l = 0; l < lanes; ++l)
      sums[l] += square_from(data[i + static_cast<Index>(l)], from);
  double plain = 0;
  for (const double sum : sums) plain += sum;
  for (Index i = whole; i < size; ++i) plain += square_from(data[i], from);
  // Floats not below x are multiples of 2^-24 x: a sum up to 2^28 x has lost no bit in a double.
  if (plain <= static_cast<double>(from * from) * 0x1p28) return {plain, 0};
  compensated_sum total;
  for (Index i = 0; i < size; ++i) total.add(square_from(data[i], from));
  return total;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
