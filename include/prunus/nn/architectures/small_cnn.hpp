// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/graph.hpp>

#include <string>  // std::string

namespace prunus {
inline namespace v0 {
namespace nn {

/// Two convolutions of 3 x 3 with 32 and 64 channels, each pooled, and a linear layer of 128.
[[nodiscard]] inline graph small_cnn(tensor_shape input, Index classes) {
  graph g;
  std::string x = g.input("image", input);
  x = g.convolution("conv1", x, {.out_channels = 32, .kernel = 3, .padding = 1});
  x = g.max_pooling("pool1", g.relu("relu1", x), 2, 2);
  x = g.convolution("conv2", x, {.out_channels = 64, .kernel = 3, .padding = 1});
  x = g.max_pooling("pool2", g.relu("relu2", x), 2, 2);
  x = g.relu("relu3", g.linear("fc1", g.flatten("flatten", x), {.out_features = 128}));
  g.linear("fc2", x, {.out_features = classes});
  return g;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
