// SPDX-License-Identifier: MIT
#include <prunus/runtime/gated_linear.hpp>
#include <prunus/runtime/matrix_product.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <limits>   // std::numeric_limits
#include <vector>   // std::vector

namespace {

using prunus::errc;
using prunus::Index;
using prunus::linear_shape;

using flags = std::vector<std::uint8_t>;

template <class S>
std::vector<S> whole_numbers(Index size, support::random_source& random) {
  std::vector<S> values(static_cast<std::size_t>(size));
  for (S& v : values) v = static_cast<S>(random.between(-4, 4));
  return values;
}

flags random_flags(Index size, double open, support::random_source& random) {
  flags result(static_cast<std::size_t>(size));
  for (std::uint8_t& f : result) f = random.chance(open) ? 1 : 0;
  return result;
}

/// Equals a plain double loop over what is open; small whole numbers make every sum exact.
template <class S>
void check_against_loops(const linear_shape& s, Index plane, double open, Index samples,
                         std::uint64_t seed) {
  CAPTURE(s.in, s.out, plane, open, samples);
  support::random_source random(seed);
  const Index channels = s.in / plane;
  const std::vector<S> x = whole_numbers<S>(samples * s.in, random);
  const std::vector<S> weights = whole_numbers<S>(s.in * s.out, random);
  const std::vector<S> bias = whole_numbers<S>(s.out, random);
  const flags inputs = random_flags(samples * channels, open, random);
  const flags outputs = random_flags(samples * s.out, open, random);
  const auto at = [](const auto& values, Index i) { return values[static_cast<std::size_t>(i)]; };
  for (const bool relu : {false, true})
    for (const double dense_from : {2.0, 0.4, 0.0}) {
      const prunus::gated_linear<S> gated(s, plane, {.dense_from = dense_from});
      auto work = gated.make_workspace();
      std::vector<S> y(static_cast<std::size_t>(samples * s.out), S(9));
      const prunus::executed_work run = gated.forward(
          x.data(), weights.data(), {.shift = relu ? bias.data() : nullptr, .relu = relu}, y.data(),
          samples, {inputs.data(), outputs.data()}, work);
      Index open_macs = 0;
      for (Index n = 0; n < samples; ++n) {
        Index of_sample = 0;
        for (Index o = 0; o < s.out; ++o) {
          S sum = relu ? at(bias, o) : S(0);
          for (Index i = 0; i < s.in; ++i)
            if (at(inputs, n * channels + i / plane) != 0) {
              sum += at(weights, o * s.in + i) * at(x, n * s.in + i);
              of_sample += at(outputs, n * s.out + o);
            }
          if (relu && sum < 0) sum = 0;
          REQUIRE(at(y, n * s.out + o) == (at(outputs, n * s.out + o) != 0 ? sum : S(0)));
        }
        REQUIRE(gated.open_macs({inputs.data(), outputs.data()}, n) == of_sample);
        open_macs += of_sample;
      }
      REQUIRE(run.dense_macs == samples * s.in * s.out);
      REQUIRE(run.samples() == samples);
      REQUIRE(run.macs >= open_macs);
      REQUIRE(run.macs <= run.dense_macs);
      if (dense_from == 0.0) REQUIRE(run.dense == samples);
    }
}

}  // namespace

TEMPLATE_TEST_CASE("gated_linear equals plain loops over what is open", "[runtime][gated_linear]",
                   float, double) {
  std::uint64_t seed = 1;
  for (const Index in : {1, 3, 16, 17, 40, 131})
    for (const double open : {0.0, 0.1, 0.5, 1.0})
      check_against_loops<TestType>({in, 11}, 1, open, 3, seed++);
  for (const Index plane : {2, 9, 49})
    for (const double open : {0.2, 0.7})
      check_against_loops<TestType>({7 * plane, 6}, plane, open, 4, seed++);
  check_against_loops<TestType>({5, 3}, 1, 0.9, 200, seed);
}

TEST_CASE("gated_linear leaves out whole registers and rows", "[runtime][gated_linear]") {
  // 8 planes of 64 inputs: half of the planes and half of the outputs open is a quarter of the
  // work.
  const prunus::gated_linear<float> gated({512, 8}, 64);
  auto work = gated.make_workspace();
  const std::vector<float> x(512, 1.0F), weights(512 * 8, 1.0F);
  std::vector<float> y(8);
  const flags half{1, 0, 1, 0, 0, 1, 1, 0};
  const prunus::executed_work run =
      gated.forward(x.data(), weights.data(), {}, y.data(), 1, {half.data(), half.data()}, work);
  CHECK(run == prunus::executed_work{1024, 4096, 1, 0});
  CHECK(y == std::vector<float>{256, 0, 256, 0, 0, 256, 256, 0});
  // A lonely open input costs a register of each row at most.
  const prunus::gated_linear<float> single({512, 8});
  auto single_work = single.make_workspace();
  flags lonely(512, 0);
  lonely[100] = 1;
  const prunus::executed_work alone = single.forward(x.data(), weights.data(), {}, y.data(), 1,
                                                     {lonely.data(), half.data()}, single_work);
  CHECK(alone.macs <= 4 * prunus::detail::lanes<float>);
  CHECK(y == std::vector<float>{1, 0, 1, 0, 0, 1, 1, 0});
}

TEST_CASE("gated_linear refuses planes that do not divide and shares that are none",
          "[runtime][gated_linear]") {
  using layer = prunus::gated_linear<double>;
  CHECK(support::code_of<prunus::shape_error>([] { layer({10, 2}, 3); }) == errc::shape_mismatch);
  CHECK(support::code_of<prunus::shape_error>([] { layer({0, 2}); }) == errc::shape_mismatch);
  CHECK(support::code_of<prunus::argument_error>([] {
          layer({4, 2}, 1, {.dense_from = std::numeric_limits<double>::quiet_NaN()});
        }) == errc::out_of_range);
}
