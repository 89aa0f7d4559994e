// SPDX-License-Identifier: MIT
#include <prunus/nn/architectures/pytorch_names.hpp>
#include <prunus/nn/architectures/resnet.hpp>
#include <prunus/nn/network.hpp>

#include "support/catch.hpp"

namespace nn = prunus::nn;

TEST_CASE("PyTorch's names of a ResNet become those of the graph", "[nn][pytorch_names]") {
  CHECK(nn::resnet_name_of_pytorch("layer2.0.downsample.1.bias") ==
        "stage2.block1.shortcut.bn.bias");
  CHECK(nn::resnet_name_of_pytorch("layer1.11.conv2.weight") == "stage1.block12.conv2.weight");
  CHECK(nn::resnet_name_of_pytorch("linear.weight") == "fc.weight");
  CHECK(nn::resnet_name_of_pytorch("bn1.running_mean") == "bn1.running_mean");
  for (const char* other :
       {"layer", "layer1", "layer1.x.conv1.weight", "layer1..conv1", "layer1.-2.a",
        "layer1.99999999999999999999.conv1.weight", "nonlinear.weight"})
    CHECK(nn::resnet_name_of_pytorch(other) == other);
}

TEST_CASE("a graph takes the widths of its tensors", "[nn][pytorch_names]") {
  const auto build = [](prunus::Index width) {
    return nn::resnet({3, 8, 8}, 4, {1, 1}, width, nn::shortcut::projection);
  };
  const nn::network<float> narrow(build(3), {.seed = 1});
  const nn::network<float> read(nn::with_widths_of(build(8), narrow.tensors()), narrow.tensors());
  CHECK(read.tensors().size() == narrow.tensors().size());
  for (const auto& p : narrow.model().parameters())
    CHECK(read.model()[p.name].weight.same_shape(p.weight));
}
