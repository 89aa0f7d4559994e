// SPDX-License-Identifier: MIT
#include <prunus/runtime/direct_convolution.hpp>

#include "support/catch.hpp"

#include <vector>  // std::vector

namespace {

using prunus::convolution_shape;
using prunus::Index;

/// Small whole numbers: their products and sums are exact in float, so that results must be equal,
/// not near.
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

/// Calls f(image, out channel, out position, input position or -1 on padding, weight position) for
/// every product.
template <class F>
void for_each_product(const convolution_shape& s, Index images, const F& f) {
  for (Index n = 0; n < images; ++n)
    for (Index o = 0; o < s.out_channels; ++o)
      for (Index y = 0; y < s.out_height(); ++y)
        for (Index x = 0; x < s.out_width(); ++x)
          for (Index c = 0; c < s.group_inputs(); ++c)
            for (Index a = 0; a < s.kernel_height; ++a)
              for (Index b = 0; b < s.kernel_width; ++b) {
                const Index row = y * s.stride_height + a - s.padding_height;
                const Index column = x * s.stride_width + b - s.padding_width;
                if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
                const Index channel = o / s.group_outputs() * s.group_inputs() + c;
                const Index out =
                    ((n * s.out_channels + o) * s.out_height() + y) * s.out_width() + x;
                const Index in =
                    ((n * s.in_channels + channel) * s.height + row) * s.width + column;
                const Index weight =
                    ((o * s.group_inputs() + c) * s.kernel_height + a) * s.kernel_width + b;
                f(static_cast<std::size_t>(out), static_cast<std::size_t>(in),
                  static_cast<std::size_t>(weight));
              }
}

template <class S>
void check_against_loops(const convolution_shape& s, Index images) {
  CAPTURE(s.in_channels, s.out_channels, s.height, s.width, s.kernel_height, s.kernel_width);
  CAPTURE(s.stride_height, s.stride_width, s.padding_height, s.padding_width, s.groups, images);
  const prunus::direct_convolution<S> convolution(s);
  const std::vector<S> x = whole_numbers<S>(images * s.in_size(), 1);
  const std::vector<S> w = whole_numbers<S>(s.weight_size(), 2);
  const std::vector<S> dy = whole_numbers<S>(images * s.out_size(), 3);
  std::vector<S> scratch(static_cast<std::size_t>(convolution.scratch_size()), S(777));

  std::vector<S> y(dy.size(), S(5)), y_expected(dy.size(), S(0));
  for_each_product(s, images,
                   [&](auto out, auto in, auto weight) { y_expected[out] += x[in] * w[weight]; });
  convolution.forward(x.data(), w.data(), {}, y.data(), images, scratch.data());
  REQUIRE(y == y_expected);

  std::vector<S> dx(x.size(), S(5)), dx_expected(x.size(), S(0));
  std::vector<S> dw(w.size(), S(5)), dw_expected(w.size(), S(0));
  for_each_product(s, images, [&](auto out, auto in, auto weight) {
    dx_expected[in] += dy[out] * w[weight];
    dw_expected[weight] += dy[out] * x[in];
  });
  convolution.backward(x.data(), w.data(), dy.data(), {.weights = dw.data(), .input = dx.data()},
                       images, scratch.data());
  REQUIRE(dx == dx_expected);
  REQUIRE(dw == dw_expected);

  // A second time on top: twice the values.
  convolution.backward(x.data(), w.data(), dy.data(),
                       {.weights = dw.data(),
                        .accumulate_weights = true,
                        .input = dx.data(),
                        .accumulate_input = true},
                       images, scratch.data());
  for (S& v : dx_expected) v += v;
  for (S& v : dw_expected) v += v;
  REQUIRE(dx == dx_expected);
  REQUIRE(dw == dw_expected);
}

}  // namespace

TEMPLATE_TEST_CASE("direct_convolution equals the loops for every number of channels",
                   "[runtime][convolution]", float, double) {
  for (Index in = 1; in <= 17; in += 1)
    check_against_loops<TestType>({.in_channels = in,
                                   .out_channels = (in * 7) % 17 + 1,
                                   .height = 5,
                                   .width = 6,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .padding_height = 1,
                                   .padding_width = 1},
                                  2);
}

TEMPLATE_TEST_CASE("direct_convolution equals the loops for many output channels",
                   "[runtime][convolution]", float, double) {
  for (Index out : {24, 32, 40, 48, 64, 72, 130})  // every number of registers side by side
    check_against_loops<TestType>({.in_channels = 2,
                                   .out_channels = out,
                                   .height = 4,
                                   .width = 5,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .padding_height = 1,
                                   .padding_width = 1},
                                  3);
  // More gradients than are transposed at once.
  check_against_loops<TestType>(
      {.in_channels = 1, .out_channels = 64, .height = 21, .width = 16, .kernel_height = 2}, 2);
}

