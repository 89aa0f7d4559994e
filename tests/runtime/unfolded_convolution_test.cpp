// SPDX-License-Identifier: MIT
#include <prunus/runtime/detail/unfolded_convolution.hpp>

#include "support/catch.hpp"

#include <cstddef>  // std::size_t
#include <vector>   // std::vector

namespace {

using prunus::channel_epilogue;
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
    v = static_cast<S>(static_cast<int>(state >> 24) % 7 - 3);
  }
  return values;
}

template <class S>
S value_at(const convolution_shape& s, const std::vector<S>& x, const std::vector<S>& w, Index n,
           Index o, Index i, Index j) {
  S sum = 0;
  for (Index c = 0; c < s.group_inputs(); ++c)
    for (Index a = 0; a < s.kernel_height; ++a)
      for (Index b = 0; b < s.kernel_width; ++b) {
        const Index row = i * s.stride_height + a - s.padding_height;
        const Index column = j * s.stride_width + b - s.padding_width;
        if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
        const Index from = o / s.group_outputs() * s.group_inputs() + c;
        const Index in = ((n * s.in_channels + from) * s.height + row) * s.width + column;
        const Index weight =
            ((o * s.group_inputs() + c) * s.kernel_height + a) * s.kernel_width + b;
        sum += x[static_cast<std::size_t>(in)] * w[static_cast<std::size_t>(weight)];
      }
  return sum;
}

template <class S>
void check_against_loops(const convolution_shape& s, Index images = 1) {
  if (s.out_height() * s.out_width() < prunus::detail::lanes<S>) return;
  CAPTURE(s.in_channels, s.out_channels, s.height, s.width, s.kernel_height, s.kernel_width);
  CAPTURE(s.stride_height, s.stride_width, s.padding_height, s.padding_width, s.groups, images);
  const prunus::detail::unfolded_convolution<S> convolution(s);
  const std::vector<S> x = whole_numbers<S>(images * s.in_size(), 1);
  const std::vector<S> w = whole_numbers<S>(s.weight_size(), 2);
  const std::vector<S> scale = whole_numbers<S>(s.out_channels, 3);
  const std::vector<S> shift = whole_numbers<S>(s.out_channels, 4);
  std::vector<S> scratch(static_cast<std::size_t>(convolution.scratch_size()), S(777));
  std::vector<S> plain(static_cast<std::size_t>(images * s.out_size()), S(5)), finished = plain;
  convolution(x.data(), w.data(), {}, false, plain.data(), images, scratch.data());
  convolution(x.data(), w.data(), {scale.data(), shift.data(), true}, false, finished.data(),
              images, scratch.data());
  std::size_t at = 0;
  for (Index n = 0; n < images; ++n)
    for (Index o = 0; o < s.out_channels; ++o)
      for (Index i = 0; i < s.out_height(); ++i)
        for (Index j = 0; j < s.out_width(); ++j, ++at) {
          const S value = value_at(s, x, w, n, o, i, j);
          const S scaled =
              value * scale[static_cast<std::size_t>(o)] + shift[static_cast<std::size_t>(o)];
          if (plain[at] != value || finished[at] != (scaled < 0 ? S(0) : scaled)) {
            CAPTURE(n, o, i, j);
            REQUIRE(plain[at] == value);
            REQUIRE(finished[at] == (scaled < 0 ? S(0) : scaled));
          }
        }
  REQUIRE(at == plain.size());
}

template <class S>
void check_gradient_against_loops(const convolution_shape& s, Index images) {
  using unfolded = prunus::detail::unfolded_convolution<S>;
  if (!unfolded::has_mirrored(s) || s.height * s.width < prunus::detail::lanes<S>) return;
  CAPTURE(s.in_channels, s.out_channels, s.height, s.width, s.kernel_height, s.padding_height);
  const unfolded convolution = unfolded::mirrored(s);
  const std::vector<S> dy = whole_numbers<S>(images * s.out_size(), 1);
  const std::vector<S> w = whole_numbers<S>(s.weight_size(), 2);
  std::vector<S> scratch(static_cast<std::size_t>(convolution.scratch_size()), S(777));
  std::vector<S> dx(static_cast<std::size_t>(images * s.in_size()), S(5)), expected(dx.size());
  for (Index n = 0; n < images; ++n)
    for (Index o = 0; o < s.out_channels; ++o)
      for (Index i = 0; i < s.out_height(); ++i)
        for (Index j = 0; j < s.out_width(); ++j)
          for (Index k = 0; k < s.row_size(); ++k) {
            const Index row = i + k / s.kernel_width % s.kernel_height - s.padding_height;
            const Index column = j + k % s.kernel_width - s.padding_width;
            if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
            const Index from = o / s.group_outputs() * s.group_inputs() + k / s.kernel_area();
            const Index in = ((n * s.in_channels + from) * s.height + row) * s.width + column;
            const Index out = ((n * s.out_channels + o) * s.out_height() + i) * s.out_width() + j;
            expected[static_cast<std::size_t>(in)] +=
                dy[static_cast<std::size_t>(out)] *
                w[static_cast<std::size_t>(o * s.row_size() + k)];
          }
  convolution(dy.data(), w.data(), {}, false, dx.data(), images, scratch.data());
  REQUIRE(dx == expected);
  convolution(dy.data(), w.data(), {}, true, dx.data(), images, scratch.data());
  for (S& v : expected) v += v;
  REQUIRE(dx == expected);
}

}  // namespace

