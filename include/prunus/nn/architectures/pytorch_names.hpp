// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/operation.hpp>

#include <charconv>      // std::from_chars
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <system_error>  // std::errc
#include <utility>       // std::move

namespace prunus {
inline namespace v0 {
namespace nn {

/// The name that `resnet` gives to what PyTorch's ResNets of basic blocks call `name`:
///
/// | PyTorch | here |
/// | --- | --- |
/// | `layer2.0.conv1` | `stage2.block1.conv1` |
/// | `downsample.0`, `downsample.1` | `shortcut.conv`, `shortcut.bn` |
/// | `linear` | `fc` |
///
/// Any other name stays as it is.
[[nodiscard]] inline std::string resnet_name_of_pytorch(std::string_view name) {
  std::string ours(name);
  if (name.starts_with("layer")) {
    const std::size_t first = name.find('.'), second = name.find('.', first + 1);
    if (first == name.npos || second == name.npos) return ours;
    Index block = 0;
    const char* const end = name.data() + second;
    const auto read = std::from_chars(name.data() + first + 1, end, block);
    if (read.ec != std::errc{} || read.ptr != end || block < 0) return ours;
    ours = prunus::detail::concat("stage", name.substr(5, first - 5), ".block",
                                  static_cast<unsigned long long>(block) + 1, name.substr(second));
  }
  const auto replace = [&](std::string_view from, std::string_view to) {
    if (const std::size_t at = ours.find(from); at != ours.npos) ours.replace(at, from.size(), to);
  };
  replace("downsample.0.", "shortcut.conv.");
  replace("downsample.1.", "shortcut.bn.");
  if (ours.starts_with("linear.")) ours.replace(0, 7, "fc.");
  return ours;
}

/// The same graph with convolutions and linear layers as wide as their weights among `tensors`: for
/// a network that was already made narrower. Layers without a weight there stay as declared.
template <class S>
[[nodiscard]] graph with_widths_of(const graph& declared, const named_tensors<S>& tensors) {
  graph result;
  for (graph_node node : declared.nodes()) {
    for (const named_tensor<S>& t : tensors) {
      if (t.name != node.name + ".weight") continue;
      const Index width = t.view().extent(axis::out);
      if (const auto* found = node.operation.as<operation::convolution>()) {
        operation::convolution wide = *found;
        wide.out_channels = width;
        node.operation = wide;
      } else if (const auto* linear = node.operation.as<operation::linear>()) {
        operation::linear wide = *linear;
        wide.out_features = width;
        node.operation = wide;
      }
    }
    result.add_node(std::move(node));
  }
  return result;
}

}  // namespace nn
}  // namespace v0
}  // namespace prunus
