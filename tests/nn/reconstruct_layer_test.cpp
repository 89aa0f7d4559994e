// SPDX-License-Identifier: MIT
#include <prunus/core/mask.hpp>
#include <prunus/nn/adapters/reconstruct_layer.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <Eigen/Core>

#include <cmath>    // std::abs, std::sqrt
#include <cstddef>  // std::size_t
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

namespace {

using prunus::errc;
using prunus::Index;
using support::code_of;
namespace nn = prunus::nn;

/// A residual block: conv1, bn1, relu, conv2, bn2, added to what came in.
prunus::graph residual_block() {
  prunus::graph g;
  g.input("image", {3, 6, 5});
  g.relu("stem", g.convolution("first", "image", {.out_channels = 4, .kernel = 3, .padding = 1}));
  const auto normalized = [&](const std::string& number, std::string_view from, Index channels) {
    return g.batch_norm(
        "bn" + number,
        g.convolution("conv" + number, from,
                      {.out_channels = channels, .kernel = 3, .padding = 1, .bias = false}));
  };
  g.relu("inner", normalized("1", "stem", 6));
  normalized("2", "inner", 4);
  g.relu("out", g.add("sum", {"bn2", "stem"}));
  g.linear("fc", g.flatten("flat", "out"), {.out_features = 2});
  return g;
}

std::vector<float> noise(Index size, std::uint64_t seed = 3) {
  const nn::counter_random random(seed, 0);
  std::vector<float> result;
  for (Index i = 0; i < size; ++i)
    result.push_back(static_cast<float>(random.normal(static_cast<std::uint64_t>(i))));
  return result;
}

/// Normalisations that do something, after a few batches in training mode.
void settle(nn::network<float>& net, std::span<const float> images, Index batch) {
  for (const char* bn : {"bn1", "bn2"}) {
    const auto scale = net.model()[std::string(bn) + ".weight"].weight;
    const auto shift = net.model()[std::string(bn) + ".bias"].weight;
    for (Index c = 0; c < scale.size(); ++c) {
      scale.data[c] = 0.5F + 0.25F * static_cast<float>(c);
      shift.data[c] = 0.3F - 0.1F * static_cast<float>(c);
    }
  }
  for (int i = 0; i < 5; ++i) net.forward(images, batch, nn::mode::training);
}

std::vector<float> computed(nn::network<float>& net, std::span<const float> images, Index batch,
                            const std::string& node) {
  net.forward(images, batch, nn::mode::inference);
  const std::span<const float> values = net.activation(node);
  return {values.begin(), values.end()};
}

double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return sum / static_cast<double>(a.size());
}

/// The filters of conv1 that `gone` names, as zeros in weights and normalisation.
void remove_filters(nn::network<float>& net, const std::vector<Index>& gone) {
  for (const char* name : {"conv1.weight", "bn1.weight", "bn1.bias"}) {
    const auto weight = net.model()[name].weight;
    prunus::mask keep{prunus::tile_grid(weight, prunus::filter)};
    for (const Index u : gone) keep.set(u, false);
    keep.apply(weight);
  }
}
prunus::mask without(const prunus::weight_view<float>& weight, const std::vector<Index>& gone) {
  prunus::mask keep{prunus::tile_grid(weight, prunus::channel)};
  for (const Index u : gone) keep.set(u, false);
  return keep;
}

struct networks {
  static constexpr Index batch = 24;
  nn::network<float> dense{residual_block(), {.seed = 1, .keep_activations = true}};
  nn::network<float> net{residual_block(), {.seed = 1, .keep_activations = true}};
  std::vector<float> images = noise(batch * dense.input_size());

  networks() {
    settle(dense, images, batch);
    for (const auto& t : dense.tensors()) net.assign(t.name, t.view());
  }
};

}  // namespace

