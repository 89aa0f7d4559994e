// SPDX-License-Identifier: MIT
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/sparse_convolution.hpp>
#include <prunus/runtime/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::count, std::max
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using prunus::all_sparse_formats;
using prunus::channel_epilogue;
using prunus::convolution_shape;
using prunus::errc;
using prunus::Index;
using prunus::sparse_convolution;
using prunus::sparse_format;
namespace formats = prunus::formats;

/// Small whole numbers: their products and sums are exact, so that results must be equal, not near.
template <class S>
std::vector<S> whole_numbers(Index count, support::random_source& random) {
  std::vector<S> values(static_cast<std::size_t>(count));
  for (S& v : values) v = static_cast<S>(random.between(-4, 4));
  return values;
}

/// Weights other than zero, in which blocks of `height` outputs x `width` neighbouring weights are
/// kept with a probability.
template <class S>
std::vector<S> sparse_weights(const convolution_shape& s, Index height, Index width, double kept,
                              support::random_source& random) {
  std::vector<S> values(static_cast<std::size_t>(s.weight_size()), S(0));
  for (Index o = 0; o < s.out_channels; o += height)
    for (Index k = 0; k < s.row_size(); k += width) {
      if (!random.chance(kept)) continue;
      for (Index r = o; r < std::min(o + height, s.out_channels); ++r)
        for (Index j = k; j < std::min(k + width, s.row_size()); ++j)
          values[static_cast<std::size_t>(r * s.row_size() + j)] =
              static_cast<S>(random.between(1, 4) * (random.chance(0.5) ? 1 : -1));
    }
  return values;
}

