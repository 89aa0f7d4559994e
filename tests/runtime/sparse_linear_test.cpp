// SPDX-License-Identifier: MIT
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_linear.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::min
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using prunus::all_sparse_formats;
using prunus::errc;
using prunus::Index;
using prunus::linear_shape;
using prunus::sparse_format;
namespace formats = prunus::formats;
using prunus::sparse_linear;

template <class S>
std::vector<S> whole_numbers(Index count, support::random_source& random) {
  std::vector<S> values(static_cast<std::size_t>(count));
  for (S& v : values) v = static_cast<S>(random.between(-4, 4));
  return values;
}

/// Weights in which blocks of `height` outputs are kept with a probability.
template <class S>
std::vector<S> sparse_weights(const linear_shape& s, Index height, double kept,
                              support::random_source& random) {
  std::vector<S> values(static_cast<std::size_t>(s.out * s.in), S(0));
  for (Index o = 0; o < s.out; o += height)
    for (Index i = 0; i < s.in; ++i) {
      if (!random.chance(kept)) continue;
      for (Index r = o; r < std::min(o + height, s.out); ++r)
        values[static_cast<std::size_t>(r * s.in + i)] = static_cast<S>(random.between(1, 4));
    }
  return values;
}

template <class S>
void check_against_dense(const linear_shape& s, const std::vector<S>& weights, Index samples,
                         support::random_source& random) {
  CAPTURE(s.in, s.out, samples);
  const std::vector<S> x = whole_numbers<S>(samples * s.in, random),
                       bias = whole_numbers<S>(s.out, random);
  std::vector<S> expected(static_cast<std::size_t>(samples * s.out)),
      dense_scratch(static_cast<std::size_t>(prunus::linear_scratch_size<S>(s)));
  for (const bool with_bias : {false, true}) {
    const prunus::channel_epilogue<S> epilogue{.shift = with_bias ? bias.data() : nullptr,
                                               .relu = with_bias};
    prunus::linear_forward(s, x.data(), weights.data(), epilogue, expected.data(), samples,
                           dense_scratch.data());
    for (const sparse_format format : all_sparse_formats) {
      CAPTURE(std::string(prunus::name_of(format)));
      const sparse_linear<S> sparse(s, weights.data(), format);
      std::vector<S> y(expected.size(), S(5)),
          scratch(static_cast<std::size_t>(sparse.scratch_size()), S(777));
      sparse.forward(x.data(), epilogue, y.data(), samples, scratch.data());
      REQUIRE(y == expected);
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("sparse_linear equals its dense twin for every number of outputs and samples",
                   "[runtime][sparse]", float, double) {
  support::random_source random(11);
  for (Index out = 1; out <= 37; out += 3)
    for (const Index samples : {1, 3, 8, 20, 45})
      for (const Index height : {1, 4, 16}) {
        const linear_shape s{.in = random.between(1, 40), .out = out};
        check_against_dense(s, sparse_weights<TestType>(s, height, random.real(0, 1), random),
                            samples, random);
      }
}

TEST_CASE("nothing left gives the bias, everything left the linear layer", "[runtime][sparse]") {
  support::random_source random(12);
  const linear_shape s{.in = 23, .out = 21};
  for (const Index samples : {1, 30})
    for (const double kept : {0.0, 1.0})
      check_against_dense(s, sparse_weights<float>(s, 1, kept, random), samples, random);
}

TEMPLATE_TEST_CASE("more inputs than the first level of the cache holds", "[runtime][sparse]",
                   float, double) {
  support::random_source random(13);
  for (const Index in : {2048, 4097, 9001})
    for (const Index height : {1, 4, 16}) {
      const linear_shape s{.in = in, .out = random.between(1, 37)};
      check_against_dense(s, sparse_weights<TestType>(s, height, random.real(0, 0.5), random),
                          random.between(1, 20), random);
    }
}

TEST_CASE("weights worked out by hand", "[runtime][sparse]") {
  // Two outputs of three inputs: 2 * x0 - x2 and 3 * x2.
  const std::vector<float> weights{2, 0, -1, 0, 0, 3}, x{5, 7, 11}, bias{-1, 1};
  for (const sparse_format format : all_sparse_formats) {
    const sparse_linear<float> layer({.in = 3, .out = 2}, weights.data(), format);
    std::vector<float> y(2), scratch(static_cast<std::size_t>(layer.scratch_size()));
    layer.forward(x.data(), {.shift = bias.data(), .relu = true}, y.data(), 1, scratch.data());
    CHECK(y == std::vector<float>{0, 34});
    CHECK(layer.packed_weights() == 3);
  }
}

TEST_CASE("an input that only zeros read does not reach the output of a linear layer",
          "[runtime][sparse]") {
  const std::vector<double> weights{0, 2}, x{std::numeric_limits<double>::quiet_NaN(), 4};
  for (const sparse_format format : all_sparse_formats) {
    const sparse_linear<double> layer({.in = 2, .out = 1}, weights.data(), format);
    std::vector<double> y(1), scratch(static_cast<std::size_t>(layer.scratch_size()));
    layer.forward(x.data(), {}, y.data(), 1, scratch.data());
    CHECK(y[0] == 8);
  }
}

TEST_CASE("extents of a sparse linear layer that make no sense are refused", "[runtime][sparse]") {
  const std::vector<float> weights(4, 1);
  for (const linear_shape s :
       {linear_shape{0, 4}, linear_shape{4, 0}, linear_shape{1 << 20, 1 << 20}})
    CHECK(support::code_of<prunus::shape_error>([&] {
            (void)sparse_linear<float>(s, weights.data(), formats::rows{});
          }) == errc::shape_mismatch);
}
