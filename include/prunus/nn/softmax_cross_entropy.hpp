// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max_element
#include <cmath>      // std::exp, std::log
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <span>       // std::span

namespace prunus::inline v0 {

using Eigen::Index;

namespace nn {

/// What a batch gave.
struct batch_result {
  double loss = 0;    ///< mean over the samples
  Index correct = 0;  ///< samples whose largest output is that of their label; of equal outputs the
                      ///< first counts
};

/// Mean over the samples of -log softmax(outputs)[label], its gradient and the number of hits.
///
/// @shape outputs: [samples, classes] row-major; labels: [samples]; gradient: like outputs, or
/// empty when not wanted
/// @param outputs  what stands before the softmax; a NaN makes the loss NaN
/// @throws argument_error (out_of_range: no samples, a label outside [0, classes)), shape_error
/// (shape_mismatch)
template <std::floating_point S>
batch_result softmax_cross_entropy(std::span<const S> outputs, std::span<const int> labels,
                                   std::span<S> gradient) {
  if (labels.empty())
    throw argument_error(errc::out_of_range,
                         "softmax_cross_entropy: no labels; it needs at least 1 sample");
  const std::size_t samples = labels.size(), classes = outputs.size() / samples;
  if (classes == 0 || classes * samples != outputs.size())
    throw shape_error(
        errc::shape_mismatch,
        detail::concat("softmax_cross_entropy: ", outputs.size(), " outputs for ", samples,
                       " labels; expected the same number of outputs for each"));
  if (!gradient.empty() && gradient.size() != outputs.size())
    throw shape_error(
        errc::shape_mismatch,
        detail::concat("softmax_cross_entropy: ", gradient.size(), " places for the gradient of ",
                       outputs.size(), " outputs; expected as many, or none"));
  for (const int& label : labels)
    if (label < 0 || static_cast<std::size_t>(label) >= classes)
      throw argument_error(errc::out_of_range,
                           detail::concat("softmax_cross_entropy: sample ", &label - labels.data(),
                                          " has label ", label, "; expected 0 to ", classes - 1));
  batch_result result;
  const S share = S(1) / static_cast<S>(samples);
  for (std::size_t n = 0; n < samples; ++n) {
    const std::span<const S> row = outputs.subspan(n * classes, classes);
    const std::size_t label = static_cast<std::size_t>(labels[n]);
    const auto largest = std::max_element(row.begin(), row.end());
    S sum = 0;
    for (S value : row) sum += std::exp(value - *largest);
    result.loss += static_cast<double>(std::log(sum) + *largest - row[label]);
    result.correct += static_cast<std::size_t>(largest - row.begin()) == label;
    for (std::size_t k = 0; k < classes && !gradient.empty(); ++k)
      gradient[n * classes + k] =
          share * (std::exp(row[k] - *largest) / sum - (k == label ? S(1) : S(0)));
  }
  result.loss /= static_cast<double>(samples);
  return result;
}

}  // namespace nn
}  // namespace prunus::inline v0