template <class S>
void check_against_dense(const convolution_shape& s, const std::vector<S>& weights, Index images,
                         support::random_source& random) {
  CAPTURE(s.in_channels, s.out_channels, s.height, s.width, s.kernel_height, s.kernel_width);
  CAPTURE(s.stride_height, s.stride_width, s.padding_height, s.padding_width, s.groups, images);
  const std::vector<S> x = whole_numbers<S>(images * s.in_size(), random);
  const std::vector<S> scale = whole_numbers<S>(s.out_channels, random),
                       shift = whole_numbers<S>(s.out_channels, random);
  const prunus::direct_convolution<S> dense(s);
  prunus::thread_pool pool(3);
  std::vector<S> dense_scratch(static_cast<std::size_t>(dense.scratch_size()));
  std::vector<S> expected(static_cast<std::size_t>(images * s.out_size()));
  for (const channel_epilogue<S>& epilogue :
       {channel_epilogue<S>{}, channel_epilogue<S>{scale.data(), shift.data(), true}}) {
    dense.forward(x.data(), weights.data(), epilogue, expected.data(), images,
                  dense_scratch.data());
    for (const sparse_format format : all_sparse_formats) {
      CAPTURE(std::string(prunus::name_of(format)));
      const sparse_convolution<S> sparse(s, weights.data(), format);
      std::vector<S> scratch(static_cast<std::size_t>(sparse.scratch_size()), S(777));
      std::vector<S> y(expected.size(), S(5)), by_threads(expected.size(), S(6));
      sparse.forward(x.data(), epilogue, y.data(), images, scratch.data());
      REQUIRE(y == expected);
      sparse.forward(x.data(), epilogue, by_threads.data(), images, scratch.data(), pool);
      REQUIRE(by_threads == expected);
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("sparse_convolution equals its dense twin for every number of channels",
                   "[runtime][sparse]", float, double) {
  support::random_source random(1);
  for (Index channels = 1; channels <= 19; ++channels) {
    const convolution_shape s{.in_channels = (channels * 7) % 11 + 1,
                              .out_channels = channels,
                              .height = 5,
                              .width = 6,
                              .kernel_height = 3,
                              .kernel_width = 3,
                              .padding_height = 1,
                              .padding_width = 1};
    for (const Index height : {1, 4, 8})
      check_against_dense(s, sparse_weights<TestType>(s, height, 1, 0.4, random), 2, random);
  }
}

TEMPLATE_TEST_CASE("sparse_convolution equals its dense twin for any kernel, stride and padding",
                   "[runtime][sparse]", float, double) {
  support::random_source random(2);
  for (int round = 0; round < 60; ++round) {
    convolution_shape s;
    s.groups = random.between(1, 3);
    s.in_channels = s.groups * random.between(1, 6);
    s.out_channels = s.groups * random.between(1, 10);
    s.kernel_height = random.between(1, 5);
    s.kernel_width = random.between(1, 5);
    s.height = random.between(5, 20);
    s.width = random.between(5, 20);
    s.stride_height = random.between(1, 3);
    s.stride_width = random.between(1, 3);
    s.padding_height = random.between(0, 3);
    s.padding_width = random.between(0, 3);
    check_against_dense(s,
                        sparse_weights<TestType>(s, random.between(1, 8), random.between(1, 9),
                                                 random.real(0, 1), random),
                        random.between(1, 5), random);
  }
}

TEST_CASE("sums cut into parts and strips equal the dense twin", "[runtime][sparse]") {
  support::random_source random(3);
  // Wide enough that the lines do not fit into the first level of the cache together, and with so
  // many outputs on so large planes that they are computed in strips.
  for (const Index side : {9, 40, 64})
    for (const Index kernel : {1, 3}) {
      const convolution_shape s{.in_channels = 90,
                                .out_channels = 70,
                                .height = side,
                                .width = side,
                                .kernel_height = kernel,
                                .kernel_width = kernel,
                                .padding_height = kernel / 2,
                                .padding_width = kernel / 2};
      for (const Index width : {Index{1}, kernel * kernel})
        check_against_dense(s, sparse_weights<float>(s, 2, width, 0.05, random), 2, random);
    }
}

TEST_CASE("whole kernels of so many channels that their lines do not fit into the cache together",
          "[runtime][sparse]") {
  support::random_source random(8);
  const convolution_shape s{.in_channels = 400,
                            .out_channels = 6,
                            .height = 40,
                            .width = 40,
                            .kernel_height = 3,
                            .kernel_width = 3,
                            .padding_height = 1,
                            .padding_width = 1};
  check_against_dense(s, sparse_weights<float>(s, 1, 9, 0.1, random), 1, random);
}

TEST_CASE("planes that are whole registers are read where they stand", "[runtime][sparse]") {
  support::random_source random(4);
  for (const Index width : {16, 48, 256}) {
    const convolution_shape s{.in_channels = 9, .out_channels = 13, .width = width};
    check_against_dense(s, sparse_weights<float>(s, 1, 1, 0.5, random), 3, random);
  }
}

TEST_CASE("many small images share a grid, and fewer of them as well", "[runtime][sparse]") {
  support::random_source random(5);
  const convolution_shape s{.in_channels = 5,
                            .out_channels = 9,
                            .height = 4,
                            .width = 3,
                            .kernel_height = 3,
                            .kernel_width = 3,
                            .padding_height = 1,
                            .padding_width = 1};
  for (const Index images : {1, 2, 70})
    check_against_dense(s, sparse_weights<float>(s, 4, 1, 0.5, random), images, random);
}

TEST_CASE("nothing left gives the shift, everything left the dense convolution",
          "[runtime][sparse]") {
  support::random_source random(6);
  const convolution_shape s{.in_channels = 3,
                            .out_channels = 11,
                            .height = 6,
                            .width = 6,
                            .kernel_height = 3,
                            .kernel_width = 3};
  check_against_dense(s, sparse_weights<float>(s, 1, 1, 0, random), 2, random);
  check_against_dense(s, sparse_weights<float>(s, 1, 1, 1, random), 2, random);
}

TEST_CASE("every format packs what it must and no more", "[runtime][sparse]") {
  // 8 outputs of 3 inputs: input 0 is read by all, input 1 by output 5 only, input 2 by none.
  const convolution_shape s{.in_channels = 3, .out_channels = 8, .height = 2, .width = 5};
  std::vector<float> weights(24, 0);
  for (std::size_t o = 0; o < 8; ++o) weights[o * 3] = 2;
  weights[5 * 3 + 1] = 3;
  const auto packed = [&](sparse_format format) {
    return sparse_convolution<float>(s, weights.data(), format);
  };
  CHECK(packed(formats::rows{}).packed_weights() == 9);
  CHECK(packed(formats::patterns{}).packed_weights() == 9);
  CHECK(packed(formats::blocks_of<4>{}).packed_weights() == 12);
  CHECK(packed(formats::blocks_of<8>{}).packed_weights() ==
        (prunus::detail::most_tile_rows >= 8 ? 16 : 12));
  CHECK(packed(formats::rows{}).macs() == 9 * 10);
}

TEST_CASE("inputs that only zeros read do not reach the output", "[runtime][sparse]") {
  const convolution_shape s{.in_channels = 2, .out_channels = 1, .width = 3};
  const std::vector<float> weights{0, 2}, x{std::numeric_limits<float>::quiet_NaN(),
                                            std::numeric_limits<float>::infinity(),
                                            1,
                                            4,
                                            5,
                                            6};
  for (const sparse_format format : all_sparse_formats) {
    const sparse_convolution<float> convolution(s, weights.data(), format);
    std::vector<float> y(3), scratch(static_cast<std::size_t>(convolution.scratch_size()));
    convolution.forward(x.data(), {}, y.data(), 1, scratch.data());
    CHECK(y == std::vector<float>{8, 10, 12});
  }
}

TEST_CASE("a shape that makes no sense is refused", "[runtime][sparse]") {
  const std::vector<float> weights(4, 1);
  CHECK(support::code_of<prunus::shape_error>([&] {
          (void)sparse_convolution<float>({.in_channels = 2, .out_channels = 2, .kernel_height = 2},
                                          weights.data(), formats::rows{});
        }) == errc::shape_mismatch);
}
