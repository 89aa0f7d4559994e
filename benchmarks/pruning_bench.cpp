// SPDX-License-Identifier: MIT
// Scores, selection, masks: every criterion on every tile over whole networks, and the parts of a
// pruning pass. The line "plain_read" is the yardstick: one sum over the same weights.
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/layer_adaptive_magnitude.hpp>
#include <prunus/criteria/linf_norm.hpp>
#include <prunus/criteria/random_score.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/structure.hpp>

#include "support/half_pruned_resnet50.hpp"
#include "support/layer_shapes.hpp"

#include <Eigen/Core>

#include <benchmark/benchmark.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace prunus_benchmarks;

weights& resnet50_weights() {
  static weights held(resnet50());
  return held;
}
weights& resnet20_weights() {
  static weights held(resnet20());
  return held;
}
weights& vgg16_weights() {
  static weights held(vgg16());
  return held;
}

void count_work(benchmark::State& state, Index weights) {
  state.SetItemsProcessed(state.iterations() * weights);
  state.SetBytesProcessed(state.iterations() * weights * static_cast<Index>(sizeof(float)));
}

void plain_read(benchmark::State& state, weights& w) {
  for (auto _ : state) {
    float sum = 0;
    for (const auto& p : w.net().parameters())
      sum += Eigen::Map<const Eigen::ArrayXf>(p.weight.data, p.weight.size()).sum();
    benchmark::DoNotOptimize(sum);
  }
  count_work(state, w.total());
}

template <class Criterion>
void criterion(benchmark::State& state, weights& w, prunus::tile tile) {
  std::vector<std::vector<float>> scores;
  for (const auto& p : w.net().parameters())
    scores.emplace_back(static_cast<std::size_t>(prunus::tile_grid(p.weight, tile).size()));
  for (auto _ : state)
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const auto& p = w.net().parameters()[i];
      Criterion{}.score(p, prunus::tile_grid(p.weight, tile), std::span<float>(scores[i]));
      benchmark::ClobberMemory();
    }
  count_work(state, w.total());
}

void selection(benchmark::State& state, weights& w, double sparsity) {
  std::vector<prunus::score_source<float>> runs;
  for (const auto& p : w.net().parameters())
    runs.push_back({p.weight.data, p.weight.size(), true, p.name});
  const auto removed = static_cast<Index>(sparsity * static_cast<double>(w.total()));
  for (auto _ : state) benchmark::DoNotOptimize(prunus::find_threshold<float>(runs, removed));
  count_work(state, w.total());
}

template <class Criterion, class Allocation>
void whole_pass(benchmark::State& state, weights& w, prunus::tile tile, double sparsity) {
  const prunus::pass pass{Criterion{}, tile, Allocation{}};
  prunus::pass_state fresh = pass.prepare(w.net());
  for (auto _ : state) {
    state.PauseTiming();
    w.restore();
    prunus::pass_state masks = fresh;
    state.ResumeTiming();
    benchmark::DoNotOptimize(pass.prune(w.net(), masks, 1, sparsity));
  }
  w.restore();
  count_work(state, w.total());
}

void mask_application(benchmark::State& state, weights& w, prunus::tile tile, double sparsity) {
  const prunus::pass pass{prunus::l1_norm{}, tile, prunus::uniform{}};
  prunus::pass_state masks = pass.prepare(w.net());
  pass.prune(w.net(), masks, 1, sparsity);
  for (auto _ : state) {
    prunus::hold(w.net(), masks);
    benchmark::ClobberMemory();
  }
  w.restore();
  count_work(state, w.total());
}

half_pruned_resnet50& half_pruned() {
  static half_pruned_resnet50 held;
  return held;
}

