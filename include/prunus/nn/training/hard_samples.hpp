// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::max_element
#include <cmath>      // std::exp
#include <cstddef>    // std::size_t
#include <span>       // std::span

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Gives samples that the gated network finds hard more weight in the loss: w = 1 + extra for those
/// it gets wrong or is not sure about (largest softmax below `confidence`), 1 for the others.
///
///     const auto outputs = net.forward(...);              // logits
///     nn::softmax_cross_entropy(outputs, labels, gradient);
///     hard += prunus::hard_samples{}.weigh(outputs, labels, gradient);
///
/// @shape outputs, gradient: [samples, classes] row-major; labels: [samples]
/// @source the samples classify themselves by their difficulty and hard ones are trained more: Liu,
///         Yang, Gao, Cheng 2022, Applied Intelligence 52:16818-16831
/// @deviation our reading: what hard means, its weight, and weighting instead of a further pass
struct hard_samples {
  double confidence = 0.5;  ///< in [0, 1]
  double extra = 1;         ///< >= 0

  /// @throws argument_error (out_of_range)
  void check() const {
    if (!(confidence >= 0 && confidence <= 1 && extra >= 0))
      throw argument_error(errc::out_of_range,
                           detail::concat("hard_samples: confidence ", confidence, " and extra ",
                                          extra, "; expected 0 to 1 and 0 or more"));
  }

  /// Whether one sample is hard. NaN outputs make it hard.
  template <class S>
  [[nodiscard]] bool is_hard(std::span<const S> outputs, int label) const noexcept {
    const auto most = std::max_element(outputs.begin(), outputs.end());
    if (most - outputs.begin() != label) return true;
    S sum = 0;
    for (const S output : outputs) sum += std::exp(output - *most);
    return !(S(1) / sum >= static_cast<S>(confidence));
  }

  /// Scales the gradient of the loss by the outputs, sample by sample; the mean is still taken over
  /// the number of samples.
  /// @returns how many samples are hard
  /// @throws argument_error (out_of_range: a hyper-parameter, no labels, a label that is no class),
  ///         shape_error (shape_mismatch); nothing is then scaled
  template <class S>
  Index weigh(std::span<const S> outputs, std::span<const int> labels,
              std::span<S> gradient) const {
    check();
    const std::size_t classes = labels.empty() ? 0 : outputs.size() / labels.size();
    if (classes == 0)
      throw argument_error(errc::out_of_range,
                           detail::concat("hard_samples: ", outputs.size(), " outputs for ",
                                          labels.size(), " labels"));
    if (classes * labels.size() != outputs.size() || gradient.size() != outputs.size())
      throw shape_error(
          errc::shape_mismatch,
          detail::concat("hard_samples: ", outputs.size(), " outputs and ", gradient.size(),
                         " places of their gradient for ", labels.size(), " labels"));
    for (const int label : labels)
      if (label < 0 || static_cast<std::size_t>(label) >= classes)
        throw argument_error(errc::out_of_range, detail::concat("hard_samples: label ", label,
                                                                "; expected 0 to ", classes - 1));
    Index hard = 0;
    for (std::size_t n = 0; n < labels.size(); ++n) {
      if (!is_hard(outputs.subspan(n * classes, classes), labels[n])) continue;
      ++hard;
      for (std::size_t k = 0; k < classes; ++k)
        gradient[n * classes + k] *= static_cast<S>(1 + extra);
    }
    return hard;
  }
};

}  // namespace v0
}  // namespace prunus
