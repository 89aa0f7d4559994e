// SPDX-License-Identifier: MIT
// What a program for any processor gains from prunus::kernels. This one is compiled without -march:
// the kernels of the headers run as the baseline, the dispatched ones on each instruction set of
// this machine. One thread, in turns, its processor time, the shortest of all; a line of a
// Markdown table for each piece of work.
//   kernels_in_any_binary [seconds a comparison]
#include <prunus/kernels.hpp>
#include <prunus/measure/latency.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_convolution.hpp>
#include <prunus/runtime/sparse_linear.hpp>

#include <tests/support/random_source.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#if defined(__AVX__)
#error "compare with what a program for any processor is compiled for"
#endif

namespace {

using prunus::Index;
using prunus::instruction_set;
namespace dispatched = prunus::dispatched;

std::vector<float> numbers(Index count) {
  support::random_source random(1);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(random.real(-1, 1));
  return values;
}

/// Four of five blocks of eight outputs are zero.
std::vector<float> sparse_weights(Index out, Index row) {
  support::random_source random(2);
  std::vector<float> values = numbers(out * row);
  for (Index o = 0; o < out; o += 8)
    for (Index k = 0; k < row; ++k)
      if (random.chance(0.8))
        for (Index r = o; r < o + 8 && r < out; ++r)
          values[static_cast<std::size_t>(r * row + k)] = 0;
  return values;
}

std::vector<float> scratch_of(const auto& kernel) {
  return std::vector<float>(static_cast<std::size_t>(kernel.scratch_size()));
}

/// The time that this thread ran, so that waiting for others does not count.
struct processor_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<processor_clock>;
  static constexpr bool is_steady = true;
  static time_point now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time_point(std::chrono::seconds(time.tv_sec) + duration(time.tv_nsec));
  }
};

double seconds = 2;  // a comparison

/// `header()` makes the call of the header's kernel, `chosen(instructions)` that of the dispatched.
void compare(const std::string& work, const auto& header, const auto& chosen) {
  std::printf("| %s ", work.c_str());
  double header_ms = 0;
  for (const instruction_set instructions : prunus::all_instruction_sets) {
    if (!prunus::is_supported(instructions)) continue;
    const prunus::latency_comparison times = prunus::compare_latency<processor_clock>(
        header(), chosen(instructions),
        {.minimum_seconds = seconds, .maximum_seconds = 5 * seconds});
    if (header_ms == 0) std::printf("| %.3f ", header_ms = 1e3 * times.baseline.minimum);
    std::printf("| %.2f ", times.baseline.minimum / times.candidate.minimum);
  }
  std::printf("|\n");
  std::fflush(stdout);
}

void compare_convolution(Index channels, Index side) {
  const prunus::convolution_shape shape{.in_channels = channels,
                                        .out_channels = channels,
                                        .height = side,
                                        .width = side,
                                        .kernel_height = 3,
                                        .kernel_width = 3,
                                        .padding_height = 1,
                                        .padding_width = 1};
  const std::string name = std::to_string(channels) + " channels of " + std::to_string(side) +
                           " x " + std::to_string(side) + ", 3 x 3";
  const std::vector<float> x = numbers(shape.in_size()), weights = numbers(shape.weight_size()),
                           sparse = sparse_weights(channels, shape.row_size());
  std::vector<float> y(static_cast<std::size_t>(shape.out_size()));

  const auto dense_call = [&](auto kernel) {
    return [&, scratch = scratch_of(kernel), kernel = std::move(kernel)]() mutable {
      kernel.forward(x.data(), weights.data(), {}, y.data(), 1, scratch.data());
    };
  };
  compare(
      name + ", dense", [&] { return dense_call(prunus::direct_convolution<float>(shape)); },
      [&](instruction_set in) {
        return dense_call(dispatched::direct_convolution<float>(shape, in));
      });

  const auto sparse_call = [&](auto kernel) {
    return [&, scratch = scratch_of(kernel), kernel = std::move(kernel)]() mutable {
      kernel.forward(x.data(), {}, y.data(), 1, scratch.data());
    };
  };
  constexpr auto format = prunus::formats::blocks_of<8>{};
  compare(
      name + ", 80 % in 8 x 1 blocks",
      [&] { return sparse_call(prunus::sparse_convolution<float>(shape, sparse.data(), format)); },
      [&](instruction_set in) {
        return sparse_call(dispatched::sparse_convolution<float>(shape, sparse.data(), format, in));
      });
}

void compare_linear_layer(const prunus::linear_shape& shape, Index samples) {
  const std::string name = std::to_string(shape.in) + " to " + std::to_string(shape.out) + ", " +
                           std::to_string(samples) + " samples";
  const std::vector<float> x = numbers(samples * shape.in), weights = numbers(shape.in * shape.out),
                           sparse = sparse_weights(shape.out, shape.in);
  std::vector<float> y(static_cast<std::size_t>(samples * shape.out));
  std::vector<float> scratch(static_cast<std::size_t>(prunus::linear_scratch_size<float>(shape)));
  compare(
      name + ", dense",
      [&] {
        return [&] {
          prunus::linear_forward<float>(shape, x.data(), weights.data(), {}, y.data(), samples,
                                        scratch.data());
        };
      },
      [&](instruction_set in) {
        dispatched::linear_layer<float> layer(shape, in);
        return [&, layer, own = scratch_of(layer)]() mutable {
          layer.forward(x.data(), weights.data(), {}, y.data(), samples, own.data());
        };
      });
  const auto sparse_call = [&](auto kernel) {
    return [&, own = scratch_of(kernel), kernel = std::move(kernel)]() mutable {
      kernel.forward(x.data(), {}, y.data(), samples, own.data());
    };
  };
  constexpr auto format = prunus::formats::blocks_of<8>{};
  compare(
      name + ", 80 % in 8 x 1 blocks",
      [&] { return sparse_call(prunus::sparse_linear<float>(shape, sparse.data(), format)); },
      [&](instruction_set in) {
        return sparse_call(dispatched::sparse_linear<float>(shape, sparse.data(), format, in));
      });
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) seconds = std::atof(arguments[1]);
  std::printf("| layer of ResNet-18 | header, ms ");
  for (const instruction_set instructions : prunus::all_instruction_sets)
    if (prunus::is_supported(instructions))
      std::printf("| %.*s, times faster ", static_cast<int>(prunus::name_of(instructions).size()),
                  prunus::name_of(instructions).data());
  std::printf("|\n");
  for (const auto& [channels, side] :
       {std::pair<Index, Index>{64, 56}, {128, 28}, {256, 14}, {512, 7}})
    compare_convolution(channels, side);
  compare_linear_layer({.in = 512, .out = 1000}, 1);
  compare_linear_layer({.in = 512, .out = 1000}, 64);
}
