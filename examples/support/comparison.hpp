// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/measure.hpp>
#include <prunus/nn.hpp>
#include <prunus/structure.hpp>

#include <examples/support/dataset.hpp>

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::abs
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int64_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus_examples {

/// The pruned network made physically smaller, and how it compares.
struct comparison {
  /// Rounding in float may move outputs by that share of the largest one.
  static constexpr double tolerance = 1e-5;

  prunus::plan plan;
  double largest_difference = 0;  ///< of outputs over some images, relative to the largest output
  bool counts_agree = false;      ///< the smaller network has the parameters and MACs of the plan
  double masked_accuracy = 0;
  double compacted_accuracy = 0;
  prunus::measurement_report report;

  /// Masked and compacted network are the same function, and the plan said what would go.
  [[nodiscard]] bool proven() const noexcept {
    return counts_agree && largest_difference <= tolerance;
  }
};

/// Largest difference between the outputs of two networks over the first images, relative to the
/// largest output.
[[nodiscard]] inline double largest_difference(prunus::nn::network<float>& a,
                                               prunus::nn::network<float>& b, const dataset& images,
                                               std::ptrdiff_t count = 1000) {
  const std::ptrdiff_t batch = std::min<std::ptrdiff_t>(count, images.size());
  const std::span<const float> pixels =
      std::span(images.images).first(static_cast<std::size_t>(batch * images.pixels()));
  const Eigen::MatrixXf left = a.forward(pixels, batch, prunus::nn::mode::inference);
  const Eigen::MatrixXf right = b.forward(pixels, batch, prunus::nn::mode::inference);
  const float scale = std::max(left.cwiseAbs().maxCoeff(), 1e-30F);
  return static_cast<double>((left - right).cwiseAbs().maxCoeff() / scale);
}

/// Compacts a masked network and compares: outputs, accuracy, counts, and the latency of one image
/// on 1 and 2 threads.
[[nodiscard]] inline comparison compare_with_compacted(
    prunus::nn::network<float>& masked, const dataset& test, std::optional<double> dense_accuracy,
    const prunus::latency_options& options = {}) {
  comparison result;
  result.plan = prunus::plan_removal(masked.graph(), masked.model());
  const prunus::graph smaller = prunus::compact(masked.graph(), result.plan);
  const auto tensors = prunus::compact(masked.model(), result.plan);
  prunus::nn::network<float> compacted(smaller, tensors, {.threads = masked.threads()});
  result.largest_difference = largest_difference(masked, compacted, test);
  result.counts_agree = prunus::cost_of(compacted.resolved()) == result.plan.after;
  result.masked_accuracy = prunus::nn::evaluate<float>(masked, test.images, test.labels).accuracy;
  result.compacted_accuracy =
      prunus::nn::evaluate<float>(compacted, test.images, test.labels).accuracy;

  prunus::measurement before, after;
  double noise = 0;
  for (int threads : {1, 2}) {
    prunus::nn::network<float> dense_timed(masked.graph(), masked.tensors(),
                                           {.threads = threads, .batch = 1});
    prunus::nn::network<float> small_timed(smaller, tensors, {.threads = threads, .batch = 1});
    const std::span<const float> image = test.image(0);
    const auto run = [&](prunus::nn::network<float>& net) {
      return [&net, image] { return net.forward(image, 1, prunus::nn::mode::inference)(0, 0); };
    };
    const auto measured =
        prunus::compare_latencies(options, run(dense_timed), run(small_timed)).front();
    before.latencies.push_back({threads, measured.baseline.median});
    after.latencies.push_back({threads, measured.candidate.median});
    noise = std::max(noise, measured.noise());
  }
  const auto fill = [](prunus::measurement& side, const prunus::cost& counts,
                       std::optional<double> accuracy) {
    side.accuracy = accuracy;
    side.macs = static_cast<double>(counts.macs);
    side.parameters = static_cast<double>(counts.parameters);
    side.bytes = static_cast<double>(counts.bytes);
  };
  fill(before, result.plan.before, dense_accuracy);
  fill(after, result.plan.after, result.compacted_accuracy);
  result.report = prunus::make_report(before, after, {.noise = noise});
  return result;
}

}  // namespace prunus_examples
