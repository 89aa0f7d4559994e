// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/io/safetensors.hpp>
#include <prunus/nn/architectures/lenet.hpp>
#include <prunus/nn/architectures/pytorch_names.hpp>
#include <prunus/nn/architectures/resnet.hpp>

#include "dataset.hpp"
#include "load_dataset.hpp"
#include "text.hpp"

#include <algorithm>    // std::max
#include <charconv>     // std::from_chars
#include <cstddef>      // std::size_t
#include <filesystem>   // std::filesystem::path
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus_examples {

/// A network for CIFAR-10 that somebody trained: prunus::nn::network<float>(graph, tensors).
struct trained_network {
  std::string name;  ///< of the file, without its ending
  prunus::graph graph;
  prunus::named_tensors<float> tensors;  ///< under the names of the graph
  channel_statistics statistics;         ///< of the pixels in [0, 1] that it was trained on
  double stated_accuracy = 0;            ///< on the 10,000 test images, as its authors say; 0 to 1
};

namespace detail {

/// The numbers of "0.485,0.456,0.406".
/// @throws prunus::file_error malformed
[[nodiscard]] inline std::vector<float> numbers_of(const prunus::safetensors& file,
                                                   const std::string& key,
                                                   const std::string& path) {
  std::vector<float> numbers;
  const auto found = file.metadata().find(key);
  std::string_view rest = found == file.metadata().end() ? std::string_view{} : found->second;
  while (!rest.empty()) {
    float number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc{}) break;
    numbers.push_back(number);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  if (numbers.empty() || !rest.empty())
    throw prunus::file_error(
        prunus::errc::malformed,
        joined(path, ": numbers were expected under ", key, " in its metadata; are they there?"));
  return numbers;
}

/// How many blocks the stages have, from the names of the tensors (ours).
[[nodiscard]] inline std::vector<int> blocks_of(const prunus::named_tensors<float>& tensors) {
  std::vector<int> blocks;
  for (std::size_t stage = 1;; ++stage) {
    int count = 0;
    const auto has = [&](int block) {
      const std::string wanted = joined("stage", stage, ".block", block, ".conv1.weight");
      return std::any_of(tensors.begin(), tensors.end(),
                         [&](const auto& t) { return t.name == wanted; });
    };
    while (has(count + 1)) ++count;
    if (count == 0) return blocks;
    blocks.push_back(count);
  }
}

/// LeNet-5 on 3 x 32 x 32, whose first convolution has no padding.
[[nodiscard]] inline prunus::graph lenet5_of_32() {
  const prunus::graph padded = prunus::nn::lenet({3, 28, 28}, 10);
  prunus::graph result;
  for (prunus::graph_node node : padded.nodes()) {
    if (node.operation.is<prunus::operation::input>())
      node.operation = prunus::operation::input{{3, 32, 32}};
    if (node.name == "conv1") {
      prunus::operation::convolution first = *node.operation.as<prunus::operation::convolution>();
      first.padding = 0;
      node.operation = first;
    }
    result.add_node(std::move(node));
  }
  return result;
}

}  // namespace detail

/// Reads a network for CIFAR-10 from a safetensors file with the tensor names of PyTorch: ResNets
/// of basic blocks (either shortcut; layers may be narrower than usual) and LeNet-5. Its metadata
/// say `mean` and `std` of the pixels, and `stated_top1` in per cent.
/// @throws prunus::file_error; what making a network of it throws (shape_error, argument_error) is
///         thrown there
[[nodiscard]] inline trained_network load_trained_network(const std::string& path) {
  const prunus::safetensors file = prunus::read_safetensors(path);
  trained_network net;
  net.name = std::filesystem::path(path).stem().string();
  net.statistics = {detail::numbers_of(file, "mean", path), detail::numbers_of(file, "std", path)};
  net.stated_accuracy =
      static_cast<double>(detail::numbers_of(file, "stated_top1", path).front()) / 100;
  net.tensors = file.tensors<float>();
  if (file.find("fc3.weight") != nullptr) {
    net.graph = detail::lenet5_of_32();
    return net;
  }
  bool projects = false;
  for (prunus::named_tensor<float>& t : net.tensors) {
    projects = projects || t.name.find("downsample") != t.name.npos;
    t.name = prunus::nn::resnet_name_of_pytorch(t.name);
  }
  const std::vector<int> blocks = detail::blocks_of(net.tensors);
  const prunus::safetensors::entry* first = file.find("conv1.weight");
  if (blocks.empty() || first == nullptr || first->shape.empty())
    throw prunus::file_error(prunus::errc::malformed,
                             joined(path, ": tensors of a ResNet (conv1.weight, ",
                                    "layer1.0.conv1.weight, ...) or of LeNet-5 were expected"));
  const auto shortcut =
      projects ? prunus::nn::shortcut::projection : prunus::nn::shortcut::zero_padding;
  net.graph = prunus::nn::with_widths_of(
      prunus::nn::resnet({3, 32, 32}, 10, blocks, first->shape.front(), shortcut), net.tensors);
  return net;
}

/// The images of CIFAR-10 as the network expects them; `directory` holds data_batch_1.bin (as many
/// as there are) and test_batch.bin, plain or compressed.
/// @throws as load_dataset
[[nodiscard]] inline data_split load_images_for(const trained_network& net,
                                                const std::string& directory,
                                                const data_limit& limit = {}) {
  data_split data = load_dataset(directory, limit);
  normalise(data.train, net.statistics);
  normalise(data.test, net.statistics);
  return data;
}

}  // namespace prunus_examples