TEST_CASE("targets of a network that is the dense one are its own outputs",
          "[nn][reconstruct_layer]") {
  networks n;
  const std::string at = GENERATE(as<std::string>{}, "conv2", "bn2", "sum");
  const auto seen = nn::correlate_targets<float>(n.net, "conv2", n.dense, at, n.images, 7);
  CHECK(seen.samples() == networks::batch * 30);
  const std::vector<float> outputs = computed(n.dense, n.images, networks::batch, "conv2");
  for (Index c = 0; c < 4; ++c) {
    double sum = 0, squares = 0;
    for (Index i = 0; i < networks::batch; ++i)
      for (Index p = 0; p < 30; ++p) {
        const double y =
            static_cast<double>(outputs[static_cast<std::size_t>((i * 4 + c) * 30 + p)]);
        sum += y;
        squares += y * y;
      }
    CHECK(std::abs(seen.mean()(c) - sum / (30 * networks::batch)) < 1e-5);
    CHECK(seen.mean_square()(c) == Approx(squares / (30 * networks::batch)).epsilon(1e-4));
  }
}

TEST_CASE("a block makes up for its own filters and for what its shortcut lost",
          "[nn][reconstruct_layer]") {
  networks n;
  // The shortcut lost something too: a channel of the stem.
  const auto stem = n.net.model()["first.weight"].weight;
  for (Index k = 0; k < 27; ++k) stem.data[k] *= 0.7F;
  const std::vector<Index> gone{1, 4};
  const auto seen = nn::correlate_targets<float>(n.net, "conv2", n.dense, "sum", n.images);
  const std::vector<float> wanted = computed(n.dense, n.images, networks::batch, "sum");

  remove_filters(n.net, gone);
  const double masked = mean_difference(computed(n.net, n.images, networks::batch, "sum"), wanted);
  const auto weight = n.net.model()["conv2.weight"].weight;
  const auto report = nn::reconstruct_layer(n.net, "conv2", without(weight, gone), seen);
  const double fitted = mean_difference(computed(n.net, n.images, networks::batch, "sum"), wanted);
  CHECK(report.reconstructed < report.masked);
  CHECK(fitted < 0.8 * masked);

  // Nothing near it is better: moving any weight or shift makes it worse.
  for (const char* name : {"conv2.weight", "bn2.bias"}) {
    const auto w = n.net.model()[name].weight;
    for (Index k = 0; k < w.size(); k += 5) {
      if (w.data[k] == 0) continue;  // a removed input
      const float before = w.data[k];
      for (const float step : {-0.05F, 0.05F}) {
        w.data[k] = before + step;
        CHECK(mean_difference(computed(n.net, n.images, networks::batch, "sum"), wanted) >
              fitted * (1 - 1e-5));
      }
      w.data[k] = before;
    }
  }
}

TEST_CASE("the running statistics behind a fitted layer are those of its outputs",
          "[nn][reconstruct_layer]") {
  networks n;
  const std::vector<Index> gone{0, 3};
  const auto seen = nn::correlate_targets<float>(n.net, "conv2", n.dense, "bn2", n.images);
  remove_filters(n.net, gone);
  const auto weight = n.net.model()["conv2.weight"].weight;
  (void)nn::reconstruct_layer(n.net, "conv2", without(weight, gone), seen);
  const std::vector<float> outputs = computed(n.net, n.images, networks::batch, "conv2");
  const float* mean = n.net.model()["bn2.running_mean"].weight.data;
  const float* variance = n.net.model()["bn2.running_var"].weight.data;
  for (Index c = 0; c < 4; ++c) {
    double sum = 0, squares = 0;
    for (Index i = 0; i < networks::batch; ++i)
      for (Index p = 0; p < 30; ++p) {
        const double y =
            static_cast<double>(outputs[static_cast<std::size_t>((i * 4 + c) * 30 + p)]);
        sum += y / (30 * networks::batch);
        squares += y * y / (30 * networks::batch);
      }
    CHECK(std::abs(static_cast<double>(mean[c]) - sum) < 1e-4);
    CHECK(static_cast<double>(variance[c]) == Approx(squares - sum * sum).epsilon(1e-3));
  }
}

TEST_CASE("outputs are multiplied by the normalisation behind them", "[nn][reconstruct_layer]") {
  networks n;
  const std::vector<double> factors = nn::output_factors(n.net, "conv2");
  REQUIRE(factors.size() == 4);
  const std::vector<float> z = computed(n.net, n.images, networks::batch, "conv2");
  const std::vector<float> y = computed(n.net, n.images, networks::batch, "bn2");
  for (std::size_t c = 0; c < 4; ++c) {
    const std::size_t at = c * 30;  // two positions of the first image
    CHECK(static_cast<double>(y[at] - y[at + 1]) ==
          Approx(factors[c] * static_cast<double>(z[at] - z[at + 1])).epsilon(1e-3));
  }
  CHECK(nn::output_factors(n.net, "fc") == std::vector<double>{1, 1});
}

