// SPDX-License-Identifier: MIT
// Whole networks: training steps, compacted networks, packed weights, masks held while training.
#include <prunus/allocation/uniform.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/measure/fastest_kernel.hpp>
#include <prunus/nn/adapters/sparse_inference.hpp>
#include <prunus/nn/architectures/lenet.hpp>
#include <prunus/nn/architectures/resnet.hpp>
#include <prunus/nn/architectures/small_cnn.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "side_by_side/arena.hpp"
#include "side_by_side/numbers.hpp"

#include <cmath>
#include <utility>

namespace side_by_side {
namespace {

namespace nn = prunus::nn;
using network = nn::network<float>;

/// Half of the channels of every layer but the last are gone: a quarter of the MACs stays.
std::pair<prunus::graph, prunus::named_tensors<float>> halved(const network& dense) {
  std::vector<prunus::unit_selection> removed;
  for (const prunus::coupling& c : dense.structure().couplings()) {
    if (!c.prunable()) continue;
    prunus::unit_selection units{c.name, {}};
    for (Index u = (c.units + 1) / 2; u < c.units; ++u) units.units.push_back(u);
    removed.push_back(std::move(units));
  }
  const prunus::plan plan = prunus::plan_removal(dense.graph(), removed);
  return {prunus::compact(dense.graph(), plan), prunus::compact(dense.model(), plan)};
}

void infer(network& net, const std::vector<float>& image) {
  static_cast<void>(net.forward(image, 1, nn::mode::inference));
}

void compare_compacted(arena& in, const std::string& name, const prunus::graph& graph) {
  const std::string work = name + ", half of the channels, batch 1";
  if (!in.wants(work)) return;
  network dense(graph, {.batch = 1});
  const auto [smaller, tensors] = halved(dense);
  network compacted(smaller, tensors, {.batch = 1});
  const std::vector<float> image = some_numbers(dense.input_size());
  in.compare(work, 1, {{"prunus dense", [&] { infer(dense, image); }}, {"prunus compacted", [&] {
                                                                          infer(compacted, image);
                                                                        }}});
}

void compare_packed(arena& in) {
  const std::string work = "ResNet-20, 8x1 blocks, 80 %, batch 1";
  if (!in.wants(work)) return;
  network dense(nn::resnet20(), {.batch = 1}), packed(nn::resnet20(), {.batch = 1});
  const prunus::pass pass{prunus::l1_norm{}, prunus::block(8, 1), prunus::uniform{}};
  prunus::pass_state masks = pass.prepare(packed.model());
  static_cast<void>(pass.prune(packed.model(), masks, 1, 0.8));
  prunus::fastest_kernel<float> fastest;
  nn::pack_fastest(packed, fastest);
  const std::vector<float> image = some_numbers(dense.input_size());
  in.compare(work, 1, {{"prunus dense", [&] { infer(dense, image); }}, {"prunus packed", [&] {
                                                                          infer(packed, image);
                                                                        }}});
}

void compare_training(arena& in, const std::string& name, const prunus::graph& graph) {
  constexpr Index batch = 128, threads = 2;
  const std::string work = "training step, " + name + ", batch 128";
  if (!in.wants(work)) return;
  network net(graph, {.threads = threads, .batch = batch});
  nn::optimizer optimizer(net, nn::sgd{.learning_rate = 1e-4});
  const std::vector<float> images = some_numbers(batch * net.input_size());
  std::vector<int> labels(batch);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int>(i % 10);
  const prunus::pass pass{prunus::l1_norm{}, prunus::element, prunus::uniform{}};
  prunus::pass_state masks = pass.prepare(net.model());
  static_cast<void>(pass.prune(net.model(), masks, 1, 0.9));
  in.compare(
      work, static_cast<int>(threads),
      {{"prunus",
        [&] {
          static_cast<void>(nn::train_step<float>(net, optimizer, images, labels, 1e-4).loss);
        }},
       {"prunus, masks held alone", [&] { prunus::hold(net.model(), masks); }}});
}

}  // namespace

void compare_networks(arena& in) {
  compare_compacted(in, "ResNet-20", nn::resnet20());
  compare_compacted(in, "LeNet-5", nn::lenet({1, 28, 28}, 10));
  compare_compacted(in, "two-layer CNN", nn::small_cnn({1, 28, 28}, 10));
  compare_packed(in);
  compare_training(in, "LeNet-5", nn::lenet({1, 28, 28}, 10));
  compare_training(in, "two-layer CNN", nn::small_cnn({1, 28, 28}, 10));
  compare_training(in, "ResNet-20", nn::resnet20());
}

}  // namespace side_by_side
