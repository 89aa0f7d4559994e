// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/nn/architectures/lenet.hpp>
#include <prunus/nn/architectures/resnet.hpp>
#include <prunus/nn/architectures/small_cnn.hpp>
#include <prunus/nn/architectures/small_vgg.hpp>

#include <examples/support/dataset.hpp>

#include <string>  // std::string
#include <vector>  // std::vector

namespace prunus_examples {

/// The networks that the command line knows.
[[nodiscard]] inline const std::vector<std::string>& network_names() {
  static const std::vector<std::string> names{"lenet", "cnn", "vgg", "resnet"};
  return names;
}

/// A network for the images of a data set; `name` is one of network_names().
[[nodiscard]] inline prunus::graph make_network(const std::string& name, const dataset& data) {
  const prunus::tensor_shape image{data.channels, data.height, data.width};
  if (name == "lenet") return prunus::nn::lenet(image, data.classes, 2);
  if (name == "cnn") return prunus::nn::small_cnn(image, data.classes);
  if (name == "resnet") return prunus::nn::resnet(image, data.classes, {1, 1, 1}, 16);
  return prunus::nn::small_vgg(image, data.classes, {16, 32, 64});
}

}  // namespace prunus_examples
