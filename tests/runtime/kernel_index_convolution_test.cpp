// SPDX-License-Identifier: MIT
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/kernel_index.hpp>
#include <prunus/runtime/kernel_index_convolution.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/owned_weight.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::count, std::max
#include <vector>     // std::vector

namespace {

using prunus::convolution_shape;
using prunus::errc;
using prunus::Index;
using prunus::kernel_index;

/// A mask over kernels that keeps `kept` random ones of every filter.
template <class S>
prunus::mask random_kernels(const prunus::weight_view<S>& weight, Index kept,
                            support::random_source& random) {
  prunus::mask keep{prunus::tile_grid(weight, prunus::kernel_2d)};
  const auto& grid = keep.grid();
  for (Index f = 0; f < weight.extent(prunus::axis::out); ++f) {
    const auto order = random.permutation(weight.extent(prunus::axis::in));
    for (std::size_t k = static_cast<std::size_t>(kept); k < order.size(); ++k)
      keep.set(f * grid.stride(prunus::axis::out) + order[k] * grid.stride(prunus::axis::in),
               false);
  }
  return keep;
}

/// Small whole numbers: sums are exact, so that results must be equal, not near.
template <class S>
void fill(std::vector<S>& values, support::random_source& random) {
  for (S& x : values) x = static_cast<S>(random.between(-4, 4));
}

/// Equals the dense convolution with the pruned kernels at zero.
template <class S>
void check_against_dense(const convolution_shape& s, Index kept, Index images, std::uint64_t seed) {
  CAPTURE(s.in_channels, s.out_channels, s.height, s.width, s.kernel_height, s.kernel_width);
  CAPTURE(s.stride_height, s.stride_width, s.padding_height, s.padding_width, kept, images);
  support::random_source random(seed);
  support::owned_weight<S> weight("OIHW",
                                  {s.out_channels, s.in_channels, s.kernel_height, s.kernel_width});
  fill(weight.values, random);
  const prunus::mask keep = random_kernels(weight.view(), kept, random);
  const auto kernels = prunus::compress_kernels(weight.view(), keep);
  keep.apply(weight.view());
  std::vector<S> x(static_cast<std::size_t>(images * s.in_size())),
      scale(static_cast<std::size_t>(s.out_channels)), shift(scale.size());
  fill(x, random);
  fill(scale, random);
  fill(shift, random);
  const prunus::direct_convolution<S> dense(s);
  const prunus::sparse_convolution<S> indexed = prunus::kernel_index_convolution(s, kernels);
  std::vector<S> scratch(
      static_cast<std::size_t>(std::max(dense.scratch_size(), indexed.scratch_size())), S(777));
  std::vector<S> y(static_cast<std::size_t>(images * s.out_size()), S(5)), expected(y);
  for (const prunus::channel_epilogue<S>& epilogue :
       {prunus::channel_epilogue<S>{},
        prunus::channel_epilogue<S>{.scale = scale.data(), .shift = shift.data(), .relu = true}}) {
    dense.forward(x.data(), weight.values.data(), epilogue, expected.data(), images,
                  scratch.data());
    indexed.forward(x.data(), epilogue, y.data(), images, scratch.data());
    REQUIRE(y == expected);
  }
  // A kept kernel may hold zeros, which are not computed either.
  REQUIRE(indexed.macs() * s.in_channels <= s.macs() * kept);
  REQUIRE(indexed.packed_weights() ==
          static_cast<Index>(kernels.weights.size()) -
              std::count(kernels.weights.begin(), kernels.weights.end(), S(0)));
}

}  // namespace

TEMPLATE_TEST_CASE("kernel_index_convolution equals its dense twin for every number of channels",
                   "[runtime][kernel_index]", float, double) {
  for (Index in = 1; in <= 13; ++in)
    for (Index kept = 1; kept <= in; kept += 3)
      check_against_dense<TestType>({.in_channels = in,
                                     .out_channels = (in * 5) % 11 + 1,
                                     .height = 5,
                                     .width = 6,
                                     .kernel_height = 3,
                                     .kernel_width = 3,
                                     .padding_height = 1,
                                     .padding_width = 1},
                                    kept, 2, static_cast<std::uint64_t>(100 * in + kept));
}

TEMPLATE_TEST_CASE("kernel_index_convolution equals its dense twin for any kernel, stride, padding",
                   "[runtime][kernel_index]", float, double) {
  support::random_source random(94);
  for (int round = 0; round < 60; ++round) {
    convolution_shape s;
    s.in_channels = random.between(1, 9);
    s.out_channels = random.between(1, 9);
    s.kernel_height = random.between(1, 4);
    s.kernel_width = random.between(1, 4);
    s.height = random.between(4, 20);
    s.width = random.between(4, 20);
    s.stride_height = random.between(1, 3);
    s.stride_width = random.between(1, 3);
    s.padding_height = random.between(0, 3);
    s.padding_width = random.between(0, 3);
    check_against_dense<TestType>(s, random.between(1, s.in_channels), random.between(1, 5),
                                  random.bits());
  }
}

TEST_CASE("many small images share a grid", "[runtime][kernel_index]") {
  check_against_dense<float>({.in_channels = 9, .out_channels = 10}, 4, 70, 95);
}

