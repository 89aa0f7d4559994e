// SPDX-License-Identifier: MIT
#include <prunus/kernels.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/runtime/gated_linear.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_convolution.hpp>
#include <prunus/runtime/sparse_linear.hpp>
#include <prunus/runtime/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>    // std::max
#include <cmath>        // std::abs
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <limits>       // std::numeric_limits
#include <string>       // std::string
#include <type_traits>  // std::is_copy_constructible_v, std::is_nothrow_move_constructible_v
#include <utility>      // std::move
#include <vector>       // std::vector

namespace {

using prunus::channel_epilogue;
using prunus::convolution_shape;
using prunus::errc;
using prunus::Index;
using prunus::instruction_set;
using prunus::linear_shape;

namespace dispatched = prunus::dispatched;

/// Between -1 and 1, zeros in between.
template <class S>
std::vector<S> numbers(Index count, support::random_source& random, double kept = 1) {
  std::vector<S> values(static_cast<std::size_t>(count));
  for (S& v : values) v = random.chance(kept) ? static_cast<S>(random.real(-1, 1)) : S(0);
  return values;
}

std::vector<std::uint8_t> flags(Index count, support::random_source& random) {
  std::vector<std::uint8_t> values(static_cast<std::size_t>(count));
  for (std::uint8_t& v : values) v = random.chance(0.6) ? 1 : 0;
  return values;
}

template <class S>
std::vector<S> memory(Index count) {
  return std::vector<S>(static_cast<std::size_t>(count), S(7));
}

/// Within the rounding of sums of `terms` products of numbers up to 1, in any order.
template <class S>
void require_near(const std::vector<S>& result, const std::vector<S>& expected, Index terms) {
  REQUIRE(result.size() == expected.size());
  S most = 0;
  for (std::size_t i = 0; i < result.size(); ++i)
    most = std::max(most, std::abs(result[i] - expected[i]));
  REQUIRE(most <= static_cast<S>(2 * (terms + 2)) * std::numeric_limits<S>::epsilon());
}

convolution_shape random_convolution(support::random_source& random) {
  convolution_shape s;
  s.groups = random.between(1, 2);
  s.in_channels = s.groups * random.between(1, 12);
  s.out_channels = s.groups * random.between(1, 20);
  s.kernel_height = s.kernel_width = random.between(1, 3);
  s.height = random.between(3, 20);
  s.width = random.between(3, 20);
  s.stride_height = s.stride_width = random.between(1, 2);
  s.padding_height = s.padding_width = random.between(0, 1);
  return s;
}

template <class F>
void on_each_supported(const F& f) {
  for (const instruction_set instructions : prunus::all_instruction_sets) {
    if (!prunus::is_supported(instructions)) continue;
    CAPTURE(std::string(prunus::name_of(instructions)));
    f(instructions);
  }
}

template <class S>
void check_convolutions(const convolution_shape& s, Index images, support::random_source& random) {
  CAPTURE(s.in_channels, s.out_channels, s.height, s.width, s.kernel_height, s.stride_height);
  CAPTURE(s.padding_height, s.groups, images);
  const std::vector<S> x = numbers<S>(images * s.in_size(), random);
  const std::vector<S> weights = numbers<S>(s.weight_size(), random, 0.4);
  const std::vector<S> scale = numbers<S>(s.out_channels, random);
  const std::vector<S> shift = numbers<S>(s.out_channels, random);
  const std::vector<std::uint8_t> in = flags(images * s.in_channels, random),
                                  out = flags(images * s.out_channels, random);
  const prunus::open_channels open{in.data(), out.data()};
  const channel_epilogue<S> epilogue{scale.data(), shift.data(), random.chance(0.5)};

  const prunus::direct_convolution<S> twin(s);
  std::vector<S> expected = memory<S>(images * s.out_size()),
                 scratch = memory<S>(twin.scratch_size());
  twin.forward(x.data(), weights.data(), epilogue, expected.data(), images, scratch.data());
  const prunus::gated_convolution<S> gated_twin(s);
  auto twin_work = gated_twin.make_workspace();
  std::vector<S> gated_expected = memory<S>(images * s.out_size());
  const prunus::executed_work executed_work = gated_twin.forward(
      x.data(), weights.data(), epilogue, gated_expected.data(), images, open, twin_work);
  prunus::thread_pool pool(3);

  on_each_supported([&](instruction_set instructions) {
    std::vector<S> y = memory<S>(images * s.out_size());
    const dispatched::direct_convolution<S> direct(s, instructions);
    REQUIRE(direct.instructions() == instructions);
    scratch = memory<S>(direct.scratch_size());
    direct.forward(x.data(), weights.data(), epilogue, y.data(), images, scratch.data());
    require_near(y, expected, s.row_size());

    for (const prunus::sparse_format format : prunus::all_sparse_formats) {
      CAPTURE(std::string(prunus::name_of(format)));
      const dispatched::sparse_convolution<S> sparse(s, weights.data(), format, instructions);
      REQUIRE(sparse.instructions() == instructions);
      REQUIRE(sparse.format() == format);
      scratch = memory<S>(sparse.scratch_size());
      y = memory<S>(images * s.out_size());
      sparse.forward(x.data(), epilogue, y.data(), images, scratch.data());
      require_near(y, expected, s.row_size());
      std::vector<S> by_threads = memory<S>(images * s.out_size());
      sparse.forward(x.data(), epilogue, by_threads.data(), images, scratch.data(), pool);
      REQUIRE(by_threads == y);
    }

    const dispatched::gated_convolution<S> gated(s, {}, instructions);
    auto work = gated.make_workspace();
    y = memory<S>(images * s.out_size());
    const prunus::executed_work run =
        gated.forward(x.data(), weights.data(), epilogue, y.data(), images, open, work);
    require_near(y, gated_expected, s.row_size());
    REQUIRE(run.dense_macs == executed_work.dense_macs);
    REQUIRE(run.gathered == executed_work.gathered);
    REQUIRE(run.dense == executed_work.dense);
  });
}

template <class S>
void check_linear_layers(const linear_shape& s, Index plane, Index samples,
                         support::random_source& random) {
  CAPTURE(s.in, s.out, plane, samples);
  const std::vector<S> x = numbers<S>(samples * s.in, random);
  const std::vector<S> weights = numbers<S>(s.in * s.out, random, 0.4);
  const std::vector<S> bias = numbers<S>(s.out, random);
  const std::vector<std::uint8_t> in = flags(samples * s.in / plane, random),
                                  out = flags(samples * s.out, random);
  const prunus::open_channels open{in.data(), out.data()};
  const prunus::channel_epilogue<S> epilogue{.shift = bias.data(), .relu = random.chance(0.5)};

  std::vector<S> expected = memory<S>(samples * s.out);
  std::vector<S> scratch = memory<S>(prunus::linear_scratch_size<S>(s));
  prunus::linear_forward(s, x.data(), weights.data(), epilogue, expected.data(), samples,
                         scratch.data());
  const prunus::gated_linear<S> gated_twin(s, plane);
  auto twin_work = gated_twin.make_workspace();
  std::vector<S> gated_expected = memory<S>(samples * s.out);
  gated_twin.forward(x.data(), weights.data(), epilogue, gated_expected.data(), samples, open,
                     twin_work);

  on_each_supported([&](instruction_set instructions) {
    std::vector<S> y = memory<S>(samples * s.out);
    const dispatched::linear_layer<S> dense(s, instructions);
    REQUIRE(dense.instructions() == instructions);
    scratch = memory<S>(dense.scratch_size());
    dense.forward(x.data(), weights.data(), epilogue, y.data(), samples, scratch.data());
    require_near(y, expected, s.in);

    for (const prunus::sparse_format format : prunus::all_sparse_formats) {
      CAPTURE(std::string(prunus::name_of(format)));
      const dispatched::sparse_linear<S> sparse(s, weights.data(), format, instructions);
      REQUIRE(sparse.instructions() == instructions);
      scratch = memory<S>(sparse.scratch_size());
      y = memory<S>(samples * s.out);
      sparse.forward(x.data(), epilogue, y.data(), samples, scratch.data());
      require_near(y, expected, s.in);
    }

    const dispatched::gated_linear<S> gated(s, plane, {}, instructions);
    auto work = gated.make_workspace();
    y = memory<S>(samples * s.out);
    const prunus::executed_work run =
        gated.forward(x.data(), weights.data(), epilogue, y.data(), samples, open, work);
    require_near(y, gated_expected, s.in);
    REQUIRE(run.dense_macs == samples * s.in * s.out);
  });
}

}  // namespace

