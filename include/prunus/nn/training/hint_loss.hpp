// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/network.hpp>

#include <Eigen/Core>

#include <cmath>     // std::isfinite
#include <concepts>  // std::floating_point
#include <span>      // std::span
#include <string>    // std::string
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// Inner nodes whose outputs a student shall learn from its teacher, and how much they count beside
/// the loss at the output.
struct hints {
  std::vector<std::string> nodes;  ///< of the same name and shape in both networks
  double weight = 1;               ///< >= 0, of every node
};

/// Difference of what student and teacher computed at inner nodes, each relative to the teacher:
///
///     weight * sum over nodes of |student - teacher|^2 / |teacher|^2
///
/// over all samples of the batch. Its gradient is added to the student's inner gradients, from
/// where `backward` takes it. Where a teacher's node is zero everywhere, its plain sum of squares
/// counts.
///
///     prunus::nn::network<float> student(smaller, tensors, {.inner_losses = h.nodes});
///     prunus::nn::network<float> teacher(graph, trained, {.keep_activations = true});
///     teacher.forward(images, batch, prunus::nn::mode::inference);
///     student.forward(images, batch, prunus::nn::mode::training);
///     ... // student.output_gradient()
///     loss += prunus::nn::add_hint_loss(student, teacher, h);
///     student.backward();
///
/// Cost: two passes over the outputs of the nodes. A NaN makes the loss NaN.
/// @throws argument_error (out_of_range: weight; unknown_name: a node that either network lacks, or
///         that is not among the student's `inner_losses`), shape_error (shape_mismatch: nodes of
///         other sizes, or other batches), state_error (wrong_order: a pass is missing); the
///         gradients are then as they were
/// @source A. Romero, N. Ballas, S. E. Kahou, A. Chassang, C. Gatta, Y. Bengio, "FitNets: Hints for
///         Thin Deep Nets", ICLR 2015, arXiv:1412.6550, equation 3
/// @deviation relative to the teacher's size, so that early and late layers count alike; layers of
///         one width, so no regressor between them; together with the loss at the output instead of
///         before it
template <std::floating_point S>
double add_hint_loss(network<S>& student, const network<S>& teacher, const hints& what) {
  using numbers = Eigen::Map<const Eigen::Array<S, Eigen::Dynamic, 1>>;
  if (!(what.weight >= 0 && std::isfinite(what.weight)))
    throw argument_error(errc::out_of_range,
                         prunus::detail::concat("add_hint_loss: weight ", what.weight,
                                                "; expected a number that is not negative"));
  for (const std::string& node : what.nodes)
    if (const auto said = student.inner_gradient(node).size(),
        taught = teacher.activation(node).size();
        said != taught)
      throw shape_error(errc::shape_mismatch,
                        prunus::detail::concat("add_hint_loss: ", node, " gave ", said,
                                               " numbers in the student and ", taught,
                                               " in the teacher; expected the same batch through "
                                               "nodes of one shape"));
  double loss = 0;
  for (const std::string& node : what.nodes) {
    const std::span<S> gradient = student.inner_gradient(node);
    const auto count = static_cast<Eigen::Index>(gradient.size());
    const numbers said(student.activation(node).data(), count),
        taught(teacher.activation(node).data(), count);
    const double size = static_cast<double>(taught.square().sum());
    const double factor = size > 0 ? what.weight / size : what.weight;
    loss += factor * static_cast<double>((said - taught).square().sum());
    Eigen::Map<Eigen::Array<S, Eigen::Dynamic, 1>>(gradient.data(), count) +=
        static_cast<S>(2 * factor) * (said - taught);
  }
  return loss;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
