// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/activation_gate.hpp>
#include <prunus/adaptive/feature_boosting.hpp>
#include <prunus/nn/gated_network.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/adam.hpp>
#include <prunus/nn/training/gated_training.hpp>
#include <prunus/nn/training/hard_samples.hpp>
#include <prunus/nn/training/learning_rate.hpp>
#include <prunus/nn/training/minibatches.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>

#include "dataset.hpp"

#include <algorithm>    // std::clamp, std::max, std::min
#include <cmath>        // std::abs, std::atanh, std::erfc, std::exp, std::sqrt
#include <cstdint>      // std::uint64_t
#include <numbers>      // std::numbers
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus_examples {

/// How the convolutions of a trained network get gates: with all of them open, then with fewer and
/// fewer, at each share first without and then with more weight on hard images.
struct gate_recipe {
  prunus::Index epochs = 1;  ///< of a stage: all open; a share; a share and hard images
  prunus::Index batch = 32;
  double rate = 0.02;       ///< of the weights, falls along a cosine in each stage
  double gate_rate = 2e-3;  ///< of the gates, by Adam
  double hard_weight = 1;   ///< that hard images get more
  double importance = 0.5;  ///< how far the gates begin apart by the importance of the channels
  std::uint64_t seed = 1;
};

/// How much the channels behind convolution, normalisation `bn` and rectifier matter to the layer
/// `reader` behind them: the root mean square of what they send, if what the normalisation makes is
/// normally distributed, times the size of the weights that read it. 1 on average.
[[nodiscard]] inline std::vector<double> channel_importance(const prunus::model<float>& parameters,
                                                            std::string_view bn,
                                                            std::string_view reader) {
  const auto scale = parameters[std::string(bn) + ".weight"].weight;
  const auto shift = parameters[std::string(bn) + ".bias"].weight;
  const auto weight = parameters[std::string(reader) + ".weight"].weight;
  const prunus::Index channels = scale.size();
  const prunus::Index rows = weight.extent(prunus::axis::out);
  const prunus::Index taps = weight.size() / (rows * channels);
  std::vector<double> result;
  double sum = 0;
  for (prunus::Index c = 0; c < channels; ++c) {
    const double s = std::max(std::abs(static_cast<double>(scale.data[c])), 1e-6);
    const double m = static_cast<double>(shift.data[c]), z = m / s;
    const double above = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    double squares = 0;
    for (prunus::Index o = 0; o < rows; ++o)
      for (prunus::Index k = 0; k < taps; ++k) {
        const double w = static_cast<double>(weight.data[(o * channels + c) * taps + k]);
        squares += w * w;
      }
    const double sent = std::max((m * m + s * s) * above + m * s * density, 0.0);
    result.push_back(std::sqrt(sent * squares));
    sum += result.back();
  }
  for (double& v : result) v *= static_cast<double>(channels) / std::max(sum, 1e-12);
  return result;
}

/// Lets a new gate begin with the important channels ahead. What the network computes with all
/// gates open stays the same: where the score of a channel is also a factor of its output, the
/// normalisation in front is divided by it.
/// @returns the factors
[[nodiscard]] inline std::vector<double> begin_apart(prunus::activation_gate<float>& gate,
                                                     const std::vector<double>& importance,
                                                     double strength) {
  std::vector<double> factors(importance.size(), 1.0);
  const auto values = gate.values();
  const std::size_t channels = importance.size();
  if (gate.options().score == prunus::gate_score::head) {
    for (std::size_t c = 0; c < channels; ++c)
      values[values.size() - channels + c] +=
          static_cast<float>(strength * std::clamp(importance[c] - 1, -1.0, 2.0));
    return factors;
  }
  const auto size = static_cast<std::size_t>(gate.options().function.size());
  for (std::size_t c = 0; c < channels; ++c) {
    factors[c] = 1 + std::clamp(strength * (importance[c] - 1), -0.8, 0.8);
    values[values.size() - (channels - c) * size] =
        static_cast<float>(2 * std::atanh(factors[c] - 1));
  }
  return factors;
}
[[nodiscard]] inline std::vector<double> begin_apart(prunus::feature_boosting<float>& gate,
                                                     const std::vector<double>& importance,
                                                     double strength) {
  std::vector<double> factors;
  const auto values = gate.values();
  for (std::size_t c = 0; c < importance.size(); ++c) {
    factors.push_back(1 + std::clamp(strength * (importance[c] - 1), -0.8, 2.0));
    values[values.size() - importance.size() + c] = static_cast<float>(factors.back());
  }
  return factors;
}

/// Trains gates by a recipe.
template <class Gate>
class gate_training {
 public:
  gate_training(prunus::nn::gated_network<float, Gate>& net, const dataset& data,
                const gate_recipe& recipe)
      : net_(net),
        data_(data),
        recipe_(recipe),
        weights_(net.backbone(), {.momentum = 0.9, .nesterov = true, .weight_decay = 1e-4}),
        gates_(net, prunus::nn::adam{}) {}

  /// A stage with all gates open.
  void open(double lasso) { tune({.lasso = lasso, .budget_share = 1}, std::nullopt); }

  /// Two stages in which a budget, where the loss has one, falls to its share: the second one with
  /// more weight on hard images.
  void close(const prunus::nn::gated_loss& loss) {
    tune(loss, std::nullopt);
    tune(loss, prunus::hard_samples{.extra = recipe_.hard_weight});
    // Gates that moved have changed what the layers behind them see: its moments are taken anew.
    prunus::nn::minibatches<float> batches(data_.images, data_.labels,
                                           {.batch = recipe_.batch, .seed = recipe_.seed});
    for (prunus::Index k = 0; k < std::min<prunus::Index>(batches.count(), 40); ++k) {
      const auto batch = batches(0, k);
      net_.forward(batch.images, batch.size(), prunus::nn::mode::training);
    }
  }

 private:
  void tune(prunus::nn::gated_loss loss, const std::optional<prunus::hard_samples>& hard) {
    const double from = reached_, to = loss.budget_share;
    prunus::nn::minibatches<float> batches(data_.images, data_.labels,
                                           {.batch = recipe_.batch, .seed = recipe_.seed + 1});
    const prunus::Index count = recipe_.epochs * batches.count();
    const prunus::nn::cosine_decay falling{recipe_.rate, count, count / 20};
    for (prunus::Index step = 0; step < count; ++step) {
      const auto batch = batches(static_cast<std::uint64_t>(epoch_ + step / batches.count()),
                                 step % batches.count());
      const double rate = falling(step);
      // A budget that falls slowly leaves the loss time to say which channels it can spare.
      const double progress = static_cast<double>(step) / static_cast<double>(count);
      loss.budget_share = from + (to - from) * std::min(1.0, 1.25 * progress);
      prunus::nn::train_step<float>(net_, weights_, gates_, batch.images, batch.labels, rate,
                                    recipe_.gate_rate * rate / recipe_.rate, loss, hard);
    }
    reached_ = to;
    epoch_ += recipe_.epochs;
  }

  prunus::nn::gated_network<float, Gate>& net_;
  const dataset& data_;
  gate_recipe recipe_;
  prunus::nn::optimizer<float, prunus::nn::sgd> weights_;
  prunus::nn::gate_optimizer<float, Gate, prunus::nn::adam> gates_;
  prunus::Index epoch_ = 0;  // so that each has an order of its own
  double reached_ = 1;       // share of the multiply-adds that the budget has come down to
};

}  // namespace prunus_examples
