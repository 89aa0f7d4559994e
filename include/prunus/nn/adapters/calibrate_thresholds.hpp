// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/change_based_network.hpp>

#include <Eigen/Core>

#include <concepts>     // std::convertible_to, std::floating_point
#include <string>       // std::string
#include <type_traits>  // std::invoke_result_t
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

struct threshold_calibration {
  double start = 1e-2;            ///< the first threshold that is tried, > 0
  double factor = 1.2;            ///< from one threshold to the next, > 1
  double first_tolerance = 5e-4;  ///< by how much the first convolution may raise the loss, >= 0
  double tolerance = 2.5e-4;      ///< by how much each of the others may, >= 0
  Index most_steps = 60;          ///< thresholds that are tried for a convolution, at least 1
};

/// What calibration found for a convolution.
struct calibrated_threshold {
  std::string name;
  double threshold = 0;
  double loss = 0;  ///< with it, and with those before it
};

/// Finds a threshold for each convolution that compares, from the first to the last: the largest
/// one of start, start * factor, ... before the loss rises by more than the tolerance over what it
/// was with the layer at 0. The network keeps them; it has forgotten the video.
///
///     const auto found = prunus::nn::calibrate_thresholds(video, [&](auto& net) {
///       return mean_loss(net, clips);  // of the last frame of each; net.reset() before each
///     });
///
/// Calibrate the network that will run: thresholds are in units of its activations, which pruning
/// and fine-tuning change.
///
/// @param loss called with the network, which it runs over clips and resets before each; returns a
///        number, the smaller the better. A NaN is a loss that rose too much.
/// @throws argument_error (out_of_range: an option outside its range, nothing has been called
///         then); what `loss` throws, the thresholds are then those it was called with
///
/// Cost: one call of `loss` for each threshold that is tried, and one more.
/// @source Cavigelli, Benini, "CBinfer: Exploiting Frame-to-Frame Locality for Faster Convolutional
///         Network Inference on Video Streams", 2018: the order, start, factor and tolerances, the
///         loss on the last of five frames, as in the authors' code
/// @deviation our reading: layers that are not calibrated yet have a threshold of 0; where the
/// first
///            threshold raises the loss too much the layer keeps 0; at most `most_steps` are tried
template <std::floating_point S, class Loss>
  requires std::convertible_to < std::invoke_result_t < Loss&, change_based_network<S>
& >, double >
         std::vector<calibrated_threshold> calibrate_thresholds(
             change_based_network<S>& net, Loss&& loss, const threshold_calibration& options = {}) {
  if (!(options.start > 0) || !(options.factor > 1) || !(options.first_tolerance >= 0) ||
      !(options.tolerance >= 0) || options.most_steps < 1)
    throw argument_error(
        errc::out_of_range,
        prunus::detail::concat("calibrate_thresholds: start ", options.start, ", factor ",
                               options.factor, ", tolerances ", options.first_tolerance, " and ",
                               options.tolerance, ", ", options.most_steps,
                               " steps; start must be above 0, factor above 1, the tolerances not "
                               "negative, the steps at least 1"));
  const auto loss_now = [&] {
    net.reset();
    return static_cast<double>(loss(net));
  };
  net.set_thresholds(0);
  double before = loss_now();
  std::vector<calibrated_threshold> result;
  for (const change_based_layer& one : net.layers()) {
    if (!one.compares) continue;
    const double tolerance = result.empty() ? options.first_tolerance : options.tolerance;
    calibrated_threshold best{one.name, 0, before};
    double tried = options.start;
    for (Index step = 0; step < options.most_steps; ++step, tried *= options.factor) {
      net.set_threshold(one.name, tried);
      const double now = loss_now();
      if (!(now - before <= tolerance)) break;
      best.threshold = tried;
      best.loss = now;
    }
    net.set_threshold(one.name, best.threshold);
    before = best.loss;
    result.push_back(best);
  }
  net.reset();
  return result;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
