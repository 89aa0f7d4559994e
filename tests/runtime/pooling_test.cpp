// SPDX-License-Identifier: MIT
#include <prunus/runtime/pooling.hpp>

#include "support/catch.hpp"

#include <cstddef>  // std::size_t
#include <vector>   // std::vector

using prunus::Index;
using prunus::pooling_shape;

namespace {

template <class S>
std::vector<S> numbers(Index count) {
  std::vector<S> values(static_cast<std::size_t>(count));
  unsigned state = 7;
  for (S& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<S>(static_cast<int>(state >> 24) % 7 - 3);  // with many equals
  }
  return values;
}

/// The position of the first largest value of a window.
template <class S>
std::size_t first_largest(const pooling_shape& s, const std::vector<S>& x, Index plane, Index row,
                          Index column) {
  std::size_t best = 0;
  bool any = false;
  for (Index a = 0; a < s.kernel_height; ++a)
    for (Index b = 0; b < s.kernel_width; ++b) {
      const Index y = row * s.stride_height + a - s.padding_height,
                  z = column * s.stride_width + b - s.padding_width;
      if (y < 0 || y >= s.height || z < 0 || z >= s.width) continue;
      const std::size_t at = static_cast<std::size_t>(plane * s.in_plane() + y * s.width + z);
      if (!any || x[at] > x[best]) best = at;
      any = true;
    }
  return best;
}

}  // namespace

TEMPLATE_TEST_CASE(
    "max pooling gives every window's largest value, and the gradient to the first of equals",
    "[runtime][pooling]", float, double) {
  using S = TestType;
  std::vector<pooling_shape> shapes{
      {5, 7, 3, 2, 2, 3, 1, 1}, {6, 4, 3, 3, 1, 1, 1, 1}, {5, 5, 2, 2, 2, 2, 0, 0}};
  for (Index width = 2; width <= 70; width += 2) shapes.push_back({.height = 4, .width = width});
  for (const pooling_shape& s : shapes) {
    CAPTURE(s.height, s.width, s.kernel_height);
    constexpr Index planes = 2;
    const std::vector<S> x = numbers<S>(planes * s.in_plane()),
                         dy = numbers<S>(planes * s.out_plane());
    std::vector<S> y(dy.size()), dx(x.size(), S(9)), expected(x.size());
    prunus::max_pooling_forward(s, x.data(), y.data(), planes);
    prunus::max_pooling_backward(s, x.data(), dy.data(), false, dx.data(), planes);
    for (Index p = 0; p < planes; ++p)
      for (Index row = 0; row < s.out_height(); ++row)
        for (Index column = 0; column < s.out_width(); ++column) {
          const std::size_t out =
              static_cast<std::size_t>((p * s.out_height() + row) * s.out_width() + column);
          const std::size_t in = first_largest(s, x, p, row, column);
          CHECK(y[out] == x[in]);
          expected[in] += dy[out];
        }
    CHECK(dx == expected);
    prunus::max_pooling_backward(s, x.data(), dy.data(), true, dx.data(), planes);
    for (S& v : expected) v += v;
    CHECK(dx == expected);
  }
}

TEST_CASE("average pooling counts its padding", "[runtime][pooling]") {
  const pooling_shape s{2, 2, 2, 2, 1, 1, 1, 1};  // 3 x 3 windows
  const std::vector<double> x{1, 2, 3, 4};
  std::vector<double> y(9), dx(4);
  prunus::average_pooling_forward(s, x.data(), y.data(), 1);
  CHECK(y == std::vector<double>{0.25, 0.75, 0.5, 1, 2.5, 1.5, 0.75, 1.75, 1});
  const std::vector<double> dy{1, 2, 3, 4, 5, 6, 7, 8, 9};
  prunus::average_pooling_backward(s, dy.data(), false, dx.data(), 1);
  CHECK(dx == std::vector<double>{3, 4, 6, 7});  // a quarter of 1+2+4+5, ...
}
