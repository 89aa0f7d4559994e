// SPDX-License-Identifier: MIT
#include <prunus/adaptive/activation_gate.hpp>
#include <prunus/nn/gated_network.hpp>
#include <prunus/nn/training/gated_training.hpp>
#include <prunus/nn/training/sgd.hpp>

#include "support/archetype_gate.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>    // std::max
#include <cmath>        // std::abs
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::remove_cvref_t
#include <utility>      // std::in_place, std::move
#include <vector>       // std::vector

namespace nn = prunus::nn;
using nn::mode;
using prunus::Index;

namespace {

constexpr Index image_size = 4 * 8 * 8;

/// Convolutions as a whole, in two groups and one channel a group, a residual sum, two poolings.
prunus::graph grouped() {
  prunus::graph g;
  std::string x = g.input("image", {4, 8, 8});
  x = g.convolution("conv1", x, {.out_channels = 8, .kernel = 3, .padding = 1, .bias = false});
  x = g.max_pooling("pool", g.relu("relu1", g.batch_norm("bn1", x)), 2, 2);
  std::string y =
      g.convolution("depthwise", x, {.out_channels = 8, .kernel = 3, .padding = 1, .groups = 8});
  y = g.relu("relu2", g.batch_norm("bn2", y));
  y = g.relu("relu3", g.convolution("pointwise", y, {.out_channels = 8, .kernel = 1}));
  y = g.convolution("paired", y, {.out_channels = 8, .kernel = 3, .padding = 1, .groups = 2});
  y = g.relu("relu4", g.add("sum", {y, x}));
  y = g.relu("relu5", g.convolution("last", y, {.out_channels = 6, .kernel = 3, .groups = 2}));
  g.linear("fc", g.global_average_pooling("mean", y), {.out_features = 3});
  return g;
}

template <class S>
std::vector<S> images(Index count) {
  support::random_source random(51);
  std::vector<S> x(static_cast<std::size_t>(count * image_size));
  for (S& v : x) v = static_cast<S>(random.real(-1, 1));
  return x;
}

/// Gates whose decisions differ between samples.
template <class S>
auto random_gates(double temperature = 0.1) {
  return [temperature](std::string_view, Index features, Index channels) {
    prunus::activation_gate<S> gate(
        features, channels,
        {.rule = prunus::gate_rule::largest, .open_share = 0.6, .energy_temperature = temperature});
    support::random_source random(static_cast<std::uint64_t>(features * 10 + channels));
    for (S& v : gate.values()) v = static_cast<S>(random.real(-1.5, 1.5));
    return std::optional(std::move(gate));
  };
}

template <class View>
auto copy(const View& view) {
  using number = std::remove_cvref_t<decltype(*view.data())>;
  return std::vector<number>(view.data(), view.data() + view.size());
}
double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

/// All that a few steps of training and an inference leave behind.
std::vector<float> trained_by(Index threads) {
  constexpr Index batch = 13;  // no multiple of the shards
  nn::network<float> backbone(grouped());
  nn::gated_network<float, prunus::activation_gate<float>> net(backbone, random_gates<float>(),
                                                               {.threads = threads});
  nn::optimizer<float, nn::sgd> weights(backbone, {});
  nn::gate_optimizer<float, prunus::activation_gate<float>, nn::sgd> gates(net, nn::sgd{});
  const std::vector<float> x = images<float>(batch);
  std::vector<int> labels;
  for (int n = 0; n < batch; ++n) labels.push_back(n % 3);
  std::vector<float> left;
  for (int step = 0; step < 3; ++step) {
    const auto result = nn::train_step<float>(net, weights, gates, x, labels, 0.05, 0.05,
                                              {.lasso = 0.01, .budget = 1, .budget_share = 0.3});
    left.push_back(static_cast<float>(result.loss.loss));
    left.push_back(static_cast<float>(result.open_share));
  }
  for (const auto& p : backbone.model().parameters())
    left.insert(left.end(), p.weight.data, p.weight.data + p.weight.size());
  for (auto* gate : net.gates())
    left.insert(left.end(), gate->values().begin(), gate->values().end());
  for (const double dense_from : {0.0, 0.4, 2.0}) {
    net.set_dense_from(dense_from);
    for (const float v : copy(net.forward(x, batch, mode::inference))) left.push_back(v);
    left.push_back(static_cast<float>(net.work().macs));
  }
  for (const prunus::gate_statistics& s : net.statistics())
    left.push_back(static_cast<float>(s.mean_open_share()));
  return left;
}

}  // namespace

