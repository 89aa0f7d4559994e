// SPDX-License-Identifier: MIT
// Layers of which every sample opens other channels, against the same layers computed whole. The
// two are timed in turn, round by round in one run, so that what else the machine does strikes
// both:
//   share           of the multiply-adds that were executed
//   over_dense      fastest gated round over fastest dense round
//   median_ratio    median over the rounds of gated over dense
// The goal for layers of 64 channels and more, one image at a time: over_dense <= share + 0.15.
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/runtime/gated_crossover.hpp>
#include <prunus/runtime/gated_linear.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/selection/selection.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using prunus::Index;

std::vector<float> some_numbers(Index count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<float>(i) * 0.37F);
  return values;
}

/// Pseudo-random channels, as many in every sample.
std::vector<std::uint8_t> some_open(Index samples, Index channels, Index count,
                                    std::uint64_t seed) {
  std::vector<std::uint8_t> flags(static_cast<std::size_t>(samples * channels));
  prunus::detail::open_some(flags, samples, channels, count, seed);
  return flags;
}

class timed_rounds {
 public:
  template <class Dense, class Gated>
  void run(benchmark::State& state, const Dense& dense, const Gated& gated) {
    dense();  // caches are warm for both
    prunus::executed_work work = gated();
    for (auto _ : state) {
      const double whole = seconds([&] { dense(); });
      const double open = seconds([&] { work = gated(); });
      state.SetIterationTime(open);
      dense_ = std::min(dense_, whole);
      gated_ = std::min(gated_, open);
      ratios_.push_back(open / whole);
    }
    std::sort(ratios_.begin(), ratios_.end());
    state.counters["share"] = work.share();
    state.counters["over_dense"] = gated_ / dense_;
    state.counters["median_ratio"] = ratios_[ratios_.size() / 2];
    state.counters["dense_us"] = 1e6 * dense_;
  }

 private:
  using clock = std::chrono::steady_clock;
  template <class F>
  [[nodiscard]] static double seconds(const F& f) {
    const clock::time_point start = clock::now();
    f();
    benchmark::ClobberMemory();
    return std::chrono::duration<double>(clock::now() - start).count();
  }

  double dense_ = 1e9, gated_ = 1e9;
  std::vector<double> ratios_;
};

struct layer {
  std::string name;
  prunus::convolution_shape shape;
};

prunus::convolution_shape convolution(Index in, Index out, Index side, Index kernel, Index stride) {
  return {.in_channels = in,
          .out_channels = out,
          .height = side,
          .width = side,
          .kernel_height = kernel,
          .kernel_width = kernel,
          .stride_height = stride,
          .stride_width = stride,
          .padding_height = kernel / 2,
          .padding_width = kernel / 2};
}

std::vector<layer> layers() {
  return {{"resnet18/64x56x56/3x3", convolution(64, 64, 56, 3, 1)},
          {"resnet18/64to128x56x56/3x3s2", convolution(64, 128, 56, 3, 2)},
          {"resnet18/64to128x56x56/1x1s2", convolution(64, 128, 56, 1, 2)},
          {"resnet18/128x28x28/3x3", convolution(128, 128, 28, 3, 1)},
          {"resnet18/256x14x14/3x3", convolution(256, 256, 14, 3, 1)},
          {"resnet18/512x7x7/3x3", convolution(512, 512, 7, 3, 1)},
          {"resnet20/16x32x32/3x3", convolution(16, 16, 32, 3, 1)},
          {"resnet20/32x16x16/3x3", convolution(32, 32, 16, 3, 1)},
          {"resnet20/64x8x8/3x3", convolution(64, 64, 8, 3, 1)}};
}

void run_convolution(benchmark::State& state, const prunus::convolution_shape& s, int percent,
                     Index images) {
  const std::vector<float> x = some_numbers(images * s.in_size()),
                           w = some_numbers(s.weight_size());
  std::vector<float> y(static_cast<std::size_t>(images * s.out_size()));
  const prunus::direct_convolution<float> dense(s);
  std::vector<float> scratch(static_cast<std::size_t>(dense.scratch_size()));
  const prunus::gated_convolution<float> gated(s, {.dense_from = 2});  // always gathers
  auto work = gated.make_workspace();
  const auto inputs = some_open(images, s.in_channels, s.in_channels * percent / 100, 1);
  const auto outputs = some_open(images, s.out_channels, s.out_channels * percent / 100, 2);
  timed_rounds().run(
      state, [&] { dense.forward(x.data(), w.data(), {}, y.data(), images, scratch.data()); },
      [&] {
        return gated.forward(x.data(), w.data(), {}, y.data(), images,
                             {inputs.data(), outputs.data()}, work);
      });
}

void run_dense(benchmark::State& state, const prunus::linear_shape& s, Index plane, int percent) {
  const std::vector<float> x = some_numbers(s.in), w = some_numbers(s.in * s.out);
  std::vector<float> y(static_cast<std::size_t>(s.out));
  std::vector<float> scratch(static_cast<std::size_t>(prunus::linear_scratch_size<float>(s)));
  const prunus::gated_linear<float> gated(s, plane, {.dense_from = 2});
  auto work = gated.make_workspace();
  const auto inputs = some_open(1, s.in / plane, s.in / plane * percent / 100, 1);
  timed_rounds().run(
      state,
      [&] {
        prunus::linear_forward(s, x.data(), w.data(), {}, y.data(), Index{1}, scratch.data());
      },
      [&] {
        return gated.forward(x.data(), w.data(), {}, y.data(), 1, {.inputs = inputs.data()}, work);
      });
}

void run_crossover(benchmark::State& state, const prunus::convolution_shape& s) {
  const prunus::gated_convolution<float> gated(s);
  prunus::gated_crossover found;
  for (auto _ : state) found = prunus::measure_gated_crossover(gated, {.rounds = 5});
  state.counters["dense_from"] = found.dense_from;
}

template <class Run>
benchmark::internal::Benchmark* add(const std::string& name, Run run) {
  return benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond);
}

}  // namespace

int main(int argc, char** argv) {
  for (const Index images : {Index{1}, Index{32}})
    for (const layer& l : layers()) {
      const std::string batch = "/batch" + std::to_string(images);
      for (const int percent : {25, 50, 75})
        add("gated_convolution/" + l.name + "/open" + std::to_string(percent) + batch,
            [l, percent, images](benchmark::State& state) {
              run_convolution(state, l.shape, percent, images);
            })
            ->UseManualTime();
    }
  for (const layer& l : layers())
    add("gated_crossover/" + l.name + "/batch1", [l](benchmark::State& state) {
      run_crossover(state, l.shape);
    })->Iterations(1);
  for (const int percent : {25, 50, 75}) {
    add("gated_linear/512to1000/open" + std::to_string(percent), [percent](
                                                                     benchmark::State& state) {
      run_dense(state, {512, 1000}, 1, percent);
    })->UseManualTime();
    add("gated_linear/64x49to256/open" + std::to_string(percent), [percent](
                                                                      benchmark::State& state) {
      run_dense(state, {64 * 49, 256}, 49, percent);
    })->UseManualTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
