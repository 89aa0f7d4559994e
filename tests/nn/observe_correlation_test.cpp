// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/nn/adapters/observe_correlation.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/weight_snapshot.hpp>
#include <prunus/recovery/reconstruct.hpp>
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cmath>   // std::abs
#include <span>    // std::span
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using prunus::errc;
using prunus::Index;
using support::code_of;
namespace nn = prunus::nn;

prunus::graph two_layers() {
  prunus::graph g;
  g.input("image", {2, 6, 5});
  g.convolution("conv1", "image", {.out_channels = 6, .kernel = 3, .padding = 1});
  g.relu("relu1", "conv1");
  g.convolution("conv2", "relu1", {.out_channels = 4, .kernel = 3, .stride = 2, .padding = 1});
  g.linear("fc", g.flatten("flat", g.relu("relu2", "conv2")), {.out_features = 3});
  return g;
}

std::vector<float> noise(Index size) {
  const nn::counter_random random(3, 0);
  std::vector<float> result;
  for (Index i = 0; i < size; ++i)
    result.push_back(static_cast<float>(random.normal(static_cast<std::uint64_t>(i))));
  return result;
}

/// Mean squared difference of what a node computes, with the numbers a sample has as one output.
double difference(nn::network<float>& net, std::span<const float> images, Index batch,
                  const std::string& node, const std::vector<float>& before) {
  net.forward(images, batch, nn::mode::inference);
  const std::span<const float> now = net.activation(node);
  double sum = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    const double d = static_cast<double>(now[i]) - static_cast<double>(before[i]);
    sum += d * d;
  }
  return sum;
}

}  // namespace

TEST_CASE("reconstruction promises what the network then does", "[nn][reconstruct]") {
  const std::string layer_name = GENERATE(as<std::string>{}, "conv2", "fc");
  const Index batch = 20, positions = layer_name == "fc" ? 1 : 9;
  nn::network<float> net(two_layers(), {.keep_activations = true});
  const std::vector<float> images = noise(batch * net.input_size());
  const std::span<const float> all(images);
  const auto seen = nn::correlate_inputs(net, layer_name, all, 7);
  CHECK(seen.samples() == batch * positions);

  net.forward(all, batch, nn::mode::inference);
  const std::span<const float> outputs = net.activation(layer_name);
  const std::vector<float> before(outputs.begin(), outputs.end());
  const prunus::weight_snapshot<float> dense(net.model());
  const std::string name = layer_name + ".weight";
  const prunus::pruned result = prunus::prune(
      net.model(), prunus::pass{prunus::l1_norm{}, prunus::element}.within({.include = {name}}),
      0.5);
  const double masked = difference(net, all, batch, layer_name, before);
  dense.restore(net.model());
  const auto report = prunus::reconstruct(net.model()[name].weight, result.masks[name], seen,
                                          net.model()[layer_name + ".bias"].weight);
  const double fitted = difference(net, all, batch, layer_name, before);
  const double samples = static_cast<double>(batch * positions);
  CHECK(report.masked == Approx(masked / samples).epsilon(1e-3));
  CHECK(std::abs(report.reconstructed - fitted / samples) < 1e-3 * report.masked);
  CHECK(fitted < 0.9 * masked);

  // How much a fit gains depends on the images, but it is a least-squares fit: the parabola of the
  // difference along any surviving weight or bias has its lowest point where that stands.
  for (const std::string& fitted_name : {name, layer_name + ".bias"}) {
    const auto w = net.model()[fitted_name].weight;
    for (Index k = 0; k < w.size(); k += 3) {
      if (fitted_name == name && w.data[k] == 0) continue;  // it was removed
      const float stands = w.data[k], step = 0.125F;
      w.data[k] = stands - step;
      const double below = difference(net, all, batch, layer_name, before);
      w.data[k] = stands + step;
      const double above = difference(net, all, batch, layer_name, before);
      w.data[k] = stands;
      const double curvature = below - 2 * fitted + above;
      CAPTURE(fitted_name, k);
      CHECK(curvature >= 0);  // 0: an input that is never open
      CHECK(std::abs(below - above) <= 1e-3 * curvature + 1e-5 * fitted);
    }
  }
}

TEST_CASE("inputs that cannot be correlated are refused", "[nn][reconstruct]") {
  nn::network<float> net(two_layers(), {.keep_activations = true}), plain(two_layers());
  const std::vector<float> images = noise(2 * net.input_size());
  const std::span<const float> all(images);
  CHECK(code_of<prunus::argument_error>([&] { (void)nn::correlate_inputs(net, "relu1", all); }) ==
        errc::unsupported);
  CHECK(code_of<prunus::argument_error>([&] { (void)nn::correlate_inputs(net, "conv9", all); }) ==
        errc::unknown_name);
  CHECK(code_of<prunus::argument_error>(
            [&] { (void)nn::correlate_inputs(net, "fc", all.subspan(1)); }) == errc::out_of_range);
  CHECK(code_of<prunus::state_error>([&] { (void)nn::correlate_inputs(plain, "fc", all); }) ==
        errc::wrong_order);
}
