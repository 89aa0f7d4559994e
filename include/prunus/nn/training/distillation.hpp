// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/hint_loss.hpp>
#include <prunus/nn/training/softmax_cross_entropy.hpp>

#include <cmath>        // std::exp, std::isfinite, std::log
#include <concepts>     // std::floating_point, std::invocable
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <type_traits>  // std::is_invocable_r_v

namespace prunus {
inline namespace v0 {
namespace nn {

/// How much a student listens to its teacher, and how softly the teacher speaks.
struct distillation {
  double temperature = 4;  ///< > 0; outputs are divided by it before the softmax
  double weight = 0.9;     ///< in [0, 1]: of the teacher; the labels weigh the rest

  /// @throws argument_error (out_of_range)
  void check() const {
    if (!(temperature > 0 && std::isfinite(temperature) && weight >= 0 && weight <= 1))
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat("distillation: temperature ", temperature, ", weight ", weight,
                                 "; expected > 0 and in [0, 1]"));
  }
};

/// Loss of a student that learns from the outputs of a teacher as well as from the labels:
///
///     (1 - weight) CE(labels, student) + weight T^2 KL(softmax(teacher / T), softmax(student / T))
///
/// as a mean over the labels, with its gradient and the hits against the labels. T^2 keeps the
/// gradients of both terms of one size whatever the temperature; the second term is 0 where the
/// student says what the teacher says.
///
/// @shape outputs, teacher: [samples, classes, positions] row-major; labels: [samples, positions];
/// gradient: like outputs, or empty when not wanted
/// @param teacher  what stands before the teacher's softmax; a NaN makes the loss NaN
/// @throws argument_error (out_of_range: temperature, weight, and as softmax_cross_entropy),
/// shape_error (shape_mismatch); the gradient is then not written
/// @source G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015,
/// arXiv:1503.02531, section 2
/// @deviation the divergence instead of the cross-entropy with the teacher, which differs by a
/// number that the student does not change
template <std::floating_point S>
batch_result distillation_loss(std::span<const S> outputs, std::span<const S> teacher,
                               std::span<const int> labels, std::span<S> gradient,
                               const distillation& how = {}, Index positions = 1) {
  how.check();
  if (teacher.size() != outputs.size())
    throw shape_error(errc::shape_mismatch,
                      prunus::detail::concat("distillation_loss: ", teacher.size(),
                                             " outputs of the teacher for ", outputs.size(),
                                             " of the student; expected as many"));
  batch_result result = softmax_cross_entropy<S>(outputs, labels, gradient, positions);
  result.loss *= 1 - how.weight;
  for (S& g : gradient) g *= static_cast<S>(1 - how.weight);
  if (how.weight == 0) return result;

  const std::size_t plane = static_cast<std::size_t>(positions);
  const std::size_t classes = outputs.size() / labels.size();
  const S inverse = static_cast<S>(1 / how.temperature);
  // -> largest value over T, and the sum of exp((x - largest) / T)
  struct scale {
    S most, sum;
  };
  const auto scale_of = [&](std::span<const S> x, std::size_t first) {
    scale found{x[first], 0};
    for (std::size_t k = 1; k < classes; ++k)
      if (x[first + k * plane] > found.most) found.most = x[first + k * plane];
    for (std::size_t k = 0; k < classes; ++k)
      found.sum += std::exp((x[first + k * plane] - found.most) * inverse);
    return found;
  };
  const double share = how.weight / static_cast<double>(labels.size());
  double divergence = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::size_t first = i / plane * plane * classes + i % plane;  // of class 0
    const scale pupil = scale_of(outputs, first), master = scale_of(teacher, first);
    const S log_sums = std::log(pupil.sum) - std::log(master.sum);
    for (std::size_t k = 0; k < classes; ++k) {
      const std::size_t at = first + k * plane;
      const S log_said = (outputs[at] - pupil.most) * inverse;     // less log(pupil.sum)
      const S log_taught = (teacher[at] - master.most) * inverse;  // less log(master.sum)
      const S taught = std::exp(log_taught) / master.sum;
      if (!(taught == 0))  // 0 log 0 = 0, also where the difference of the logarithms is infinite
        divergence += static_cast<double>(taught * (log_taught - log_said + log_sums));
      if (!gradient.empty())
        gradient[at] +=
            static_cast<S>(share * how.temperature) * (std::exp(log_said) / pupil.sum - taught);
    }
  }
  result.loss += share * how.temperature * how.temperature * divergence;
  return result;
}

/// One step of training from the labels and from what a teacher said of the same images: as
/// `train_step`, with the loss above.
///
///     const auto taught = teacher.forward(images, batch, prunus::nn::mode::inference);
///     prunus::nn::distillation_step(net, optimizer, images, labels,
///                                   {taught.data(), std::size_t(taught.size())}, rate);
///
/// `inner_loss()` is called between the two passes: it may write `inner_gradient`s and returns what
/// it adds to the loss. `before_update()` is called when all gradients are there.
///
/// @shape teacher: [samples, classes, positions], before the softmax
/// @throws as network::forward and distillation_loss; the weights have not moved then
template <std::floating_point S, class Optimizer, class InnerLoss, std::invocable Hook>
  requires std::is_invocable_r_v<double, InnerLoss> batch_result distillation_step(
      network<S>& net, Optimizer& optimizer, std::span<const S> images, std::span<const int> labels,
      std::span<const S> teacher, double learning_rate, const distillation& how,
      const InnerLoss& inner_loss, const Hook& before_update) {
    const Index positions = net.output_shape().plane();
    const Index batch = static_cast<Index>(labels.size()) / positions;
    const auto outputs = net.forward(images, batch, mode::training);
    batch_result result =
        distillation_loss<S>({outputs.data(), static_cast<std::size_t>(outputs.size())}, teacher,
                             labels, net.output_gradient(), how, positions);
    result.loss += inner_loss();
    net.backward();
    before_update();
    optimizer.step(learning_rate);
    return result;
  }
template <std::floating_point S, class Optimizer, std::invocable Hook>
batch_result distillation_step(network<S>& net, Optimizer& optimizer, std::span<const S> images,
                               std::span<const int> labels, std::span<const S> teacher,
                               double learning_rate, const distillation& how,
                               const Hook& before_update) {
  return distillation_step(
      net, optimizer, images, labels, teacher, learning_rate, how, [] { return 0.0; },
      before_update);
}
template <std::floating_point S, class Optimizer>
batch_result distillation_step(network<S>& net, Optimizer& optimizer, std::span<const S> images,
                               std::span<const int> labels, std::span<const S> teacher,
                               double learning_rate, const distillation& how = {}) {
  return distillation_step(net, optimizer, images, labels, teacher, learning_rate, how, [] {});
}

/// The same with the teacher itself, which looks at the images first, and with hints at inner
/// nodes.
///
/// @throws as above and as `add_hint_loss`; the weights have not moved then
template <std::floating_point S, class Optimizer>
batch_result distillation_step(network<S>& net, Optimizer& optimizer, network<S>& teacher,
                               std::span<const S> images, std::span<const int> labels,
                               double learning_rate, const distillation& how = {},
                               const hints& inside = {}) {
  const Index batch = static_cast<Index>(labels.size()) / net.output_shape().plane();
  const auto taught = teacher.forward(images, batch, mode::inference);
  return distillation_step(
      net, optimizer, images, labels,
      std::span<const S>(taught.data(), static_cast<std::size_t>(taught.size())), learning_rate,
      how, [&] { return add_hint_loss(net, teacher, inside); }, [] {});
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
