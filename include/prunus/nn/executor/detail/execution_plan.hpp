// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/executor/detail/memory_plan.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max, std::min
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <limits>     // std::numeric_limits
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

enum class execution_stage : std::uint8_t { forward, backward, moments, sums };

struct execution_step {
  std::size_t node = no_node;
  execution_stage what = execution_stage::forward;
};

/// Steps that a few samples take together before the next samples come: their data stay in the
/// cache.
struct execution_run {
  std::vector<execution_step> steps;
  Index samples = 1;
};

/// What every shard does on its own, and what one thread does when all are done.
struct execution_phase {
  std::vector<execution_run> runs;
  execution_step finish;
};

struct execution_plan {
  std::vector<execution_phase> training, inference, backward;
  std::vector<bool> relu_is_fused;  ///< the layer applies the activation that follows
  std::vector<std::size_t>
      folded_into;  ///< for convolutions: the batch normalisation they do at inference
  std::vector<std::size_t> result_in;  ///< at inference: the last node that is done with this one
};

/// Collects steps into runs and phases.
class phase_builder {
 public:
  phase_builder(const resolved_graph& graph, const std::vector<layer_traits>& traits,
                Index scalar_bytes)
      : graph_(graph), traits_(traits), scalar_bytes_(scalar_bytes) {}

  void step(std::size_t node, execution_stage what) {
    const Index samples = samples_of(node);
    std::vector<execution_run>& runs = phases_.back().runs;
    const bool all = samples == whole_shard;
    if (runs.empty() || all != (runs.back().samples == whole_shard)) runs.push_back({{}, samples});
    runs.back().steps.push_back({node, what});
    runs.back().samples = std::min(runs.back().samples, samples);
  }
  void finish(std::size_t node, execution_stage what) {
    phases_.back().finish = {node, what};
    phases_.emplace_back();
  }
  [[nodiscard]] std::vector<execution_phase> take() { return std::move(phases_); }

 private:
  static constexpr Index whole_shard = std::numeric_limits<Index>::max() / 2;
  static constexpr Index cache_bytes = Index{1} << 19;

  /// Who reads all its weights for each run of samples wants many; others want to stay in the
  /// cache.
  [[nodiscard]] Index samples_of(std::size_t node) const {
    const resolved_graph::node& n = graph_.nodes[node];
    if (traits_[node].reads_all_weights) return whole_shard;
    Index numbers = n.shape.size();
    for (std::size_t input : n.inputs) numbers += graph_.nodes[input].shape.size();
    return std::max<Index>(1, cache_bytes / (2 * numbers * scalar_bytes_));
  }

  const resolved_graph& graph_;
  const std::vector<layer_traits>& traits_;
  Index scalar_bytes_;
  std::vector<execution_phase> phases_{1};
};

[[nodiscard]] inline execution_plan plan_execution(const resolved_graph& graph,
                                                   const std::vector<layer_traits>& traits,
                                                   const memory_plan& memory, bool fuse,
                                                   Index scalar_bytes) {
  const std::size_t count = graph.nodes.size();
  execution_plan plan;
  plan.relu_is_fused.assign(count, false);
  plan.folded_into.assign(count, no_node);
  plan.result_in.resize(count);
  for (std::size_t i = 0; i < count; ++i) plan.result_in[i] = i;
  std::vector<bool> done_by_another(count, false), folded(count, false);
  for (std::size_t i = 0; i < count && fuse; ++i) {
    const std::size_t next = memory.live[i] ? memory.only_consumer(graph, i) : no_node;
    if (next == no_node) continue;
    if (traits[i].fuses_relu && traits[next].is_relu &&
        memory.value_owner[next] == memory.value_owner[i])
      plan.relu_is_fused[i] = done_by_another[next] = true;
    if (!traits[i].folds_normalization) continue;
    const auto take = [&](std::size_t another) {
      plan.result_in[i] = another;
      folded[another] = true;
      return memory.only_consumer(graph, another);
    };
    std::size_t behind = next;
    if (traits[next].normalizes_batch) {
      plan.folded_into[i] = next;
      behind = take(next);
    }
    if (behind != no_node && traits[behind].joins_convolution) take(behind);
  }

  const auto forward_is_nothing = [&](std::size_t i) {
    return !memory.live[i] || done_by_another[i] ||
           (traits[i].reshapes && memory.value_owner[i] != i);
  };
  phase_builder training(graph, traits, scalar_bytes), inference(graph, traits, scalar_bytes),
      backward(graph, traits, scalar_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    if (forward_is_nothing(i)) continue;
    if (traits[i].normalizes_batch) {
      training.step(i, execution_stage::moments);
      training.finish(i, execution_stage::moments);
    }
    training.step(i, execution_stage::forward);
    if (!folded[i]) inference.step(i, execution_stage::forward);
  }
  for (std::size_t i = count; i-- > 0;) {
    if (!memory.differentiated[i]) continue;
    if (traits[i].normalizes_batch) {
      backward.step(i, execution_stage::sums);
      backward.finish(i, execution_stage::sums);
    }
    if (traits[i].whole_batch_backward)
      backward.finish(i, execution_stage::backward);
    else
      backward.step(i, execution_stage::backward);
  }
  plan.training = training.take();
  plan.inference = inference.take();
  plan.backward = backward.take();
  return plan;
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
