// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/structure/graph.hpp>

#include <cstddef>  // std::size_t
#include <string>   // std::string
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// An encoder-decoder for segmentation: at each level two 3 x 3 convolutions with batch
/// normalisation; the encoder halves the plane from level to level, the decoder doubles it again
/// and reads the encoder's result of its level beside its own. The last layer gives one output a
/// class at every position.
///
/// Nodes: "encoder1.conv1", "encoder1.bn1", ..., "encoder2.pool", ...; "decoder1.upsampling",
/// "decoder1.concat", "decoder1.conv1", ...; "classifier". Train it with labels at every position:
/// see train_step.
/// @param widths  channels of the levels, from the largest plane to the smallest one
/// @shape image: [samples, C, H, W]; the plane must halve evenly once a level but the last
/// @returns a graph whose output is [samples, classes, H, W]
/// @source O. Ronneberger, P. Fischer, T. Brox 2015, doi:10.1007/978-3-319-24574-4_28
/// @deviation padded convolutions with batch normalisation, nearest-neighbour enlargement without a
/// convolution of its own
/// @throws argument_error (out_of_range: no level; a plane that does not halve evenly)
[[nodiscard]] inline graph unet(tensor_shape input, Index classes,
                                const std::vector<Index>& widths = {8, 16, 32}) {
  const Index factor = widths.empty() ? 0 : Index{1} << (widths.size() - 1);
  if (factor == 0 || input.height % factor != 0 || input.width % factor != 0)
    throw argument_error(
        errc::out_of_range,
        prunus::detail::concat("unet: ", widths.size(), " levels for a plane of ", input.height,
                               " x ", input.width, "; it needs 1 at least, and a plane that ",
                               "halves evenly ", widths.empty() ? 0 : widths.size() - 1, " times"));
  graph g;
  const auto two_convolutions = [&](const std::string& at, std::string x, Index channels) {
    for (const char* number : {"1", "2"}) {
      x = g.convolution(at + "conv" + number, x,
                        {.out_channels = channels, .kernel = 3, .padding = 1, .bias = false});
      x = g.relu(at + "relu" + number, g.batch_norm(at + "bn" + number, x));
    }
    return x;
  };
  std::string x = g.input("image", input);
  std::vector<std::string> results;
  for (std::size_t level = 0; level < widths.size(); ++level) {
    const std::string at = prunus::detail::concat("encoder", level + 1, ".");
    if (level > 0) x = g.max_pooling(at + "pool", x, 2, 2);
    x = two_convolutions(at, x, widths[level]);
    results.push_back(x);
  }
  for (std::size_t level = widths.size() - 1; level-- > 0;) {
    const std::string at = prunus::detail::concat("decoder", level + 1, ".");
    x = g.concat(at + "concat", {g.upsampling(at + "upsampling", x, 2), results[level]});
    x = two_convolutions(at, x, widths[level]);
  }
  g.convolution("classifier", x, {.out_channels = classes});
  return g;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
