// SPDX-License-Identifier: MIT
#include <prunus/runtime/batch_normalization.hpp>

#include "support/catch.hpp"

#include <cstddef>  // std::size_t
#include <vector>   // std::vector

using prunus::Index;

TEST_CASE("running_moments of parts add up to those of the whole",
          "[runtime][batch_normalization]") {
  std::vector<double> x;
  for (int i = 0; i < 101; ++i) x.push_back((i * 37 % 23) * 0.5 - 3);
  prunus::running_moments parts;
  for (Index begin = 0, size = 1; begin < 101;
       begin += size, size = std::min<Index>(size * 2, 101 - begin))
    parts += prunus::moments_of(x.data() + begin, std::min<Index>(size, 101 - begin));
  double mean = 0, squares = 0;
  for (double v : x) mean += v / 101;
  for (double v : x) squares += (v - mean) * (v - mean);
  CHECK(parts.count == 101);
  CHECK(parts.mean == Approx(mean));
  CHECK(parts.squared_deviations == Approx(squares));
}

TEST_CASE("moments_of does not cancel when the mean is large", "[runtime][batch_normalization]") {
  std::vector<float> x(1000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 10000.0f + (i % 2 == 0 ? 1.0f : -1.0f);
  const prunus::running_moments m = prunus::moments_of(x.data(), 1000);
  CHECK(m.mean == Approx(10000).epsilon(1e-7));
  CHECK(m.variance() == Approx(1).epsilon(1e-3));
}

TEMPLATE_TEST_CASE("the element-wise kernels of normalisation by hand",
                   "[runtime][batch_normalization]", float, double) {
  using S = TestType;
  const std::vector<S> x{1, -2, 3}, dy{2, 4, -6};
  std::vector<S> y(3);
  prunus::scale_and_shift(x.data(), S(2), S(1), false, y.data(), 3);
  CHECK(y == std::vector<S>{3, -3, 7});
  prunus::scale_and_shift(x.data(), S(2), S(1), true, y.data(), 3);
  CHECK(y == std::vector<S>{3, 0, 7});
  const prunus::normalization_sums sums =
      prunus::normalization_sums_of(x.data(), S(1), dy.data(), 3);
  CHECK(sums.gradient == 0);
  CHECK(sums.gradient_deviation == 2 * 0 + 4 * -3 + -6 * 2);
  prunus::normalization_backward(x.data(), S(1), dy.data(), S(10), S(100), S(1), false, y.data(),
                                 3);
  CHECK(y == std::vector<S>{21, -259, 141});
  prunus::normalization_backward(x.data(), S(1), dy.data(), S(10), S(100), S(1), true, y.data(), 3);
  CHECK(y == std::vector<S>{42, -518, 282});
}
