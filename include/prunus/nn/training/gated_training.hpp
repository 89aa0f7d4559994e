// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/gated_network.hpp>
#include <prunus/nn/training/hard_samples.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/softmax_cross_entropy.hpp>
#include <prunus/nn/training/training.hpp>

#include <Eigen/Core>

#include <array>     // std::array
#include <concepts>  // std::floating_point
#include <cstddef>   // std::size_t
#include <cstdint>   // std::int64_t
#include <optional>  // std::optional
#include <span>      // std::span
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// Applies an update rule to the gates of a network, as `optimizer` does to its backbone. Holds the
/// buffers of the rule; the network must outlive it.
template <std::floating_point S, trainable_gate<S> Gate, update_rule<S> Rule>
class gate_optimizer {
 public:
  /// @throws argument_error (out_of_range: a hyper-parameter)
  gate_optimizer(gated_network<S, Gate>& net, const Rule& rule)
      : net_(&net), rule_((rule.check(), rule)) {
    for (Gate* g : net.gates())
      for (std::vector<S>& buffer : state_.emplace_back()) buffer.resize(g->values().size());
  }

  [[nodiscard]] Rule& rule() noexcept { return rule_; }

  /// One update from the gradients that `backward` left.
  void step(double learning_rate) {
    ++steps_;
    const std::vector<Gate*> gates = net_->gates();
    for (std::size_t k = 0; k < gates.size(); ++k) {
      std::array<std::span<S>, slots> state;
      for (std::size_t i = 0; i < slots; ++i) state[i] = state_[k][i];
      rule_.update(gates[k]->values(), std::span<const S>(gates[k]->gradient()),
                   std::span<const std::span<S>>(state), learning_rate, rule_.weight_decay, steps_);
    }
  }

 private:
  static constexpr std::size_t slots = Rule::state_names.size();

  gated_network<S, Gate>* net_;
  Rule rule_;
  std::vector<std::array<std::vector<S>, slots>> state_;
  std::int64_t steps_ = 0;
};

/// What a step of training gave.
struct gated_batch_result {
  batch_result loss;      ///< before hard samples were given more weight
  double open_share = 1;  ///< of the multiply-adds of the batch
  Index hard = 0;         ///< samples that got more weight
};

/// Forward, loss, weights of hard samples, backward and both updates: one step of training a gated
/// classifier.
/// @shape images: [samples, C, H, W]; labels: [samples]
/// @throws as gated_network::forward, softmax_cross_entropy and hard_samples::weigh; nothing has
///         moved then
template <std::floating_point S, class Gate, class Optimizer, class GateOptimizer>
gated_batch_result train_step(gated_network<S, Gate>& net, Optimizer& optimizer,
                              GateOptimizer& gate_optimizer, std::span<const S> images,
                              std::span<const int> labels, double learning_rate,
                              double gate_learning_rate, const gated_loss& loss = {},
                              const std::optional<hard_samples>& hard = {}) {
  const auto outputs = net.forward(images, static_cast<Index>(labels.size()), mode::training);
  const std::span<const S> logits(outputs.data(), static_cast<std::size_t>(outputs.size()));
  gated_batch_result result;
  result.loss = softmax_cross_entropy<S>(logits, labels, net.output_gradient());
  if (hard) result.hard = hard->weigh(logits, labels, net.output_gradient());
  result.open_share = net.backward(loss);
  optimizer.step(learning_rate);
  gate_optimizer.step(gate_learning_rate);
  return result;
}

/// `evaluate` of one sample at a time, as gated networks run.
template <std::floating_point S, class Gate>
[[nodiscard]] evaluation evaluate(gated_network<S, Gate>& net, std::span<const S> images,
                                  std::span<const int> labels, Index batch = 1) {
  return evaluate<S, gated_network<S, Gate>>(net, images, labels, batch);
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