TEST_CASE("the best instruction set is the last that is supported, and the baseline always is",
          "[kernels]") {
  REQUIRE(prunus::is_supported(instruction_set::baseline));
  const instruction_set best = prunus::best_instruction_set();
  REQUIRE(prunus::is_supported(best));
  for (const instruction_set other : prunus::all_instruction_sets)
    if (other > best) REQUIRE_FALSE(prunus::is_supported(other));
  REQUIRE(dispatched::linear_layer<float>({.in = 3, .out = 2}).instructions() == best);
}

TEMPLATE_TEST_CASE("dispatched convolutions equal the header's on every instruction set",
                   "[kernels]", float, double) {
  support::random_source random(1);
  for (int round = 0; round < 40; ++round)
    check_convolutions<TestType>(random_convolution(random), random.between(1, 4), random);
}

TEMPLATE_TEST_CASE("dispatched linear layers equal the header's on every instruction set",
                   "[kernels]", float, double) {
  support::random_source random(2);
  for (int round = 0; round < 40; ++round) {
    const Index plane = random.between(1, 9);
    check_linear_layers<TestType>(
        {.in = plane * random.between(1, 20), .out = random.between(1, 40)}, plane,
        random.between(1, 40), random);
  }
}

TEST_CASE("dispatched objects refuse what the header's refuse, with the same words", "[kernels]") {
  const convolution_shape outside{.height = 2, .width = 2, .kernel_height = 3, .kernel_width = 3};
  const float weight = 1;
  const auto of_header = support::error_of<prunus::shape_error>(
      [&] { const prunus::direct_convolution<float> c(outside); });
  REQUIRE(of_header.code == errc::shape_mismatch);
  on_each_supported([&](instruction_set instructions) {
    const auto direct = support::error_of<prunus::shape_error>(
        [&] { const dispatched::direct_convolution<float> c(outside, instructions); });
    CHECK(direct.code == of_header.code);
    CHECK(direct.message == of_header.message);
    CHECK(support::code_of<prunus::shape_error>([&] {
            const dispatched::sparse_convolution<float> c(outside, &weight, prunus::formats::rows{},
                                                          instructions);
          }) == errc::shape_mismatch);
    CHECK(support::code_of<prunus::shape_error>([&] {
            const dispatched::sparse_linear<float> d({.in = 0, .out = 1}, &weight,
                                                     prunus::formats::rows{}, instructions);
          }) == errc::shape_mismatch);
    CHECK(support::code_of<prunus::shape_error>([&] {
            const dispatched::linear_layer<float> d({.in = 1, .out = 0}, instructions);
          }) == errc::shape_mismatch);
    CHECK(support::code_of<prunus::shape_error>([&] {
            const dispatched::gated_linear<float> d({.in = 5, .out = 1}, 2, {}, instructions);
          }) == errc::shape_mismatch);
    CHECK(support::code_of<prunus::argument_error>([&] {
            const dispatched::gated_convolution<float> c({}, {.dense_from = -1}, instructions);
          }) == errc::out_of_range);
  });
}

