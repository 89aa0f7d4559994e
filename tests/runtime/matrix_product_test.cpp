// SPDX-License-Identifier: MIT
#include <prunus/runtime/matrix_product.hpp>

#include "support/catch.hpp"

#include <cstddef>  // std::size_t
#include <vector>   // std::vector

namespace {

using prunus::Index;

/// Small whole numbers: sums of their products are exact in float.
template <class S>
std::vector<S> whole_numbers(Index count, unsigned seed) {
  std::vector<S> values(static_cast<std::size_t>(count));
  unsigned state = seed * 2654435761u + 12345u;
  for (S& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<S>(static_cast<int>(state >> 24) % 9 - 4);
  }
  return values;
}

}  // namespace

TEMPLATE_TEST_CASE("dense products equal the loops for every size around the width of a register",
                   "[runtime][matrix_product]", float, double) {
  using S = TestType;
  for (Index in : {1, 3, 7, 8, 15, 16, 17, 40})
    for (Index out : {1, 2, 5, 16, 19})
      for (Index samples : {1, 3, 8, 16, 21}) {
        CAPTURE(in, out, samples);
        const prunus::linear_shape shape{in, out};
        const auto at = [](Index row, Index columns, Index column) {
          return static_cast<std::size_t>(row * columns + column);
        };
        const std::vector<S> x = whole_numbers<S>(samples * in, 1),
                             w = whole_numbers<S>(out * in, 2);
        const std::vector<S> bias = whole_numbers<S>(out, 3),
                             dy = whole_numbers<S>(samples * out, 4);
        std::vector<S> y(dy.size()), y_expected(dy.size()), dx(x.size()), dx_expected(x.size());
        std::vector<S> dw(w.size()), dw_expected(w.size()), db(bias.size()),
            db_expected(bias.size());
        for (Index n = 0; n < samples; ++n)
          for (Index o = 0; o < out; ++o) {
            S sum = bias[static_cast<std::size_t>(o)];
            for (Index i = 0; i < in; ++i) {
              sum += w[at(o, in, i)] * x[at(n, in, i)];
              dx_expected[at(n, in, i)] += dy[at(n, out, o)] * w[at(o, in, i)];
              dw_expected[at(o, in, i)] += dy[at(n, out, o)] * x[at(n, in, i)];
            }
            y_expected[at(n, out, o)] = sum;
            db_expected[static_cast<std::size_t>(o)] += dy[at(n, out, o)];
          }
        std::vector<S> scratch(static_cast<std::size_t>(prunus::linear_scratch_size<S>(shape)));
        prunus::linear_forward(shape, x.data(), w.data(), {.shift = bias.data()}, y.data(), samples,
                               scratch.data());
        REQUIRE(y == y_expected);
        prunus::linear_forward(shape, x.data(), w.data(), {.shift = bias.data(), .relu = true},
                               y.data(), samples, scratch.data());
        for (S& v : y_expected) v = v < 0 ? S(0) : v;
        REQUIRE(y == y_expected);
        prunus::linear_input_gradient(shape, dy.data(), w.data(), dx.data(), samples);
        REQUIRE(dx == dx_expected);
        const Index half = out / 2;  // in two parts
        prunus::linear_weight_gradient(shape, x.data(), dy.data(), dw.data(), db.data(), samples, 0,
                                       half);
        prunus::linear_weight_gradient(shape, x.data(), dy.data(), dw.data(), db.data(), samples,
                                       half, out - half);
        REQUIRE(dw == dw_expected);
        REQUIRE(db == db_expected);
      }
}
