// SPDX-License-Identifier: MIT
// What a criterion costs: every criterion that works on any tile, over the shapes of ResNet-50, in
// bytes of weights a second, beside one memcpy and one plain read of the same weights. Criteria
// that compare filters are in similarity_bench.
#include <prunus/criteria.hpp>
#include <prunus/observe.hpp>

#include "support/layer_shapes.hpp"

#include <Eigen/Core>

#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace prunus_benchmarks;

/// ResNet-50's weights with gradients, and what criteria may have observed of them.
class subject {
 public:
  subject() : held_(resnet50()) {
    for (const auto& p : held_.net().parameters())
      gradients_.emplace_back(p.weight.data, p.weight.data + p.weight.size());
    std::size_t i = 0;
    for (const auto& p : held_.net().parameters()) {
      prunus::weight_view<float> gradient = p.weight;
      gradient.data = gradients_[i++].data();
      net_.add(p.name, p.weight, {.gradient = gradient});
      outputs_.add(p.name, ones(p.weight.extent(prunus::axis::out)), 1);
      inputs_.add(p.name, ones(p.weight.extent(prunus::axis::in)), 1);
    }
    curvature_.add(net_);
  }

  [[nodiscard]] const prunus::model<float>& net() const { return net_; }
  [[nodiscard]] Index total() const { return held_.total(); }
  [[nodiscard]] const prunus::activation_statistics& outputs() const { return outputs_; }
  [[nodiscard]] const prunus::activation_statistics& inputs() const { return inputs_; }
  [[nodiscard]] const prunus::gradient_second_moment<float>& curvature() const {
    return curvature_;
  }

 private:
  [[nodiscard]] static std::vector<float> ones(Index count) {
    return std::vector<float>(static_cast<std::size_t>(count), 1.0F);
  }
  weights held_;
  std::vector<std::vector<float>> gradients_;
  prunus::model<float> net_;
  prunus::activation_statistics outputs_, inputs_;
  prunus::gradient_second_moment<float> curvature_;
};

subject& resnet() {
  static subject held;
  return held;
}

/// bytes_per_second is that of the weights, so that all lines compare; `moved` is that of all
/// memory that the work reads and writes, `moved_per_weight` bytes a weight: what memory allows is
/// seen in the lines plain_read and memcpy. (A store to a line that is not in the cache reads it
/// first; that is not counted, here as in memcpy.)
void count_work(benchmark::State& state, double moved_per_weight = 0) {
  state.SetBytesProcessed(state.iterations() * resnet().total() *
                          static_cast<Index>(sizeof(float)));
  if (moved_per_weight > 0)
    state.counters["moved"] =
        benchmark::Counter(moved_per_weight * static_cast<double>(state.iterations()) *
                               static_cast<double>(resnet().total()),
                           benchmark::Counter::kIsRate, benchmark::Counter::kIs1024);
}

void plain_read(benchmark::State& state) {
  for (auto _ : state) {
    float sum = 0;
    for (const auto& p : resnet().net().parameters())
      sum += Eigen::Map<const Eigen::ArrayXf>(p.weight.data, p.weight.size()).sum();
    benchmark::DoNotOptimize(sum);
  }
  count_work(state, 4);
}

void copy(benchmark::State& state) {
  std::vector<std::vector<float>> to;
  for (const auto& p : resnet().net().parameters())
    to.emplace_back(static_cast<std::size_t>(p.weight.size()));
  for (auto _ : state) {
    std::size_t i = 0;
    for (const auto& p : resnet().net().parameters()) {
      std::memcpy(to[i].data(), p.weight.data,
                  static_cast<std::size_t>(p.weight.size()) * sizeof(float));
      benchmark::DoNotOptimize(to[i++].data());
      benchmark::ClobberMemory();
    }
  }
  count_work(state, 8);
}

/// Scores all layers. The criterion is made when the benchmark runs: its statistics take memory.
template <class Make>
void criterion(benchmark::State& state, const Make& make, const prunus::tile& tile) {
  const auto scored_by = make(tile);
  std::vector<std::vector<float>> scores;
  for (const auto& p : resnet().net().parameters())
    scores.emplace_back(static_cast<std::size_t>(prunus::tile_grid(p.weight, tile).size()));
  for (auto _ : state) {
    std::size_t i = 0;
    for (const auto& p : resnet().net().parameters()) {
      scored_by.score(p, prunus::tile_grid(p.weight, tile), std::span<float>(scores[i++]));
      benchmark::ClobberMemory();
    }
  }
  count_work(state);
}