TEST_CASE("a gated network gives the same to the last bit with any number of threads",
          "[nn][gated_network]") {
  const std::vector<float> alone = trained_by(1);
  CHECK(trained_by(2) == alone);
  CHECK(trained_by(5) == alone);
  nn::network<float> backbone(grouped());
  const auto build = [&](const nn::gated_network_options& options) {
    return support::code_of<prunus::argument_error>([&] {
      nn::gated_network<float, prunus::activation_gate<float>>(backbone, random_gates<float>(),
                                                               options);
    });
  };
  CHECK(build({.threads = 0}) == prunus::errc::out_of_range);
  CHECK(build({.shards = 0}) == prunus::errc::out_of_range);
}

TEST_CASE("convolutions in groups are gated: open, they are those of the backbone",
          "[nn][gated_network]") {
  using gate = prunus::activation_gate<double>;
  const std::vector<double> x = images<double>(5);
  nn::network<double> backbone(grouped()), twin(grouped());
  nn::gated_network<double, gate> net(twin, [](std::string_view, Index features, Index channels) {
    return std::optional(gate(features, channels));
  });
  CHECK(net.gates().size() == 4);  // of conv1, depthwise, pointwise and last
  CHECK(largest_difference(copy(net.forward(x, 5, mode::inference)),
                           copy(backbone.forward(x, 5, mode::inference))) < 1e-12);
  CHECK(net.work().dense_macs ==
        5 * (64 * 8 * 36 + 16 * 8 * 9 + 16 * 8 * 8 + 16 * 8 * 36 + 4 * 6 * 36 + 18));
  CHECK(net.work().share() == 1);
  CHECK(largest_difference(copy(net.forward(x, 5, mode::training)),
                           copy(backbone.forward(x, 5, mode::training))) < 1e-12);
  for (std::size_t i = 0; i < 15; ++i)
    backbone.output_gradient()[i] = net.output_gradient()[i] = static_cast<double>(i) - 7;
  backbone.backward();
  CHECK(net.backward() == Approx(1));
  for (const auto& p : backbone.model().parameters()) {
    if (p.options.gradient.empty()) continue;
    CAPTURE(p.name);
    const double* const other = twin.model()[p.name].options.gradient.data;
    for (Index i = 0; i < p.weight.size(); ++i)
      REQUIRE(std::abs(p.options.gradient.data[i] - other[i]) < 1e-9);
  }
}

TEST_CASE("closed channels of groups are skipped and change nothing", "[nn][gated_network]") {
  using gate = prunus::activation_gate<double>;
  const prunus::gate_source source =
      GENERATE(prunus::gate_source::input, prunus::gate_source::output);
  const std::vector<double> x = images<double>(9);
  nn::network<double> backbone(grouped());
  nn::gated_network<double, gate> net(backbone, random_gates<double>(),
                                      {.source = source, .threads = 2});
  net.set_dense_from(0);
  const std::vector<double> dense = copy(net.forward(x, 9, mode::inference));
  net.clear_statistics();
  net.set_dense_from(2);
  CHECK(largest_difference(copy(net.forward(x, 9, mode::inference)), dense) < 1e-12);
  CHECK(net.work().macs < net.work().dense_macs);
  CHECK(net.work().dense == 0);
  for (const prunus::gate_statistics& s : net.statistics()) CHECK(s.samples() == 9);
}

TEST_CASE("a gate of somebody else needs the functions of the concept and no more",
          "[nn][gated_network]") {
  using gate = support::archetype_trainable_gate<float>;
  nn::network<float> backbone(grouped());
  nn::gated_network<float, gate> net(
      backbone, [](std::string_view, Index features, Index channels) {
        return std::optional<gate>(std::in_place, features, channels);
      });
  nn::optimizer<float, nn::sgd> weights(backbone, {});
  nn::gate_optimizer<float, gate, nn::sgd> gates(net, nn::sgd{});
  const std::vector<float> x = images<float>(6);
  const std::vector<int> labels{0, 1, 2, 0, 1, 2};
  const double before = nn::evaluate<float>(net, x, labels, 4).loss;
  for (int step = 0; step < 40; ++step)
    nn::train_step<float>(net, weights, gates, x, labels, 0.05, 0.02);
  CHECK(nn::evaluate<float>(net, x, labels, 4).loss < before);
  net.clear_statistics();
  net.set_dense_from(2);
  net.forward(x, 6, mode::inference);
  CHECK(net.work().macs < net.work().dense_macs);
  for (const prunus::gate_statistics& s : net.statistics()) CHECK(s.mean_open_share() == 0.5);
  net.measure_crossovers({.rounds = 1});
}
