// SPDX-License-Identifier: MIT
#include <prunus/nn/adapters/sparse_inference.hpp>
#include <prunus/nn/architectures/lenet.hpp>
#include <prunus/nn/architectures/resnet.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::max
#include <chrono>     // std::chrono::milliseconds
#include <cmath>      // std::abs
#include <string>     // std::string
#include <vector>     // std::vector

namespace nn = prunus::nn;

namespace {

using prunus::errc;
using prunus::Index;
using prunus::sparse_format;
namespace formats = prunus::formats;

/// Zeroes a share of the weights of every convolution and linear layer; scales and shifts of
/// normalisations become something else than one and zero.
void prune_and_shake(nn::network<double>& net, double removed, support::random_source& random) {
  for (const prunus::parameter<double>& p : net.model().parameters())
    for (Index i = 0; i < p.weight.size(); ++i) {
      if (p.weight.rank >= 2)
        p.weight.data[i] = random.chance(removed) ? 0 : random.gaussian();
      else
        p.weight.data[i] = random.real(0.5, 1.5);
    }
}

std::vector<double> outputs(nn::network<double>& net, const std::vector<double>& images,
                            Index batch) {
  const auto y = net.forward(images, batch, nn::mode::inference);
  return {y.data(), y.data() + y.size()};
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0, scale = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return most / scale;
}

/// Every look at it takes a millisecond, so that all kernels are equally fast.
struct even_clock {
  using rep = long long;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<even_clock>;
  static inline long long looks = 0;
  static time_point now() { return time_point(std::chrono::milliseconds(++looks)); }
};

}  // namespace

TEST_CASE("a network with packed weights equals its dense self", "[nn][sparse]") {
  support::random_source random(21);
  for (const prunus::graph& graph :
       {nn::lenet({1, 12, 12}, 4), nn::resnet({3, 8, 8}, 3, {1, 1}, 4)}) {
    nn::network<double> net(graph, {.threads = 2});
    prune_and_shake(net, 0.7, random);
    for (const Index batch : {1, 9}) {
      std::vector<double> images(static_cast<std::size_t>(batch * net.input_size()));
      for (double& x : images) x = random.gaussian();
      const std::vector<double> dense = outputs(net, images, batch);
      for (const sparse_format format : prunus::all_sparse_formats) {
        CAPTURE(std::string(prunus::name_of(format)), batch);
        for (const auto& node : net.resolved().nodes)
          if (net.model().find(node.name + ".weight") != nullptr &&
              net.model()[node.name + ".weight"].weight.rank >= 2)
            nn::pack(net, node.name, format);
        REQUIRE(largest_difference(outputs(net, images, batch), dense) < 1e-13);
      }
    }
  }
}

TEST_CASE("packed weights are those of the moment, until a training step or unpack",
          "[nn][sparse]") {
  nn::network<double> net(nn::lenet({1, 12, 12}, 4));
  const std::vector<double> images(static_cast<std::size_t>(2 * net.input_size()), 0.5);
  const std::vector<double> before = outputs(net, images, 2);
  nn::pack(net, "fc3", formats::rows{});
  net.model()["fc3.weight"].weight.data[0] += 1;
  CHECK(largest_difference(outputs(net, images, 2), before) < 1e-13);
  nn::unpack(net, "fc3");
  const std::vector<double> changed = outputs(net, images, 2);
  CHECK(largest_difference(changed, before) > 1e-6);

  nn::pack(net, "conv2", formats::patterns{});
  net.model()["conv2.weight"].weight.data[0] += 1;
  net.forward(images, 2, nn::mode::training);
  nn::network<double> fresh(net.graph(), net.tensors());
  CHECK(outputs(net, images, 2) == outputs(fresh, images, 2));
}

TEST_CASE("layers with zeros are timed and packed where it pays", "[nn][sparse]") {
  nn::network<double> net(nn::lenet({1, 12, 12}, 4));
  net.model()["conv2.weight"].weight.data[3] = 0;
  net.model()["fc1.weight"].weight.data[5] = 0;
  const std::vector<double> images(static_cast<std::size_t>(net.input_size()), 0.5);
  const std::vector<double> dense = outputs(net, images, 1);
  prunus::fastest_kernel_options options{
      .timing = {.warm_up = 1, .repetitions = 1, .minimum_seconds = 0, .maximum_seconds = 1000}};
  prunus::fastest_kernel<double, even_clock> strict(options);
  options.pays_below = 1.5;
  prunus::fastest_kernel<double, even_clock> lenient(options);
  for (const auto& layer : nn::pack_fastest(net, strict)) CHECK(!layer.choice.format.has_value());
  CHECK(outputs(net, images, 1) == dense);
  const auto packed = nn::pack_fastest(net, lenient);
  REQUIRE(packed.size() == 2);
  CHECK(packed[0].name == "conv2");
  CHECK(packed[1].name == "fc1");
  CHECK(packed[1].choice.format.has_value());
  CHECK(largest_difference(outputs(net, images, 1), dense) < 1e-13);
}

TEST_CASE("only layers that multiply with weights can be packed", "[nn][sparse]") {
  nn::network<double> net(nn::lenet({1, 12, 12}, 4));
  CHECK(support::code_of<prunus::argument_error>(
            [&] { nn::pack(net, "relu1", formats::rows{}); }) == errc::unsupported);
  CHECK(support::code_of<prunus::argument_error>(
            [&] { nn::pack(net, "conv9", formats::rows{}); }) == errc::unknown_name);
}
