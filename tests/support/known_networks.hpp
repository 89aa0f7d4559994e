// SPDX-License-Identifier: MIT
#pragma once

// Published architectures as declarations, for tests of counts and of size.

#include <prunus/structure/graph.hpp>

#include <string>   // std::string, std::to_string
#include <utility>  // std::pair

namespace known_networks {

using prunus::Index;

/// ResNet-50 for 224 x 224 images and 1000 classes; the stride of a block sits in its 3 x 3
/// convolution.
inline prunus::graph resnet50() {
  prunus::graph g;
  const auto convolution = [&](const std::string& name, const std::string& from, Index out,
                               Index kernel, Index stride) {
    g.convolution(name, from,
                  {.out_channels = out,
                   .kernel = kernel,
                   .stride = stride,
                   .padding = kernel / 2,
                   .bias = false});
    return g.batch_norm(name + "_bn", name);
  };
  g.input("image", {3, 224, 224});
  std::string x = g.relu("stem_relu", convolution("stem", "image", 64, 7, 2));
  x = g.max_pooling("stem_pool", x, 3, 2, 1);
  const Index blocks[] = {3, 4, 6, 3};
  for (Index stage = 0; stage < 4; ++stage)
    for (Index b = 0; b < blocks[stage]; ++b) {
      const std::string at = "stage" + std::to_string(stage + 1) + "_" + std::to_string(b) + "_";
      const Index width = Index{64} << stage, stride = stage > 0 && b == 0 ? 2 : 1;
      std::string y = g.relu(at + "relu1", convolution(at + "conv1", x, width, 1, 1));
      y = g.relu(at + "relu2", convolution(at + "conv2", y, width, 3, stride));
      y = convolution(at + "conv3", y, 4 * width, 1, 1);
      const std::string shortcut =
          b == 0 ? convolution(at + "shortcut", x, 4 * width, 1, stride) : x;
      x = g.relu(at + "relu3", g.add(at + "sum", {y, shortcut}));
    }
  g.linear("fc", g.flatten("flat", g.global_average_pooling("pool", x)), {.out_features = 1000});
  return g;
}

/// VGG-16 for 224 x 224 images and 1000 classes, without batch normalisation.
inline prunus::graph vgg16() {
  prunus::graph g;
  std::string x = g.input("image", {3, 224, 224});
  int number = 0;
  for (const auto& [width, layers] :
       {std::pair<Index, int>{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}}) {
    for (int l = 0; l < layers; ++l) {
      const std::string name = "conv" + std::to_string(++number);
      x = g.relu(name + "_relu",
                 g.convolution(name, x, {.out_channels = width, .kernel = 3, .padding = 1}));
    }
    x = g.max_pooling("pool" + std::to_string(number), x, 2, 2);
  }
  x = g.relu("fc1_relu", g.linear("fc1", g.flatten("flat", x), {.out_features = 4096}));
  x = g.relu("fc2_relu", g.linear("fc2", x, {.out_features = 4096}));
  g.linear("fc3", x, {.out_features = 1000});
  return g;
}

}  // namespace known_networks