TEST_CASE("a layer with a bias is fitted with it", "[nn][reconstruct_layer]") {
  networks n;
  const auto weight = n.net.model()["fc.weight"].weight;
  for (Index k = 0; k < weight.size(); ++k) weight.data[k] *= 0.5F;
  n.net.model()["fc.bias"].weight.data[0] = 3;
  const std::vector<float> more = noise(400 * n.net.input_size(), 9);
  const auto seen = nn::correlate_targets<float>(n.net, "fc", n.dense, "fc", more);
  const prunus::mask keep{prunus::tile_grid(weight, prunus::channel)};
  const auto report = nn::reconstruct_layer(n.net, "fc", keep, seen);
  CHECK(report.reconstructed < 1e-6 * report.output);
  CHECK(mean_difference(computed(n.net, more, 400, "fc"), computed(n.dense, more, 400, "fc")) <
        1e-6 * report.output);
}

TEST_CASE("layers that cannot be given targets are refused", "[nn][reconstruct_layer]") {
  networks n;
  nn::network<float> plain(residual_block());
  const std::span<const float> images(n.images);
  const auto correlate = [&](const char* name, const char* at) {
    return code_of<prunus::argument_error>(
        [&] { (void)nn::correlate_targets<float>(n.net, name, n.dense, at, images); });
  };
  CHECK(correlate("conv9", "sum") == errc::unknown_name);
  CHECK(correlate("conv2", "sum9") == errc::unknown_name);
  CHECK(correlate("inner", "sum") == errc::unsupported);
  CHECK(correlate("conv1", "sum") == errc::unsupported);  // relu and conv2 lie between
  CHECK(correlate("conv2", "stem") == errc::unsupported);
  CHECK(correlate("conv2", "out") == errc::unsupported);
  CHECK(code_of<prunus::argument_error>([&] {
          (void)nn::correlate_targets<float>(n.net, "conv2", n.dense, "sum", images.subspan(1));
        }) == errc::out_of_range);
  CHECK(code_of<prunus::argument_error>([&] {
          (void)nn::correlate_targets<float>(n.net, "conv2", n.dense, "sum", images, 0);
        }) == errc::out_of_range);
  CHECK(code_of<prunus::state_error>([&] {
          (void)nn::correlate_targets<float>(n.net, "conv2", plain, "sum", images);
        }) == errc::wrong_order);
  n.net.model()["bn2.weight"].weight.data[1] = 0;
  CHECK(correlate("conv2", "sum") == errc::out_of_range);
}

TEST_CASE("the dense network runs once for the targets of all layers", "[nn][reconstruct_layer]") {
  networks n;
  n.net.model()["conv1.weight"].weight.data[0] += 1;
  const std::vector<std::string> nodes{"conv2", "sum"};
  const nn::recorded_outputs<float> wanted(n.dense, nodes, n.images, 7);
  std::vector<prunus::target_correlation<double>> expected;
  for (const std::string& at : nodes)
    expected.push_back(nn::correlate_targets<float>(n.net, "conv2", n.dense, at, n.images, 5));
  // What has been recorded is all that is asked: a dense network of other weights changes nothing.
  n.dense.model()["conv2.weight"].weight.data[0] += 1;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto seen = nn::correlate_targets<float>(n.net, "conv2", wanted, nodes[i], n.images, 5);
    CHECK(seen.samples() == expected[i].samples());
    CHECK(seen.mean_product() == expected[i].mean_product());
    CHECK(nn::correlate_targets<float>(n.net, "conv2", n.dense, nodes[i], n.images, 5)
              .mean_product() != expected[i].mean_product());
  }
  CHECK(code_of<prunus::argument_error>([&] {
          (void)nn::correlate_targets<float>(n.net, "conv2", wanted, "bn2", n.images);
        }) == errc::unknown_name);
  CHECK(code_of<prunus::shape_error>([&] {
          (void)nn::correlate_targets<float>(
              n.net, "conv2", wanted, "sum",
              std::span<const float>(n.images).first(n.images.size() / networks::batch));
        }) == errc::shape_mismatch);
}
