// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/softmax_cross_entropy.hpp>

#include <algorithm>  // std::min
#include <concepts>   // std::floating_point, std::invocable
#include <cstddef>    // std::size_t
#include <span>       // std::span

namespace prunus {
inline namespace v0 {
namespace nn {

/// Forward, loss, backward, `before_update()`, update: one step of training a classifier.
///
/// `before_update` runs when the gradients are known and the weights have not moved yet: the place
/// to hold the gradients of pruned weights at zero, to add a penalty, or to gather statistics.
/// @shape images: [samples, C, H, W] row-major; labels: [samples], or [samples, H', W'] where the
/// network has outputs at the positions of a plane
/// @returns mean loss and hits of the batch, before the update
/// @throws as network::forward and softmax_cross_entropy; the weights have not moved then
template <std::floating_point S, class Optimizer, std::invocable Hook>
batch_result train_step(network<S>& net, Optimizer& optimizer, std::span<const S> images,
                        std::span<const int> labels, double learning_rate,
                        const Hook& before_update) {
  const Index positions = net.output_shape().plane();
  const Index batch = static_cast<Index>(labels.size()) / positions;
  const auto outputs = net.forward(images, batch, mode::training);
  const batch_result result =
      softmax_cross_entropy<S>({outputs.data(), static_cast<std::size_t>(outputs.size())}, labels,
                               net.output_gradient(), positions);
  net.backward();
  before_update();
  optimizer.step(learning_rate);
  return result;
}
template <std::floating_point S, class Optimizer>
batch_result train_step(network<S>& net, Optimizer& optimizer, std::span<const S> images,
                        std::span<const int> labels, double learning_rate) {
  return train_step(net, optimizer, images, labels, learning_rate, [] {});
}

struct evaluation {
  double loss = 0;      ///< mean over all labels
  double accuracy = 0;  ///< share of hits, 0 to 1
};

/// Loss and accuracy over a data set, in batches of at most `batch` samples, in inference mode.
/// `net` is a network, or what runs like one. What a gated network executes is added to its
/// statistics; one sample at a time is what it is for.
/// @throws argument_error (out_of_range: no samples, batch < 1), shape_error (shape_mismatch)
template <std::floating_point S, class Network>
[[nodiscard]] evaluation evaluate(Network& net, std::span<const S> images,
                                  std::span<const int> labels, Index batch = 256) {
  if (labels.empty() || batch < 1)
    throw argument_error(
        errc::out_of_range,
        prunus::detail::concat("evaluate: ", labels.size(), " samples in batches of ", batch,
                               "; both must be at least 1"));
  const std::size_t size = static_cast<std::size_t>(net.input_size());
  const std::size_t plane = static_cast<std::size_t>(net.output_shape().plane());
  if (labels.size() % plane != 0 || images.size() * plane != labels.size() * size)
    throw shape_error(
        errc::shape_mismatch,
        prunus::detail::concat("evaluate: ", images.size(), " numbers for ", labels.size(),
                               " labels; expected ", size, " numbers for each ", plane));
  const std::size_t samples = labels.size() / plane;
  double loss = 0;
  Index correct = 0;
  for (std::size_t begin = 0; begin < samples; begin += static_cast<std::size_t>(batch)) {
    const std::size_t count = std::min(static_cast<std::size_t>(batch), samples - begin);
    const auto outputs = net.forward(images.subspan(begin * size, count * size),
                                     static_cast<Index>(count), mode::inference);
    const batch_result part = softmax_cross_entropy<S>(
        {outputs.data(), static_cast<std::size_t>(outputs.size())},
        labels.subspan(begin * plane, count * plane), {}, net.output_shape().plane());
    loss += part.loss * static_cast<double>(count);
    correct += part.correct;
  }
  return {loss / static_cast<double>(samples),
          static_cast<double>(correct) / static_cast<double>(labels.size())};
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
