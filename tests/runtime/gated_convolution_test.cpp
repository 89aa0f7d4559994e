// SPDX-License-Identifier: MIT
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/gated_convolution.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <cstdint>  // std::uint8_t
#include <limits>   // std::numeric_limits
#include <vector>   // std::vector

namespace {

using prunus::convolution_shape;
using prunus::errc;
using prunus::Index;

using flags = std::vector<std::uint8_t>;

flags random_flags(Index size, double open, support::random_source& random) {
  flags result(static_cast<std::size_t>(size));
  for (std::uint8_t& f : result) f = random.chance(open) ? 1 : 0;
  return result;
}

/// Small whole numbers: sums are exact, so that results must be equal, not near.
template <class S>
std::vector<S> whole_numbers(Index size, support::random_source& random) {
  std::vector<S> values(static_cast<std::size_t>(size));
  for (S& v : values) v = static_cast<S>(random.between(-4, 4));
  return values;
}

/// Zeroes the planes of closed channels.
template <class S>
void close_planes(std::vector<S>& values, const flags& open, Index plane) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (open[i / static_cast<std::size_t>(plane)] == 0) values[i] = S(0);
}

Index macs_one_by_one(const convolution_shape& s, const flags& inputs, const flags& outputs,
                      Index n) {
  Index macs = 0;
  for (Index o = 0; o < s.out_channels; ++o)
    for (Index i = 0; i < s.group_inputs(); ++i) {
      const Index c = o / s.group_outputs() * s.group_inputs() + i;
      if (outputs[static_cast<std::size_t>(n * s.out_channels + o)] != 0 &&
          inputs[static_cast<std::size_t>(n * s.in_channels + c)] != 0)
        macs += s.kernel_area() * s.out_height() * s.out_width();
    }
  return macs;
}

/// Equals the dense convolution of masked inputs with masked outputs, whether it gathers or not,
/// and counts what it executes.
template <class S>
void check_against_dense(const convolution_shape& s, double open, Index images,
                         std::uint64_t seed) {
  CAPTURE(s.in_channels, s.out_channels, s.height, s.width, s.kernel_height, s.kernel_width);
  CAPTURE(s.stride_height, s.stride_width, s.padding_height, s.padding_width, s.groups, open);
  support::random_source random(seed);
  const std::vector<S> weights = whole_numbers<S>(s.weight_size(), random);
  const std::vector<S> x = whole_numbers<S>(images * s.in_size(), random);
  const std::vector<S> scale = whole_numbers<S>(s.out_channels, random);
  const std::vector<S> shift = whole_numbers<S>(s.out_channels, random);
  const flags inputs = random_flags(images * s.in_channels, open, random);
  const flags outputs = random_flags(images * s.out_channels, open, random);
  const Index out_plane = s.out_height() * s.out_width();

  const prunus::direct_convolution<S> dense(s);
  std::vector<S> scratch(static_cast<std::size_t>(dense.scratch_size()));
  std::vector<S> masked = x, expected(static_cast<std::size_t>(images * s.out_size()));
  close_planes(masked, inputs, s.height * s.width);

  for (const double dense_from : {2.0, 0.3, 0.0}) {
    prunus::gated_convolution<S> gated(s, {.dense_from = dense_from});
    auto work = gated.make_workspace();
    for (const prunus::channel_epilogue<S>& epilogue :
         {prunus::channel_epilogue<S>{},
          prunus::channel_epilogue<S>{
              .scale = scale.data(), .shift = shift.data(), .relu = true}}) {
      dense.forward(masked.data(), weights.data(), epilogue, expected.data(), images,
                    scratch.data());
      close_planes(expected, outputs, out_plane);
      std::vector<S> y(expected.size(), S(77));
      const prunus::executed_work run =
          gated.forward(x.data(), weights.data(), epilogue, y.data(), images,
                        {.inputs = inputs.data(), .outputs = outputs.data()}, work);
      REQUIRE(y == expected);
      REQUIRE(run.dense_macs == images * s.macs());
      REQUIRE(run.samples() == images);
      Index executed = 0, whole = 0;
      for (Index n = 0; n < images; ++n) {
        const Index macs = macs_one_by_one(s, inputs, outputs, n);
        const bool as_dense =
            static_cast<double>(macs) >= dense_from * static_cast<double>(s.macs());
        executed += as_dense ? s.macs() : macs;
        whole += as_dense ? 1 : 0;
        REQUIRE(gated.open_macs({inputs.data(), outputs.data()}, n) == macs);
      }
      REQUIRE(run.macs == executed);
      REQUIRE(run.dense == whole);
    }
  }
}

convolution_shape three_by_three(Index in, Index out) {
  return {.in_channels = in,
          .out_channels = out,
          .height = 5,
          .width = 6,
          .kernel_height = 3,
          .kernel_width = 3,
          .padding_height = 1,
          .padding_width = 1};
}

}  // namespace

TEMPLATE_TEST_CASE("gated_convolution equals the masked dense one for every number of channels",
                   "[runtime][gated_convolution]", float, double) {
  for (Index in = 1; in <= 11; in += 2)
    for (const double open : {0.0, 0.4, 0.8, 1.0})
      check_against_dense<TestType>(
          three_by_three(in, (in * 7) % 19 + 1), open, 3,
          static_cast<std::uint64_t>(40 * in) + static_cast<std::uint64_t>(10 * open));
}

