// SPDX-License-Identifier: MIT
// Criteria that compare all filters of a layer with each other, over the convolutions of whole
// networks: the sum of distances (geometric median) and the sweep of similar pairs. Beside them
// kernel vectors, and one copy of the same weights as the yardstick.
#include <prunus/criteria/filter_similarity.hpp>
#include <prunus/criteria/geometric_median.hpp>
#include <prunus/criteria/kernel_vector.hpp>

#include "support/layer_shapes.hpp"

#include <benchmark/benchmark.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace prunus_benchmarks;
using prunus::filter_similarity;
using prunus::similarity;
using prunus::similarity_form;

/// The convolutions alone, as published comparisons take them.
std::vector<layer_shape> convolutions(std::vector<layer_shape> layers) {
  std::erase_if(layers, [](const layer_shape& l) { return l.name == "fc"; });
  return layers;
}
weights& resnet50_weights() {
  static weights held(convolutions(resnet50()));
  return held;
}
weights& vgg16_weights() {
  static weights held(convolutions(vgg16()));
  return held;
}

void copy_weights(benchmark::State& state, weights& w) {
  std::vector<float> copy(static_cast<std::size_t>(w.total()));
  for (auto _ : state) {
    float* to = copy.data();
    for (const auto& p : w.net().parameters()) {
      std::memcpy(to, p.weight.data, static_cast<std::size_t>(p.weight.size()) * sizeof(float));
      to += p.weight.size();
    }
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * w.total() * static_cast<Index>(sizeof(float)));
}

void score_kernels(benchmark::State& state, weights& w) {
  std::vector<std::vector<float>> scores;
  for (const auto& p : w.net().parameters())
    scores.emplace_back(
        static_cast<std::size_t>(prunus::tile_grid(p.weight, prunus::kernel_2d).size()));
  for (auto _ : state)
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const auto& p = w.net().parameters()[i];
      prunus::kernel_vector{}.score(p, prunus::tile_grid(p.weight, prunus::kernel_2d),
                                    std::span<float>(scores[i]));
      benchmark::ClobberMemory();
    }
  state.SetItemsProcessed(state.iterations() * w.total());
  state.SetBytesProcessed(state.iterations() * w.total() * static_cast<Index>(sizeof(float)));
}

template <class Criterion>
void score_filters(benchmark::State& state, weights& w, const Criterion& criterion) {
  std::vector<std::vector<float>> scores;
  double products = 0;
  for (const auto& p : w.net().parameters()) {
    const Index filters = p.weight.extent(prunus::axis::out);
    scores.emplace_back(static_cast<std::size_t>(filters));
    products += static_cast<double>(filters) * static_cast<double>(p.weight.size());
  }
  for (auto _ : state)
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const auto& p = w.net().parameters()[i];
      criterion.score(p, prunus::tile_grid(p.weight, prunus::filter), std::span<float>(scores[i]));
      benchmark::DoNotOptimize(scores[i].data());
      benchmark::ClobberMemory();
    }
  // Multiply-adds of all products of two filters, each pair counted once.
  state.counters["MACs"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * products / 2, benchmark::Counter::kIsRate);
  state.SetItemsProcessed(state.iterations() * w.total());
  state.SetBytesProcessed(state.iterations() * w.total() * static_cast<Index>(sizeof(float)));
}

void register_network(const std::string& network, weights& (*w)()) {
  const auto add = [&](const std::string& name, auto criterion) {
    benchmark::RegisterBenchmark(
        ("criterion/" + name + "/filter/" + network).c_str(),
        [w, criterion](benchmark::State& s) { score_filters(s, w(), criterion); })
        ->Unit(benchmark::kMillisecond);
  };
  const auto add_plain = [&](const std::string& name, auto run) {
    benchmark::RegisterBenchmark((name + "/" + network).c_str(), [w, run](benchmark::State& s) {
      run(s, w());
    })->Unit(benchmark::kMillisecond);
  };
  add_plain("memcpy", copy_weights);
  add_plain("criterion/kernel_vector/kernel", score_kernels);
  add("geometric_median", prunus::geometric_median{});
  add("filter_similarity/cosine/distance_sum",
      filter_similarity{.form = similarity_form::distance_sum});
  add("filter_similarity/cosine/pair_sweep", filter_similarity{});
  add("filter_similarity/euclidean/pair_sweep",
      filter_similarity{.measure = similarity::euclidean});
  add("filter_similarity/correlation/pair_sweep",
      filter_similarity{.measure = similarity::correlation});
}

}  // namespace

int main(int argc, char** argv) {
  register_network("resnet50", resnet50_weights);
  register_network("vgg16", vgg16_weights);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