TEST_CASE("kernels and their bitmap worked out by hand", "[runtime][kernel_index]") {
  std::vector<double> values{3, 0, 0, 3, 1, 1, -1, 0, 2, 0, 2, 0, 0, 1, 0, -1};
  const auto weight = prunus::view(values, {2, 4, 1, 2});
  prunus::mask keep{prunus::tile_grid(weight, prunus::kernel_2d)};
  for (Index k : {2, 3, 6, 7}) keep.set(k, false);
  const auto kernels = prunus::compress_kernels(weight, keep);
  CHECK(kernels.index == kernel_index{2, 4, 2, {0, 1, 0, 1}});
  CHECK(kernels.weights == std::vector<double>{3, 0, 0, 3, 2, 0, 2, 0});
  CHECK(prunus::kernel_bitmap(kernels.index) == std::vector<std::uint8_t>{192, 192});
  // Ten inputs take two bytes, zeros behind the last.
  CHECK(prunus::kernel_bitmap({1, 10, 3, {0, 7, 9}}) == std::vector<std::uint8_t>{0x81, 0x40});
}

TEMPLATE_TEST_CASE("compression loses nothing, in any layout", "[runtime][kernel_index]", float,
                   double) {
  support::random_source random(96);
  for (std::string_view order : support::memory_orders) {
    support::owned_weight<TestType> weight(order, {5, 11, 3, 2}), back(order, {5, 11, 3, 2});
    fill(weight.values, random);
    for (Index kept : {1, 6, 11}) {
      const prunus::mask keep = random_kernels(weight.view(), kept, random);
      const auto kernels = prunus::compress_kernels(weight.view(), keep);
      support::owned_weight<TestType> masked = weight;
      keep.apply(masked.view());
      prunus::decompress_kernels(kernels, back.view());
      CAPTURE(order, kept);
      REQUIRE(back.values == masked.values);
      const std::vector<std::uint8_t> bits = prunus::kernel_bitmap(kernels.index);
      REQUIRE(bits.size() == 10);
      REQUIRE(prunus::kernel_index_from_bitmap(bits, 5, 11) == kernels.index);
    }
  }
}

TEST_CASE("kernels that are zero but kept stay in the index", "[runtime][kernel_index]") {
  std::vector<float> values{0, 1, 2, 0};
  const auto weight = prunus::view(values, {2, 2, 1, 1});
  CHECK(prunus::compress_kernels(weight, prunus::mask(prunus::tile_grid(weight, prunus::kernel_2d)))
            .index.kept == 2);
}

TEST_CASE("indices that make no sense are refused", "[runtime][kernel_index]") {
  std::vector<float> values(36, 1);
  const auto weight = prunus::view(values, {2, 2, 3, 3});
  prunus::mask keep{prunus::tile_grid(weight, prunus::kernel_2d)};
  keep.set(1, false);
  CHECK(support::code_of<prunus::argument_error>(
            [&] { (void)prunus::compress_kernels(weight, keep); }) == errc::unsupported);
  CHECK(support::code_of<prunus::shape_error>([&] {
          (void)prunus::compress_kernels(weight,
                                         prunus::mask(prunus::tile_grid(weight, prunus::filter)));
        }) == errc::shape_mismatch);
  const auto kernels =
      prunus::compress_kernels(weight, prunus::mask(prunus::tile_grid(weight, prunus::kernel_2d)));
  std::vector<float> other(18, 7);
  CHECK(support::code_of<prunus::shape_error>([&] {
          prunus::decompress_kernels(kernels, prunus::view(other, {1, 2, 3, 3}));
        }) == errc::shape_mismatch);
  CHECK(other == std::vector<float>(18, 7));
  const std::vector<std::uint8_t> bits{0x80, 0xC0};
  CHECK(support::code_of<prunus::argument_error>(
            [&] { (void)prunus::kernel_index_from_bitmap(bits, 2, 4); }) == errc::unsupported);
  CHECK(support::code_of<prunus::shape_error>(
            [&] { (void)prunus::kernel_index_from_bitmap(bits, 2, 9); }) == errc::shape_mismatch);

  const auto refusal = [](const convolution_shape& s, const kernel_index& index) {
    prunus::indexed_kernels<float> refused{index, 1, 1, {}};
    refused.weights.resize(static_cast<std::size_t>(index.out_channels * index.kept), 1);
    return support::code_of<prunus::error>(
        [&] { (void)prunus::kernel_index_convolution(s, refused); });
  };
  const convolution_shape s{.in_channels = 4, .out_channels = 2, .height = 5, .width = 5};
  CHECK(refusal(s, {2, 4, 2, {0, 1, 2, 3}}) == errc{});
  CHECK(refusal(s, {2, 4, 2, {0, 1, 2}}) == errc::shape_mismatch);
  CHECK(refusal(s, {2, 5, 2, {0, 1, 2, 3}}) == errc::shape_mismatch);
  CHECK(refusal(s, {2, 4, 2, {0, 1, 3, 2}}) == errc::out_of_range);
  CHECK(refusal(s, {2, 4, 2, {0, 1, 2, 4}}) == errc::out_of_range);
  CHECK(refusal({.in_channels = 4, .out_channels = 2, .groups = 2}, {2, 4, 2, {0, 1, 2, 3}}) ==
        errc::unsupported);
}