TEMPLATE_TEST_CASE("gated_convolution equals the masked dense one for any kernel, stride, groups",
                   "[runtime][gated_convolution]", float, double) {
  support::random_source random(3);
  for (int round = 0; round < 40; ++round) {
    convolution_shape s;
    s.groups = round % 3 == 0 ? random.between(1, 3) : 1;
    s.in_channels = s.groups * random.between(1, 6);
    s.out_channels = s.groups * random.between(1, 9);
    s.kernel_height = random.between(1, 4);
    s.kernel_width = random.between(1, 4);
    s.height = random.between(4, 18);
    s.width = random.between(4, 18);
    s.stride_height = random.between(1, 3);
    s.stride_width = random.between(1, 3);
    s.padding_height = random.between(0, 3);
    s.padding_width = random.between(0, 3);
    check_against_dense<TestType>(s, random.real(0.2, 0.9), random.between(1, 4), random.bits());
  }
}

TEST_CASE("large batches are copied to the dense twin block by block",
          "[runtime][gated_convolution]") {
  check_against_dense<float>({.in_channels = 3, .out_channels = 4}, 0.7, 150, 8);
}

TEST_CASE("a 3 x 3 convolution of 8 to 16 channels at half of both costs a quarter",
          "[runtime][gated_convolution]") {
  convolution_shape s = three_by_three(8, 16);
  s.height = s.width = 4;
  REQUIRE(s.macs() == 18432);
  const prunus::gated_convolution<float> gated(s);
  auto work = gated.make_workspace();
  const std::vector<float> x(static_cast<std::size_t>(s.in_size()), 1.0F);
  const std::vector<float> weights(static_cast<std::size_t>(s.weight_size()), 1.0F);
  std::vector<float> y(static_cast<std::size_t>(s.out_size()));
  flags inputs(8), outputs(16);
  for (std::size_t c = 0; c < 8; c += 2) inputs[c] = outputs[c] = outputs[c + 8] = 1;
  const auto run = [&](const prunus::open_channels& open) {
    return gated.forward(x.data(), weights.data(), {}, y.data(), 1, open, work);
  };
  CHECK(run({inputs.data(), outputs.data()}) == prunus::executed_work{4608, 18432, 1, 0});
  CHECK(run({inputs.data(), outputs.data()}).share() == 0.25);
  CHECK(run({inputs.data(), nullptr}).share() == 0.5);
  CHECK(run({nullptr, outputs.data()}).share() == 0.5);
  // With nothing closed the dense kernel does it.
  CHECK(run({}) == prunus::executed_work{18432, 18432, 0, 1});
}

TEST_CASE("closed outputs are zero even where a shift would make something of them",
          "[runtime][gated_convolution]") {
  const convolution_shape s{.in_channels = 2, .out_channels = 3};
  const std::vector<float> x{1, 2}, weights{1, 1, 10, 10, 100, 100}, shift{5, 5, 5};
  const flags inputs{0, 1}, outputs{1, 0, 1}, nothing{0, 0, 0};
  std::vector<float> y(3, 9.0F);
  const prunus::gated_convolution<float> gated(s);
  auto work = gated.make_workspace();
  gated.forward(x.data(), weights.data(), {.shift = shift.data()}, y.data(), 1,
                {inputs.data(), outputs.data()}, work);
  CHECK(y == std::vector<float>{7, 0, 205});
  // Without inputs an open output still has its shift.
  gated.forward(x.data(), weights.data(), {.shift = shift.data()}, y.data(), 1,
                {nothing.data(), outputs.data()}, work);
  CHECK(y == std::vector<float>{5, 0, 5});
  const prunus::executed_work run =
      gated.forward(x.data(), weights.data(), {.shift = shift.data()}, y.data(), 1,
                    {inputs.data(), nothing.data()}, work);
  CHECK(y == std::vector<float>{0, 0, 0});
  CHECK(run.macs == 0);
}

TEST_CASE("closed inputs are not read", "[runtime][gated_convolution]") {
  const convolution_shape s = three_by_three(4, 5);
  support::random_source random(5);
  const std::vector<float> weights = whole_numbers<float>(s.weight_size(), random);
  std::vector<float> x = whole_numbers<float>(s.in_size(), random);
  const flags inputs{1, 0, 1, 0};
  const std::size_t plane = static_cast<std::size_t>(s.height * s.width);
  for (std::size_t i = 0; i < plane; ++i)
    x[plane + i] = x[3 * plane + i] = std::numeric_limits<float>::quiet_NaN();
  for (const double dense_from : {0.0, 2.0}) {
    const prunus::gated_convolution<float> gated(s, {.dense_from = dense_from});
    auto work = gated.make_workspace();
    std::vector<float> y(static_cast<std::size_t>(s.out_size()));
    gated.forward(x.data(), weights.data(), {}, y.data(), 1, {inputs.data(), nullptr}, work);
    for (const float v : y) REQUIRE(v == v);
  }
}

TEST_CASE("gated runs add up and say how much was skipped", "[runtime][gated_convolution]") {
  prunus::executed_work sum;
  CHECK(sum.share() == 1.0);
  sum += {10, 40, 3, 1};
  sum += {20, 40, 1, 0};
  CHECK(sum == prunus::executed_work{30, 80, 4, 1});
  CHECK(sum.share() == 0.375);
  CHECK(sum.samples() == 5);
}

TEST_CASE("gated_convolution refuses impossible shapes and shares",
          "[runtime][gated_convolution]") {
  using convolution = prunus::gated_convolution<float>;
  const convolution_shape s = three_by_three(2, 2);
  CHECK(support::code_of<prunus::shape_error>([] { convolution({.in_channels = 0}); }) ==
        errc::shape_mismatch);
  CHECK(support::code_of<prunus::argument_error>([&] { convolution(s, {.dense_from = -0.1}); }) ==
        errc::out_of_range);
  convolution fine(s);
  CHECK(support::code_of<prunus::argument_error>([&] {
          fine.set_options({.dense_from = std::numeric_limits<double>::quiet_NaN()});
        }) == errc::out_of_range);
  CHECK(fine.options().dense_from == 1.0);
}