/// What is done after every backward pass. Weights and gradients are read, 8 bytes a weight; beside
/// single weights what was gathered is read and written, too: `kept` bytes each.
template <class Make>
void gathering(benchmark::State& state, const Make& make, const prunus::tile& tile, double kept) {
  auto statistics = make(resnet().net(), tile);
  for (auto _ : state) {
    if constexpr (requires { statistics.step(resnet().net()); })
      statistics.step(resnet().net());
    else
      statistics.add(resnet().net());
    benchmark::ClobberMemory();
  }
  count_work(state, 8 + (tile == prunus::element ? 2 * kept : 0));
}

template <class Make>
void add(const std::string& name, const Make& make) {
  for (const auto& [label, tile] : std::vector<std::pair<std::string, prunus::tile>>{
           {"element", prunus::element}, {"filter", prunus::filter}})
    benchmark::RegisterBenchmark(
        ("criterion/" + name + "/" + label).c_str(),
        [make, tile = tile](benchmark::State& s) { criterion(s, make, tile); })
        ->Unit(benchmark::kMillisecond);
}

/// A criterion together with the statistics it looks at.
struct taylor_with_statistics {
  prunus::taylor_statistics statistics;
  void score(const prunus::parameter<float>& p, const prunus::tile_grid& grid,
             std::span<float> scores) const {
    prunus::taylor{statistics}.score(p, grid, scores);
  }
};

}  // namespace

int main(int argc, char** argv) {
  using prunus::tile;
  (void)resnet();  // made before anything is timed
  const auto row = [](const std::string& name, auto run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMillisecond);
  };
  row("plain_read", [](benchmark::State& s) { plain_read(s); });
  row("memcpy", [](benchmark::State& s) { copy(s); });
  add("l1_norm", [](const tile&) { return prunus::l1_norm{}; });
  add("l2_norm", [](const tile&) { return prunus::l2_norm{}; });
  add("linf_norm", [](const tile&) { return prunus::linf_norm{}; });
  add("random_score", [](const tile&) { return prunus::random_score{}; });
  add("layer_adaptive_magnitude", [](const tile&) { return prunus::layer_adaptive_magnitude{}; });
  add("activation_count",
      [](const tile&) { return prunus::activation_count{.statistics = resnet().outputs()}; });
  add("activation_mean", [](const tile&) { return prunus::activation_mean{resnet().outputs()}; });
  add("apoz", [](const tile&) { return prunus::apoz{resnet().outputs()}; });
  add("activation_norm", [](const tile&) { return prunus::activation_norm{resnet().inputs()}; });
  add("snip", [](const tile&) { return prunus::snip{}; });
  add("gradient_norm", [](const tile&) { return prunus::gradient_norm{}; });
  add("second_order", [](const tile&) { return prunus::second_order{resnet().curvature()}; });
  add("taylor", [](const tile& t) {
    taylor_with_statistics made{prunus::taylor_statistics(resnet().net(), t)};
    made.statistics.add(resnet().net());
    return made;
  });
  for (const auto& [label, shape] : std::vector<std::pair<std::string, tile>>{
           {"element", prunus::element}, {"filter", prunus::filter}}) {
    row("gather/taylor_statistics/" + label, [shape = shape](benchmark::State& s) {
      gathering(
          s, [](const auto& net, const tile& t) { return prunus::taylor_statistics(net, t); },
          shape, sizeof(double));
    });
    row("gather/movement_scores/" + label, [shape = shape](benchmark::State& s) {
      gathering(
          s, [](const auto& net, const tile& t) { return prunus::movement_scores(net, t); }, shape,
          3 * sizeof(float));
    });
    row("gather/movement_scores_sgd/" + label, [shape = shape](benchmark::State& s) {
      gathering(
          s,
          [](const auto& net, const tile& t) {
            return prunus::movement_scores(net, t, {prunus::movement_options::rule::sgd});
          },
          shape, sizeof(float));
    });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