TEST_CASE("an instruction set that the processor lacks is refused by name", "[kernels]") {
  int refused = 0;
  for (const instruction_set instructions : prunus::all_instruction_sets)
    if (!prunus::is_supported(instructions)) {
      const auto error = support::error_of<prunus::argument_error>(
          [&] { const dispatched::direct_convolution<float> c({}, instructions); });
      CHECK(error.code == errc::unsupported);
      CHECK(error.says(prunus::name_of(instructions)));
      ++refused;
    }
  CAPTURE(refused);
  CHECK(support::code_of<prunus::argument_error>([] {
          const dispatched::linear_layer<double> d({}, static_cast<instruction_set>(99));
        }) == errc::unsupported);
}

TEST_CASE("dispatched objects can be moved and go on working", "[kernels]") {
  using convolution = dispatched::sparse_convolution<float>;
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<convolution>);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<convolution>);
  const std::vector<float> weights{2, 0, -1, 3};
  convolution first({.in_channels = 2, .out_channels = 2}, weights.data(),
                    prunus::formats::patterns{});
  const convolution second = std::move(first);
  std::vector<float> scratch = memory<float>(second.scratch_size()), y(2);
  const std::vector<float> x{5, 7};
  second.forward(x.data(), {}, y.data(), 1, scratch.data());
  CHECK(y == std::vector<float>{10, 16});  // 2 * 5, -1 * 5 + 3 * 7
  CHECK(second.packed_weights() == 3);
}
