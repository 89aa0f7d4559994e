// SPDX-License-Identifier: MIT
// What pruning itself costs: selection, norms, similarity, removal.
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/geometric_median.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/layer_adaptive_magnitude.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/runtime/thread_pool.hpp>

#include "side_by_side/arena.hpp"
#include "support/half_pruned_resnet50.hpp"
#include "support/layer_shapes.hpp"

#include <Eigen/Core>

#include <span>
#include <string>
#include <vector>

namespace side_by_side {
namespace {

using namespace prunus_benchmarks;

void plain_read(const weights& w) {
  volatile float kept = 0;
  float sum = 0;
  for (const auto& p : w.net().parameters())
    sum += Eigen::Map<const Eigen::ArrayXf>(p.weight.data, p.weight.size()).sum();
  kept = sum;
  static_cast<void>(kept);
}

template <class Criterion>
void score_filters(const weights& w, std::vector<std::vector<float>>& scores) {
  scores.resize(w.net().parameters().size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto& p = w.net().parameters()[i];
    const prunus::tile_grid grid(p.weight, prunus::filter);
    scores[i].resize(static_cast<std::size_t>(grid.size()));
    Criterion{}.score(p, grid, std::span<float>(scores[i]));
  }
}

std::vector<layer_shape> convolutions(std::vector<layer_shape> layers) {
  std::erase_if(layers, [](const layer_shape& l) { return l.name == "fc"; });
  return layers;
}

/// The same pass on one thread and on two.
template <class Pass>
void compare_threads(arena& in, const std::string& name, const Pass& pass) {
  const std::string work = "pruning pass on two threads, ResNet-50, " + name;
  if (!in.wants(work)) return;
  weights w(resnet50());
  prunus::thread_pool two(2);
  const prunus::pass_state fresh = pass.prepare(w.net());
  prunus::pass_state masks = fresh;
  const auto prune_on = [&](const std::string& threads, prunus::pool_ref on) {
    return candidate{"prunus, " + threads,
                     [&, on] { static_cast<void>(pass.prune(w.net(), masks, 1, 0.9, on)); },
                     [&] {
                       w.restore();
                       masks = fresh;
                     }};
  };
  in.compare(work, 2, {prune_on("one thread", {}), prune_on("two threads", two)});
}

}  // namespace

void compare_pruning(arena& in) {
  if (in.wants("global magnitude") || in.wants("filter norms")) {
    weights w(resnet50());
    std::vector<std::vector<float>> scores;
    const candidate read{"plain read", [&] { plain_read(w); }};
    const auto compare_pass = [&](const std::string& work, const auto& pass) {
      const prunus::pass_state fresh = pass.prepare(w.net());
      prunus::pass_state masks = fresh;
      in.compare(work + ", ResNet-50, 90 %", 1,
                 {read,
                  {"prunus pass", [&] { static_cast<void>(pass.prune(w.net(), masks, 1, 0.9)); },
                   [&] {
                     w.restore();
                     masks = fresh;
                   }}});
      w.restore();
    };
    compare_pass("global magnitude",
                 prunus::pass{prunus::l1_norm{}, prunus::element, prunus::global{}});
    compare_pass("layer-adaptive magnitude", prunus::pass{prunus::layer_adaptive_magnitude{},
                                                          prunus::element, prunus::global{}});
    in.compare("filter norms L1, ResNet-50", 1,
               {read, {"prunus", [&] { score_filters<prunus::l1_norm>(w, scores); }}});
    in.compare("filter norms L2, ResNet-50", 1,
               {read, {"prunus", [&] { score_filters<prunus::l2_norm>(w, scores); }}});
  }
  compare_threads(in, "magnitude of all weights",
                  prunus::pass{prunus::l1_norm{}, prunus::element, prunus::global{}});
  compare_threads(
      in, "layer-adaptive magnitude",
      prunus::pass{prunus::layer_adaptive_magnitude{}, prunus::element, prunus::global{}});
  compare_threads(in, "norms of filters", prunus::pass{prunus::l1_norm{}, prunus::filter});
  compare_threads(in, "geometric median of filters",
                  prunus::pass{prunus::geometric_median{}, prunus::filter});
  for (const bool resnet : {true, false}) {
    const std::string work =
        std::string("geometric median, ") + (resnet ? "ResNet-50" : "VGG-16") + " convolutions";
    if (!in.wants(work)) continue;
    weights w(convolutions(resnet ? resnet50() : vgg16()));
    std::vector<std::vector<float>> scores;
    in.compare(work, 1, {{"prunus", [&] { score_filters<prunus::geometric_median>(w, scores); }}});
  }
  if (in.wants("graph, plan and compaction")) {
    const half_pruned_resnet50 half;
    in.compare("graph, plan and compaction, ResNet-50, 50 %", 1,
               {{"prunus", [&] { static_cast<void>(half.removed()); }}});
  }
}

}  // namespace side_by_side