TEMPLATE_TEST_CASE("unfolded lines give the gradient of the input for every kernel and padding",
                   "[runtime][convolution]", float, double) {
  for (Index kernel = 1; kernel <= 5; ++kernel)
    for (Index padding = 0; padding < kernel; ++padding)
      for (Index size : {5, 8})
        check_gradient_against_loops<TestType>({.in_channels = 3,
                                                .out_channels = 2,
                                                .height = size,
                                                .width = size + 1,
                                                .kernel_height = kernel,
                                                .kernel_width = kernel,
                                                .padding_height = padding,
                                                .padding_width = padding},
                                               2);
  for (Index groups : {1, 2, 4})
    check_gradient_against_loops<TestType>({.in_channels = 4,
                                            .out_channels = 1200,
                                            .height = 3,
                                            .width = 7,
                                            .kernel_height = 1,
                                            .kernel_width = 3,
                                            .padding_width = 1,
                                            .groups = groups},
                                           1);
}

TEMPLATE_TEST_CASE("unfolded lines give the sums of the loops for every kernel, stride and padding",
                   "[runtime][convolution]", float, double) {
  for (Index kernel = 1; kernel <= 5; ++kernel)
    for (Index stride = 1; stride <= 3; ++stride)
      for (Index padding = 0; padding <= 3; ++padding)
        for (Index size : {6, 9})
          check_against_loops<TestType>({.in_channels = 2,
                                         .out_channels = 3,
                                         .height = size,
                                         .width = size + 1,
                                         .kernel_height = kernel,
                                         .kernel_width = kernel,
                                         .stride_height = stride,
                                         .stride_width = stride,
                                         .padding_height = padding,
                                         .padding_width = padding});
}

TEMPLATE_TEST_CASE("unfolded lines give the sums of the loops for every number of last positions",
                   "[runtime][convolution]", float, double) {
  for (Index width = 8; width <= 33; ++width)
    for (Index in : {5, 140})  // few terms and many end differently
      check_against_loops<TestType>(
          {.in_channels = in, .out_channels = 9, .height = 2, .width = width}, 2);
}

TEMPLATE_TEST_CASE("unfolded lines give the sums of the loops for every number of outputs",
                   "[runtime][convolution]", float, double) {
  for (Index out = 1; out <= 20; ++out)
    check_against_loops<TestType>({.in_channels = 16,
                                   .out_channels = out,
                                   .height = 7,
                                   .width = 7,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .padding_height = 1,
                                   .padding_width = 1});
}

TEMPLATE_TEST_CASE("unfolded lines add up channels that come in several parts",
                   "[runtime][convolution]", float, double) {
  for (Index side : {7, 8, 11})  // dot products at the end, nothing left, a register at the end
    check_against_loops<TestType>({.in_channels = 300,
                                   .out_channels = 3,
                                   .height = side,
                                   .width = side,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .padding_height = 1,
                                   .padding_width = 1});
  check_against_loops<TestType>({.in_channels = 2500, .out_channels = 2, .height = 5, .width = 33});
  check_against_loops<TestType>({.in_channels = 600, .out_channels = 2, .height = 10, .width = 31});
}

TEMPLATE_TEST_CASE("unfolded lines work for groups and where height and width differ",
                   "[runtime][convolution]", float, double) {
  check_against_loops<TestType>({.in_channels = 6,
                                 .out_channels = 9,
                                 .height = 11,
                                 .width = 8,
                                 .kernel_height = 4,
                                 .kernel_width = 1,
                                 .stride_height = 2,
                                 .stride_width = 1,
                                 .padding_height = 1,
                                 .padding_width = 2,
                                 .groups = 3},
                                3);
  check_against_loops<TestType>({.in_channels = 8,
                                 .out_channels = 8,
                                 .height = 9,
                                 .width = 12,
                                 .kernel_height = 1,
                                 .kernel_width = 3,
                                 .stride_width = 2,
                                 .padding_height = 1,
                                 .groups = 8},
                                2);
}

TEST_CASE("unfolded lines are preferred where a grid wastes lanes", "[runtime][convolution]") {
  using unfolded = prunus::detail::unfolded_convolution<float>;
  const convolution_shape product{.in_channels = 64, .out_channels = 64, .height = 64, .width = 64};
  REQUIRE(unfolded::pays(product, 64 * 64));  // nothing is moved
  const convolution_shape wide{.in_channels = 64,
                               .out_channels = 64,
                               .height = 64,
                               .width = 64,
                               .kernel_height = 3,
                               .kernel_width = 3,
                               .padding_height = 1,
                               .padding_width = 1};
  REQUIRE(unfolded::pays(wide, 2 * 64 * 64));
  REQUIRE_FALSE(unfolded::pays(wide, 64 * 64));
  REQUIRE_FALSE(unfolded::pays({.in_channels = 64, .out_channels = 64}, 1000));  // one position
}
