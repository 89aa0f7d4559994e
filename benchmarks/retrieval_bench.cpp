// SPDX-License-Identifier: MIT
// Exact results without scoring everything. Retrieval: the best documents of a generated collection
// by exhaustive evaluation, WAND, block-max WAND and MaxScore. A wide layer: its largest outputs by
// bounds, beside a full product, for inputs of which few or many matter.
#include <prunus/adaptive/top_k_outputs.hpp>
#include <prunus/retrieval/block_max_weak_and.hpp>
#include <prunus/retrieval/bm25.hpp>
#include <prunus/retrieval/dlh13.hpp>
#include <prunus/retrieval/max_score.hpp>
#include <prunus/retrieval/retrieve.hpp>
#include <prunus/retrieval/weak_and.hpp>

#include <Eigen/Core>

#include <benchmark/benchmark.h>
#include <examples/support/counter_random.hpp>
#include <examples/support/generated_collection.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace {

using prunus::Index;
using prunus_examples::counter_random;
using prunus_examples::text_collection;

const text_collection& texts() {
  static const text_collection generated = prunus_examples::generate_collection(30000);
  return generated;
}

template <class Weighting, class Strategy, class Bounds>
void retrieval(benchmark::State& state, const Weighting& weighting, const Strategy& strategy,
               const Bounds& bounds, Index k) {
  prunus::retrieval::evaluation_statistics counts;
  for (auto _ : state) {
    counts = {};
    for (const auto& query : texts().queries)
      benchmark::DoNotOptimize(
          retrieve(texts().index, weighting, query.terms, k, strategy, bounds, &counts));
  }
  state.counters["scored_share"] =
      static_cast<double>(counts.postings_scored) / static_cast<double>(counts.postings);
  state.SetItemsProcessed(state.iterations() * static_cast<Index>(texts().queries.size()));
}

/// What a wide layer reads: 10 % of the inputs are not 0; their sizes spread by a factor of e for
/// each `spread`.
class wide_layer {
 public:
  static constexpr Index units = 32768, inputs = 512, images = 8;

  explicit wide_layer(double spread) : weight_(units, inputs) {
    counter_random random(1, 0);
    for (Index i = 0; i < weight_.size(); ++i)
      weight_.data()[i] = static_cast<float>(random.bell());
    for (Index n = 0; n < images; ++n) {
      std::vector<float> x(inputs, 0.0F);
      for (float& value : x)
        if (random.chance(0.1)) value = static_cast<float>(std::exp(spread * random.bell()));
      features_.push_back(x);
    }
  }
  [[nodiscard]] const Eigen::MatrixXf& weight() const { return weight_; }  // units side by side
  [[nodiscard]] const std::vector<float>& features(Index n) const {
    return features_[static_cast<std::size_t>(n)];
  }

 private:
  Eigen::MatrixXf weight_;
  std::vector<std::vector<float>> features_;
};

/// The layers are large: one at a time.
const wide_layer& layer_of(double spread) {
  static double held = -1;
  static std::unique_ptr<wide_layer> layer;
  if (held != spread) {
    layer = std::make_unique<wide_layer>(spread);
    held = spread;
  }
  return *layer;
}

void units_by_bounds(benchmark::State& state, double spread, Index k) {
  const wide_layer& layer = layer_of(spread);
  prunus::top_k_outputs<float> last(prunus::view(layer.weight()));
  prunus::top_k_outputs_statistics counts;
  for (auto _ : state)
    for (Index n = 0; n < wide_layer::images; ++n)
      benchmark::DoNotOptimize(last.largest(layer.features(n), k, &counts));
  state.counters["computed_share"] =
      static_cast<double>(counts.products_computed) / static_cast<double>(counts.products);
  state.SetItemsProcessed(state.iterations() * wide_layer::images);
}

/// Every product with an input that is not 0, four inputs in one go, then the k largest.
void units_by_full_product(benchmark::State& state, double spread, Index k) {
  const wide_layer& layer = layer_of(spread);
  Eigen::ArrayXf sums(wide_layer::units);
  std::vector<Index> order(static_cast<std::size_t>(wide_layer::units)), active;
  for (auto _ : state)
    for (Index n = 0; n < wide_layer::images; ++n) {
      const std::vector<float>& x = layer.features(n);
      active.clear();
      for (Index i = 0; i < wide_layer::inputs; ++i)
        if (x[static_cast<std::size_t>(i)] != 0) active.push_back(i);
      const auto value = [&](std::size_t a) { return x[static_cast<std::size_t>(active[a])]; };
      const auto column = [&](std::size_t a, Index from, Index count) {
        return layer.weight().col(active[a]).segment(from, count).array();
      };
      constexpr Index part = 1024;  // of the sums, which stays in the cache
      for (Index from = 0; from < wide_layer::units; from += part) {
        auto sum = sums.segment(from, part);
        sum.setZero();
        std::size_t a = 0;
        for (; a + 4 <= active.size(); a += 4)
          sum += value(a) * column(a, from, part) + value(a + 1) * column(a + 1, from, part) +
                 value(a + 2) * column(a + 2, from, part) +
                 value(a + 3) * column(a + 3, from, part);
        for (; a < active.size(); ++a) sum += value(a) * column(a, from, part);
      }
      std::iota(order.begin(), order.end(), Index{0});
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](Index a, Index b) {
        return sums[a] > sums[b] || (sums[a] == sums[b] && a < b);
      });
      benchmark::DoNotOptimize(order.data());
    }
  state.SetItemsProcessed(state.iterations() * wide_layer::images);
}

template <class Run>
void add(const std::string& name, const Run& run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond);
}

template <class Weighting>
void register_retrieval(const std::string& name, const Weighting& weighting) {
  for (const Index k : {Index{10}, Index{1000}}) {
    const auto with = [&](const std::string& way, const auto& strategy, const auto& bounds) {
      add("retrieve/" + name + "/" + way + "/k:" + std::to_string(k),
          [=](benchmark::State& s) { retrieval(s, weighting, strategy, bounds, k); });
    };
    const prunus::retrieval::approximated_bounds approximated;
    with("exhaustive", prunus::retrieval::exhaustive{}, approximated);
    static const prunus::retrieval::exact_bounds<Weighting> exact(texts().index, weighting);
    with("weak_and/exact", prunus::retrieval::weak_and{}, exact);
    with("weak_and/approximated", prunus::retrieval::weak_and{}, approximated);
    with("block_max/approximated", prunus::retrieval::block_max_weak_and{}, approximated);
    with("max_score/exact", prunus::retrieval::max_score{}, exact);
    with("max_score/approximated", prunus::retrieval::max_score{}, approximated);
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_retrieval("bm25", prunus::retrieval::bm25{});
  register_retrieval("dlh13", prunus::retrieval::dlh13{});
  for (const double spread : {0.0, 1.0, 2.0, 3.0})
    for (const Index k : {Index{10}, Index{100}}) {
      const std::string at =
          "/spread:" + std::to_string(static_cast<int>(spread)) + "/k:" + std::to_string(k);
      add("top_k_outputs/full_product" + at,
          [=](benchmark::State& s) { units_by_full_product(s, spread, k); });
      add("top_k_outputs/bounds" + at, [=](benchmark::State& s) { units_by_bounds(s, spread, k); });
    }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