void removal(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(half_pruned().removed());
}
void removal_plan(benchmark::State& state) {
  (void)half_pruned();
  for (auto _ : state)
    benchmark::DoNotOptimize(prunus::plan_removal(half_pruned().declared(), half_pruned().net()));
}
void removal_compaction(benchmark::State& state) {
  const prunus::plan plan = prunus::plan_removal(half_pruned().declared(), half_pruned().net());
  for (auto _ : state) benchmark::DoNotOptimize(prunus::compact(half_pruned().net(), plan));
}
/// Fresh tensors of the compacted sizes, filled once: what one copy of what stays costs.
void removal_copy(benchmark::State& state) {
  const prunus::plan plan = prunus::plan_removal(half_pruned().declared(), half_pruned().net());
  const auto small = prunus::compact(half_pruned().net(), plan);
  for (auto _ : state) {
    const auto copy = small;
    benchmark::DoNotOptimize(copy.begin()->values.data());
  }
}

const std::vector<std::pair<std::string, prunus::tile>> tiles{
    {"element", prunus::element},      {"kernel", prunus::kernel_2d}, {"filter", prunus::filter},
    {"channel", prunus::channel},      {"stripe", prunus::stripe},    {"layer", prunus::layer},
    {"block_4x1", prunus::block(4, 1)}};

template <class Criterion>
void register_criterion(const std::string& name, const std::string& network, weights& (*w)()) {
  for (const auto& [tile_name, tile] : tiles)
    benchmark::RegisterBenchmark(
        ("criterion/" + name + "/" + tile_name + "/" + network).c_str(),
        [w, tile = tile](benchmark::State& s) { criterion<Criterion>(s, w(), tile); })
        ->Unit(benchmark::kMillisecond);
}

void register_network(const std::string& network, weights& (*w)()) {
  const auto add = [&](const std::string& name, auto run) {
    benchmark::RegisterBenchmark((name + "/" + network).c_str(), run)
        ->Unit(benchmark::kMillisecond);
  };
  add("plain_read", [w](benchmark::State& s) { plain_read(s, w()); });
  register_criterion<prunus::l1_norm>("l1_norm", network, w);
  register_criterion<prunus::l2_norm>("l2_norm", network, w);
  register_criterion<prunus::linf_norm>("linf_norm", network, w);
  register_criterion<prunus::random_score>("random_score", network, w);
  for (const auto& [label, sparsity] :
       std::vector<std::pair<std::string, double>>{{"50", 0.5}, {"90", 0.9}}) {
    add("selection/global/" + label,
        [w, s = sparsity](benchmark::State& st) { selection(st, w(), s); });
    add("pass/l1_norm/element/global/" + label, [w, s = sparsity](benchmark::State& st) {
      whole_pass<prunus::l1_norm, prunus::global>(st, w(), prunus::element, s);
    });
    add("pass/layer_adaptive_magnitude/element/global/" + label,
        [w, s = sparsity](benchmark::State& st) {
          whole_pass<prunus::layer_adaptive_magnitude, prunus::global>(st, w(), prunus::element, s);
        });
    add("pass/l1_norm/element/uniform/" + label, [w, s = sparsity](benchmark::State& st) {
      whole_pass<prunus::l1_norm, prunus::uniform>(st, w(), prunus::element, s);
    });
    add("pass/l1_norm/filter/uniform/" + label, [w, s = sparsity](benchmark::State& st) {
      whole_pass<prunus::l1_norm, prunus::uniform>(st, w(), prunus::filter, s);
    });
    add("mask_application/element/" + label,
        [w, s = sparsity](benchmark::State& st) { mask_application(st, w(), prunus::element, s); });
    add("mask_application/filter/" + label,
        [w, s = sparsity](benchmark::State& st) { mask_application(st, w(), prunus::filter, s); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_network("resnet50", resnet50_weights);
  register_network("vgg16", vgg16_weights);
  const auto row = [](const std::string& name, auto run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMillisecond);
  };
  row("mask_application/element/90/resnet20",
      [](benchmark::State& s) { mask_application(s, resnet20_weights(), prunus::element, 0.9); });
  row("removal/graph_plan_and_compaction/resnet50", removal);
  row("removal/plan/resnet50", removal_plan);
  row("removal/compaction/resnet50", removal_compaction);
  row("removal/plain_copy_of_what_stays/resnet50", removal_copy);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
