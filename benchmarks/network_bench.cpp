// SPDX-License-Identifier: MIT
// The small network: single convolutions, whole training steps, and the latency of one image for
// networks that keep 25, 50 and 75 % of their channels beside the dense one.
#include <prunus/core/named_tensors.hpp>
#include <prunus/nn/architectures/lenet.hpp>
#include <prunus/nn/architectures/resnet.hpp>
#include <prunus/nn/architectures/small_cnn.hpp>
#include <prunus/nn/architectures/small_vgg.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/runtime/denormal_guard.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/plan_removal.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using prunus::Index;
using network = prunus::nn::network<float>;

struct known_network {
  std::string name;
  prunus::graph graph;
};

const std::vector<known_network>& networks() {
  static const std::vector<known_network> known{
      {"lenet_28x28", prunus::nn::lenet({1, 28, 28}, 10)},
      {"small_cnn_28x28", prunus::nn::small_cnn({1, 28, 28}, 10)},
      {"small_vgg_28x28", prunus::nn::small_vgg({1, 28, 28}, 10)},
      {"resnet20_32x32", prunus::nn::resnet20()}};
  return known;
}

std::vector<float> some_numbers(Index count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<float>(i) * 0.37F);
  return values;
}

void count_macs(benchmark::State& state, Index macs) {
  state.counters["MACs"] = benchmark::Counter(static_cast<double>(state.iterations() * macs),
                                              benchmark::Counter::kIsRate);
}

/// One convolution alone, forward, one image.
void convolution(benchmark::State& state, Index channels, Index side, Index kernel) {
  prunus::graph g;
  g.input("x", {channels, side, side});
  g.convolution("conv", "x",
                {.out_channels = channels, .kernel = kernel, .padding = kernel / 2, .bias = false});
  network net(g, {.batch = 1});
  const std::vector<float> image = some_numbers(net.input_size());
  for (auto _ : state)
    benchmark::DoNotOptimize(net.forward(image, 1, prunus::nn::mode::inference).data());
  count_macs(state, prunus::cost_of(net.resolved()).macs);
}

void training_step(benchmark::State& state, const prunus::graph& g, Index threads) {
  constexpr Index batch = 128;
  network net(g, {.threads = threads, .batch = batch});
  prunus::nn::optimizer optimizer(net, prunus::nn::sgd{.learning_rate = 1e-4});
  const std::vector<float> images = some_numbers(batch * net.input_size());
  std::vector<int> labels(batch);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(i % 10);
  for (auto _ : state)
    benchmark::DoNotOptimize(
        prunus::nn::train_step<float>(net, optimizer, images, labels, 1e-4).loss);
  state.SetItemsProcessed(state.iterations() * batch);
}

/// A network of which every layer but the last keeps that share of its channels.
std::pair<prunus::graph, prunus::named_tensors<float>> compacted(const prunus::graph& g,
                                                                 double kept) {
  network dense(g);
  std::vector<prunus::unit_selection> removed;
  for (const prunus::coupling& c : dense.structure().couplings()) {
    if (!c.prunable()) continue;
    prunus::unit_selection units{c.name, {}};
    for (Index u = std::max<Index>(std::lround(kept * static_cast<double>(c.units)), 1);
         u < c.units; ++u)
      units.units.push_back(u);
    removed.push_back(std::move(units));
  }
  const prunus::plan plan = prunus::plan_removal(g, removed);
  return {prunus::compact(g, plan), prunus::compact(dense.model(), plan)};
}

void latency(benchmark::State& state, const prunus::graph& g, double kept) {
  const prunus::denormal_guard flushed;
  const auto [smaller, tensors] = compacted(g, kept);
  network net(smaller, tensors, {.batch = 1});
  const std::vector<float> image = some_numbers(net.input_size());
  for (auto _ : state)
    benchmark::DoNotOptimize(net.forward(image, 1, prunus::nn::mode::inference).data());
  count_macs(state, prunus::cost_of(net.resolved()).macs);
}

template <class Run>
benchmark::internal::Benchmark* add(const std::string& name, Run run) {
  return benchmark::RegisterBenchmark(name.c_str(), run)->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& [channels, side, kernel] : std::vector<std::array<Index, 3>>{{16, 32, 3},
                                                                                {32, 16, 3},
                                                                                {64, 8, 3},
                                                                                {64, 56, 3},
                                                                                {128, 28, 3},
                                                                                {256, 14, 3},
                                                                                {64, 56, 1}})
    add("convolution/" + std::to_string(channels) + "x" + std::to_string(side) + "x" +
            std::to_string(side) + "/" + std::to_string(kernel) + "x" + std::to_string(kernel),
        [c = channels, s = side, k = kernel](benchmark::State& state) {
          convolution(state, c, s, k);
        })
        ->Unit(benchmark::kMicrosecond);
  for (const known_network& known : networks()) {
    for (const Index threads : {1, 2})
      add("training_step/" + known.name + "/batch128/threads" + std::to_string(threads),
          [&known, threads](benchmark::State& s) { training_step(s, known.graph, threads); })
          ->Unit(benchmark::kMillisecond);
    for (const int percent : {100, 75, 50, 25})
      add("latency/" + known.name + "/channels" + std::to_string(percent),
          [&known, percent](benchmark::State& s) { latency(s, known.graph, percent / 100.0); })
          ->Unit(benchmark::kMicrosecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