TEMPLATE_TEST_CASE("direct_convolution equals the loops for every kernel, stride and padding",
                   "[runtime][convolution]", float, double) {
  for (Index kernel = 1; kernel <= 5; ++kernel)
    for (Index stride = 1; stride <= 3; ++stride)
      for (Index padding = 0; padding <= 3; ++padding)
        for (Index size : {5, 8})
          check_against_loops<TestType>({.in_channels = 2,
                                         .out_channels = 3,
                                         .height = size,
                                         .width = size + 2,
                                         .kernel_height = kernel,
                                         .kernel_width = kernel,
                                         .stride_height = stride,
                                         .stride_width = stride,
                                         .padding_height = padding,
                                         .padding_width = padding},
                                        2);
}

TEMPLATE_TEST_CASE("direct_convolution equals the loops when height and width differ in everything",
                   "[runtime][convolution]", float, double) {
  check_against_loops<TestType>({.in_channels = 3,
                                 .out_channels = 5,
                                 .height = 11,
                                 .width = 4,
                                 .kernel_height = 4,
                                 .kernel_width = 1,
                                 .stride_height = 2,
                                 .stride_width = 3,
                                 .padding_height = 0,
                                 .padding_width = 2},
                                3);
  check_against_loops<TestType>({.in_channels = 1,
                                 .out_channels = 6,
                                 .height = 1,
                                 .width = 40,
                                 .kernel_height = 1,
                                 .kernel_width = 7,
                                 .stride_height = 1,
                                 .stride_width = 2,
                                 .padding_height = 0,
                                 .padding_width = 3},
                                1);
}

TEMPLATE_TEST_CASE("direct_convolution equals the loops with groups, down to one channel a group",
                   "[runtime][convolution]", float, double) {
  for (Index stride = 1; stride <= 2; ++stride)
    for (Index groups : {1, 2, 3, 6})
      check_against_loops<TestType>({.in_channels = 6,
                                     .out_channels = 12,
                                     .height = 7,
                                     .width = 7,
                                     .kernel_height = 3,
                                     .kernel_width = 3,
                                     .stride_height = stride,
                                     .stride_width = stride,
                                     .padding_height = 1,
                                     .padding_width = 1,
                                     .groups = groups},
                                    2);
}

TEMPLATE_TEST_CASE("direct_convolution equals the loops on planes of one position and on wide ones",
                   "[runtime][convolution]", float, double) {
  check_against_loops<TestType>({.in_channels = 9, .out_channels = 10},
                                70);  // more images than one grid holds
  check_against_loops<TestType>({.in_channels = 3,
                                 .out_channels = 2,
                                 .height = 33,
                                 .width = 47,
                                 .kernel_height = 3,
                                 .kernel_width = 3,
                                 .padding_height = 1,
                                 .padding_width = 1},
                                2);
}

TEMPLATE_TEST_CASE("direct_convolution applies scale, shift and relu to each channel",
                   "[runtime][convolution]", float, double) {
  using S = TestType;
  const convolution_shape s{.in_channels = 2, .out_channels = 11, .height = 4, .width = 5};
  const prunus::direct_convolution<S> convolution(s);
  const std::vector<S> x = whole_numbers<S>(3 * s.in_size(), 1),
                       w = whole_numbers<S>(s.weight_size(), 2);
  const std::vector<S> scale = whole_numbers<S>(s.out_channels, 3),
                       shift = whole_numbers<S>(s.out_channels, 4);
  std::vector<S> scratch(static_cast<std::size_t>(convolution.scratch_size()));
  std::vector<S> plain(static_cast<std::size_t>(3 * s.out_size())), shaped(plain.size());
  convolution.forward(x.data(), w.data(), {}, plain.data(), 3, scratch.data());
  convolution.forward(x.data(), w.data(),
                      {.scale = scale.data(), .shift = shift.data(), .relu = true}, shaped.data(),
                      3, scratch.data());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const std::size_t channel = i / 20 % 11;
    const S value = plain[i] * scale[channel] + shift[channel];
    REQUIRE(shaped[i] == (value < 0 ? S(0) : value));
  }
}

TEST_CASE("direct_convolution refuses shapes that make no sense", "[runtime][convolution]") {
  const auto code_of = [](const convolution_shape& s) {
    try {
      prunus::direct_convolution<float> refused(s);
      static_cast<void>(refused);
    } catch (const prunus::shape_error& e) {
      return e.code();
    }
    return prunus::errc{};
  };
  CHECK(code_of({.in_channels = 0}) == prunus::errc::shape_mismatch);
  CHECK(code_of({.height = 2, .kernel_height = 3}) == prunus::errc::shape_mismatch);
  CHECK(code_of({.stride_width = 0}) == prunus::errc::shape_mismatch);
  CHECK(code_of({.padding_width = -1}) == prunus::errc::shape_mismatch);
  CHECK(code_of({.in_channels = 4, .out_channels = 6, .groups = 3}) ==
        prunus::errc::shape_mismatch);
}
