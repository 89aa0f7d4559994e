// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/structure/graph.hpp>

#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// How a residual network carries a tensor across a change of shape.
enum class shortcut : std::uint8_t {
  projection,   ///< convolution of 1 x 1 with batch normalisation (option B of the paper)
  zero_padding  ///< every other row and column, channels of zeros on both sides (option A)
};

/// A residual network of basic blocks for small images: a 3 x 3 convolution of `width` channels,
/// then one stage for each number in `blocks`; every stage but the first halves the plane and
/// doubles the channels.
///
/// Nodes: "conv1", "bn1"; "stage1.block1.conv1", ..., "stage2.block1.shortcut.conv", ...; "fc".
/// @source He, Zhang, Ren, Sun 2016, doi:10.1109/CVPR.2016.90, section 4.2, with shortcuts of
/// either option
/// @throws argument_error (out_of_range) without stages or with an empty one
[[nodiscard]] inline graph resnet(tensor_shape input, Index classes,
                                  const std::vector<int>& blocks = {3, 3, 3}, Index width = 16,
                                  shortcut across = shortcut::projection) {
  graph g;
  const auto normalized = [&](const std::string& prefix, const std::string& number,
                              std::string_view from, operation::convolution attributes) {
    attributes.bias = false;
    return g.batch_norm(prefix + "bn" + number,
                        g.convolution(prefix + "conv" + number, from, attributes));
  };
  std::string x = g.relu("relu1", normalized("", "1", g.input("image", input),
                                             {.out_channels = width, .kernel = 3, .padding = 1}));
  if (blocks.empty())
    throw argument_error(errc::out_of_range, "resnet: no stages; it needs at least 1");
  Index before = width, channels = width;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage, channels *= 2) {
    if (blocks[stage] < 1)
      throw argument_error(errc::out_of_range,
                           prunus::detail::concat("resnet: stage ", stage + 1, " has ",
                                                  blocks[stage], " blocks; it needs at least 1"));
    for (int block = 0; block < blocks[stage]; ++block, before = channels) {
      const std::string prefix =
          prunus::detail::concat("stage", stage + 1, ".block", block + 1, ".");
      const Index stride = stage > 0 && block == 0 ? 2 : 1;
      std::string y = normalized(
          prefix, "1", x, {.out_channels = channels, .kernel = 3, .stride = stride, .padding = 1});
      y = g.relu(prefix + "relu1", y);
      y = normalized(prefix, "2", y, {.out_channels = channels, .kernel = 3, .padding = 1});
      if (stride != 1 || before != channels) {
        if (across == shortcut::projection) {
          x = normalized(prefix + "shortcut.", "", x,
                         {.out_channels = channels, .kernel = 1, .stride = stride});
        } else {
          const Index more = channels - before;
          x = g.pad_channels(prefix + "shortcut.pad",
                             g.max_pooling(prefix + "shortcut.slice", x, 1, stride),
                             {.before = more / 2, .after = more - more / 2});
        }
      }
      x = g.relu(prefix + "relu2", g.add(prefix + "add", {y, x}));
    }
  }
  x = g.flatten("flatten", g.global_average_pooling("pool", x));
  g.linear("fc", x, {.out_features = classes});
  return g;
}

/// The residual network of 20 layers for 32 x 32 images: 41 million multiply-accumulates.
[[nodiscard]] inline graph resnet20(tensor_shape input = {3, 32, 32}, Index classes = 10,
                                    shortcut across = shortcut::projection) {
  return resnet(input, classes, {3, 3, 3}, 16, across);
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
