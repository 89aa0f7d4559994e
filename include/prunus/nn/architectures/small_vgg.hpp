// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/structure/graph.hpp>

#include <string>  // std::string, std::to_string
#include <vector>  // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// A plain stack of 3 x 3 convolutions with batch normalisation: two of each width, pooled after
/// each pair, then the mean over the plane. With the default widths 14.6 million
/// multiply-accumulates on a 1 x 28 x 28 image.
/// @source after Simonyan, Zisserman 2015, arXiv:1409.1556
[[nodiscard]] inline graph small_vgg(tensor_shape input, Index classes,
                                     const std::vector<Index>& widths = {16, 32, 64}) {
  graph g;
  std::string x = g.input("image", input);
  int layer = 0, stage = 0;
  for (Index channels : widths) {
    if (stage++ > 0) x = g.max_pooling(prunus::detail::concat("pool", stage - 1), x, 2, 2);
    for (int k = 0; k < 2; ++k) {
      const std::string number = std::to_string(++layer);
      x = g.convolution("conv" + number, x,
                        {.out_channels = channels, .kernel = 3, .padding = 1, .bias = false});
      x = g.relu("relu" + number, g.batch_norm("bn" + number, x));
    }
  }
  x = g.flatten("flatten", g.global_average_pooling("pool", x));
  g.linear("fc", x, {.out_features = classes});
  return g;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
