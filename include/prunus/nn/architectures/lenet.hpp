// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/graph.hpp>

#include <string>  // std::string

namespace prunus {
inline namespace v0 {
namespace nn {

/// LeNet-5 with rectifiers and maximum pooling: convolutions of 5 x 5 with 6 and 16 channels (the
/// first padded), linear layers of 120 and 84. `width` multiplies all of them.
/// @source LeCun, Bottou, Bengio, Haffner 1998, doi:10.1109/5.726791
/// @deviation rectifiers, maximum pooling, fully connected second convolution, softmax outputs
[[nodiscard]] inline graph lenet(tensor_shape input, Index classes, Index width = 1) {
  graph g;
  std::string x = g.input("image", input);
  x = g.convolution("conv1", x, {.out_channels = 6 * width, .kernel = 5, .padding = 2});
  x = g.max_pooling("pool1", g.relu("relu1", x), 2, 2);
  x = g.convolution("conv2", x, {.out_channels = 16 * width, .kernel = 5});
  x = g.max_pooling("pool2", g.relu("relu2", x), 2, 2);
  x = g.relu("relu3", g.linear("fc1", g.flatten("flatten", x), {.out_features = 120 * width}));
  x = g.relu("relu4", g.linear("fc2", x, {.out_features = 84 * width}));
  g.linear("fc3", x, {.out_features = classes});
  return g;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
