// SPDX-License-Identifier: MIT
// Convolutions in which every filter keeps the same number of kernels, beside their dense twin, one
// image at a time.
#include <prunus/core/selection.hpp>
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/kernel_index.hpp>
#include <prunus/runtime/kernel_index_convolution.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using prunus::Index;

std::vector<float> some_numbers(Index count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<float>(i) * 0.37F);
  return values;
}

prunus::convolution_shape shape_of(Index channels, Index side) {
  return {.in_channels = channels,
          .out_channels = channels,
          .height = side,
          .width = side,
          .kernel_height = 3,
          .kernel_width = 3,
          .padding_height = 1,
          .padding_width = 1};
}

/// Every filter keeps pseudo-random inputs of its own, or those of its group of `alike` filters.
prunus::kernel_index some_inputs(Index channels, Index kept, Index alike) {
  prunus::kernel_index index{channels, channels, kept, {}};
  for (Index f = 0; f < channels; ++f) {
    std::vector<std::pair<std::uint64_t, std::int32_t>> order;
    for (Index c = 0; c < channels; ++c)
      order.emplace_back(
          prunus::detail::mix_bits(static_cast<std::uint64_t>(f / alike * channels + c)),
          static_cast<std::int32_t>(c));
    std::sort(order.begin(), order.end());
    std::vector<std::int32_t> inputs;
    for (Index k = 0; k < kept; ++k) inputs.push_back(order[static_cast<std::size_t>(k)].second);
    std::sort(inputs.begin(), inputs.end());
    index.inputs.insert(index.inputs.end(), inputs.begin(), inputs.end());
  }
  return index;
}

template <class Convolution>
void run(benchmark::State& state, const Convolution& convolution, Index weights, Index macs) {
  const prunus::convolution_shape& s = convolution.shape();
  const std::vector<float> x = some_numbers(s.in_size()), w = some_numbers(weights);
  std::vector<float> y(static_cast<std::size_t>(s.out_size())),
      scratch(static_cast<std::size_t>(convolution.scratch_size()));
  for (auto _ : state) {
    convolution.forward(x.data(), w.data(), {}, y.data(), 1, scratch.data());
    benchmark::DoNotOptimize(y.data());
    benchmark::ClobberMemory();
  }
  state.counters["MACs"] = benchmark::Counter(static_cast<double>(state.iterations() * macs),
                                              benchmark::Counter::kIsRate);
}

template <class Run>
void add(const std::string& name, Run run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond);
}

void register_layer(Index channels, Index side) {
  const std::string layer = "/" + std::to_string(channels) + "x" + std::to_string(side) + "x" +
                            std::to_string(side) + "/3x3";
  const prunus::convolution_shape s = shape_of(channels, side);
  add("direct_convolution" + layer, [s](benchmark::State& state) {
    run(state, prunus::direct_convolution<float>(s), s.weight_size(), s.macs());
  });
  for (const Index alike : {Index{1}, Index{4}})
    for (const int percent : {50, 75, 90}) {
      const Index kept = std::max<Index>(channels * (100 - percent) / 100, 1);
      add("kernel_index_convolution" + layer + "/removed" + std::to_string(percent) +
              (alike == 1 ? "" : "/alike4"),
          [s, kept, alike, channels](benchmark::State& state) {
            const prunus::kernel_index_convolution<float> convolution(
                s, some_inputs(channels, kept, alike));
            run(state, convolution, convolution.weight_size(), convolution.macs());
          });
    }
}

}  // namespace

int main(int argc, char** argv) {
  register_layer(64, 28);
  register_layer(128, 28);
  register_layer(256, 14);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
