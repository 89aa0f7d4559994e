// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/selection/selection.hpp>

#include <array>    // std::array
#include <cstdint>  // std::uint64_t
#include <memory>   // std::unique_ptr
#include <string>   // std::string
#include <vector>   // std::vector

namespace prunus_benchmarks {

using prunus::Index;

/// A weight of out x in x height x width; linear layers have a plane of 1 x 1.
struct layer_shape {
  std::string name;
  std::array<Index, 4> extents;
  Index positions = 1;  ///< of the result, for one image of 224 x 224

  [[nodiscard]] Index size() const { return extents[0] * extents[1] * extents[2] * extents[3]; }
};

/// ResNet-50 (K. He et al. 2016, doi:10.1109/CVPR.2016.90): 53 convolutions and a linear
/// layer, 25.5 M weights.
[[nodiscard]] inline std::vector<layer_shape> resnet50() {
  std::vector<layer_shape> layers{{"conv1", {64, 3, 7, 7}, 112 * 112}};
  constexpr std::array<int, 4> blocks{3, 4, 6, 3};
  Index in = 64;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    const Index width = Index{64} << stage;
    const Index side = Index{56} >> stage;
    const std::string prefix = "layer" + std::to_string(stage + 1) + ".";
    for (int b = 0; b < blocks[stage]; ++b) {
      const std::string name = prefix + std::to_string(b) + ".";
      const bool first_strided = b == 0 && stage > 0;  // the stride stands at the 3x3 convolution
      layers.push_back(
          {name + "conv1", {width, in, 1, 1}, first_strided ? 4 * side * side : side * side});
      layers.push_back({name + "conv2", {width, width, 3, 3}, side * side});
      layers.push_back({name + "conv3", {4 * width, width, 1, 1}, side * side});
      if (b == 0) layers.push_back({name + "downsample", {4 * width, in, 1, 1}, side * side});
      in = 4 * width;
    }
  }
  layers.push_back({"fc", {1000, 2048, 1, 1}, 1});
  return layers;
}

/// ResNet-20 for CIFAR-10 (K. He et al. 2016): 19 convolutions and a linear layer, 0.27 M weights.
[[nodiscard]] inline std::vector<layer_shape> resnet20() {
  std::vector<layer_shape> layers{{"conv1", {16, 3, 3, 3}, 32 * 32}};
  Index in = 16;
  for (Index stage = 0; stage < 3; ++stage) {
    const Index width = Index{16} << stage, side = Index{32} >> stage;
    for (int layer = 1; layer <= 6; ++layer) {
      layers.push_back({"layer" + std::to_string(stage + 1) + "." + std::to_string(layer),
                        {width, in, 3, 3},
                        side * side});
      in = width;
    }
  }
  layers.push_back({"fc", {10, 64, 1, 1}, 1});
  return layers;
}

/// The convolutions of VGG-16 (K. Simonyan, A. Zisserman 2015, arXiv:1409.1556), 14.7 M weights.
[[nodiscard]] inline std::vector<layer_shape> vgg16() {
  std::vector<layer_shape> layers;
  Index in = 3, side = 224;
  int number = 1;
  for (const std::vector<Index>& stage : std::vector<std::vector<Index>>{
           {64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}}) {
    for (const Index out : stage) {
      layers.push_back({"conv" + std::to_string(number++), {out, in, 3, 3}, side * side});
      in = out;
    }
    side /= 2;
  }
  return layers;
}

/// Weights of those shapes with bell-shaped values, the same in every run, and a model that views
/// them.
class weights {
 public:
  explicit weights(const std::vector<layer_shape>& layers) {
    std::uint64_t counter = 0;
    for (const layer_shape& layer : layers) {
      std::vector<float> values(static_cast<std::size_t>(layer.size()));
      for (float& value : values) {  // four uniform numbers from one hash make a fair bell
        const std::uint64_t bits = prunus::detail::mix_bits(counter++);
        value = (static_cast<float>(bits & 0xFFFF) + static_cast<float>(bits >> 16 & 0xFFFF) +
                 static_cast<float>(bits >> 32 & 0xFFFF) + static_cast<float>(bits >> 48)) /
                    65536 -
                2;
      }
      values_.push_back(std::move(values));
      original_.push_back(values_.back());
      total_ += layer.size();
    }
    for (std::size_t i = 0; i < layers.size(); ++i)
      net_.add(layers[i].name + ".weight",
               prunus::view(values_[i].data(), layers[i].extents, "OIHW"),
               {.output = i + 1 == layers.size()});
  }

  [[nodiscard]] const prunus::model<float>& net() const { return net_; }
  [[nodiscard]] Index total() const { return total_; }
  void restore() {
    for (std::size_t i = 0; i < values_.size(); ++i)
      std::copy(original_[i].begin(), original_[i].end(), values_[i].begin());
  }

 private:
  std::vector<std::vector<float>> values_, original_;
  prunus::model<float> net_;
  Index total_ = 0;
};

}  // namespace prunus_benchmarks
