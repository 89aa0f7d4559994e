// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/view.hpp>

#include "support/random_source.hpp"

#include <Eigen/Core>

#include <vector>  // std::vector

namespace support {

/// A small convolutional network in mixed memory orders, with gradients and momentum:
/// conv1 8 x 3 x 3 x 3 (OIHW), conv2 6 x 8 x 3 x 3 (stored HWIO), fc 4 x 24 (column-major).
/// Weights are spread evenly over a range, so that no filter is far smaller than the others.
template <class S>
struct toy_network {
  std::vector<S> conv1, conv1_bias, conv2, momentum;
  Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic> fc, fc_gradient;
  prunus::model<S> net;

  explicit toy_network(std::uint64_t seed = 1)
      : conv1(8 * 3 * 9),
        conv1_bias(8),
        conv2(9 * 8 * 6),
        momentum(9 * 8 * 6),
        fc(4, 24),
        fc_gradient(4, 24) {
    random_source random(seed);
    for_each_value([&](S& value) { value = static_cast<S>(random.real(-1, 1)); });
    for (S& value : momentum) value = static_cast<S>(random.real(0.5, 1));
    fc_gradient.setOnes();
    net.add("conv1.weight", prunus::view(conv1, {8, 3, 3, 3}));
    net.add("conv1.bias", prunus::view(conv1_bias));
    net.add("conv2.weight", prunus::view(conv2, {3, 3, 8, 6}, "HWIO"),
            {.state = {prunus::view(momentum, {3, 3, 8, 6}, "HWIO")}});
    net.add("fc.weight", prunus::view(fc), {.gradient = prunus::view(fc_gradient), .output = true});
  }
  toy_network(const toy_network&) = delete;  // the model views the members
  toy_network& operator=(const toy_network&) = delete;

  template <class Use>
  void for_each_value(Use use) {
    for (S& value : conv1) use(value);
    for (S& value : conv1_bias) use(value);
    for (S& value : conv2) use(value);
    for (Index i = 0; i < fc.size(); ++i) use(fc.data()[i]);
  }
  /// What an optimizer might do: every weight moves, also those at zero; follows from the step
  /// alone.
  void train(Index step) {
    random_source random(static_cast<std::uint64_t>(step) + 1000);
    for_each_value([&](S& value) {
      value = static_cast<S>(static_cast<double>(value) * 0.97 + random.real(-0.1, 0.1));
    });
  }
  [[nodiscard]] std::vector<S> weights() {
    std::vector<S> all;
    for_each_value([&](S& value) { all.push_back(value); });
    return all;
  }
  void set_weights(const std::vector<S>& all) {
    std::size_t i = 0;
    for_each_value([&](S& value) { value = all[i++]; });
  }
};

}  // namespace support
