// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <cmath>     // std::exp, std::log
#include <concepts>  // std::floating_point
#include <cstddef>   // std::size_t
#include <span>      // std::span

namespace prunus {
inline namespace v0 {

using Eigen::Index;

namespace nn {

/// What a batch gave.
struct batch_result {
  double loss = 0;    ///< mean over the labels
  Index correct = 0;  ///< labels whose output is the largest one of their sample and position; of
                      ///< equal outputs the first counts
};

/// Mean over the labels of -log softmax(outputs)[label], its gradient and the number of hits: one
/// label a sample, or one for each of the `positions` of a sample's plane (segmentation).
///
/// @shape outputs: [samples, classes, positions] row-major; labels: [samples, positions]; gradient:
/// like outputs, or empty when not wanted
/// @param outputs  what stands before the softmax; a NaN makes the loss NaN
/// @throws argument_error (out_of_range: no samples, positions < 1, a label outside [0, classes)),
/// shape_error (shape_mismatch)
template <std::floating_point S>
batch_result softmax_cross_entropy(std::span<const S> outputs, std::span<const int> labels,
                                   std::span<S> gradient, Index positions = 1) {
  if (labels.empty() || positions < 1)
    throw argument_error(errc::out_of_range,
                         detail::concat("softmax_cross_entropy: ", labels.size(), " labels of ",
                                        positions, " positions a sample; both must be at least 1"));
  const std::size_t plane = static_cast<std::size_t>(positions);
  if (labels.size() % plane != 0)
    throw shape_error(errc::shape_mismatch,
                      detail::concat("softmax_cross_entropy: ", labels.size(),
                                     " labels are no whole samples of ", positions, " positions"));
  const std::size_t classes = outputs.size() / labels.size();
  if (classes == 0 || classes * labels.size() != outputs.size())
    throw shape_error(
        errc::shape_mismatch,
        detail::concat("softmax_cross_entropy: ", outputs.size(), " outputs for ", labels.size(),
                       " labels; expected the same number of outputs for each"));
  if (!gradient.empty() && gradient.size() != outputs.size())
    throw shape_error(
        errc::shape_mismatch,
        detail::concat("softmax_cross_entropy: ", gradient.size(), " places for the gradient of ",
                       outputs.size(), " outputs; expected as many, or none"));
  for (const int& label : labels)
    if (label < 0 || static_cast<std::size_t>(label) >= classes)
      throw argument_error(errc::out_of_range,
                           detail::concat("softmax_cross_entropy: number ", &label - labels.data(),
                                          " is label ", label, "; expected 0 to ", classes - 1));
  batch_result result;
  const S share = S(1) / static_cast<S>(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::size_t first = i / plane * plane * classes + i % plane;  // of class 0, others behind
    const std::size_t label = static_cast<std::size_t>(labels[i]);
    std::size_t largest = 0;
    for (std::size_t k = 1; k < classes; ++k)
      if (outputs[first + k * plane] > outputs[first + largest * plane]) largest = k;
    const S most = outputs[first + largest * plane];
    S sum = 0;
    for (std::size_t k = 0; k < classes; ++k) sum += std::exp(outputs[first + k * plane] - most);
    result.loss += static_cast<double>(std::log(sum) + most - outputs[first + label * plane]);
    result.correct += largest == label;
    for (std::size_t k = 0; k < classes && !gradient.empty(); ++k)
      gradient[first + k * plane] =
          share * (std::exp(outputs[first + k * plane] - most) / sum - (k == label ? S(1) : S(0)));
  }
  result.loss /= static_cast<double>(labels.size());
  return result;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
