// SPDX-License-Identifier: MIT
#include <prunus/nn/architectures/unet.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/nn/training/adam.hpp>
#include <prunus/nn/training/minibatches.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/coupling.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cstddef>  // std::size_t
#include <string>   // std::string
#include <vector>   // std::vector

namespace {

using prunus::argument_error;
using prunus::errc;
using prunus::Index;
using prunus::shape_error;
using support::code_of;
namespace nn = prunus::nn;

/// Images of 8 x 8 with a bright rectangle in noise; every pixel is labelled.
struct rectangles {
  std::vector<float> images;
  std::vector<int> labels;
  explicit rectangles(int samples) {
    const nn::counter_random random(1, 0);
    std::uint64_t at = 0;
    for (int n = 0; n < samples; ++n) {
      const int top = static_cast<int>(random.below(4, at++)),
                left = static_cast<int>(random.below(4, at++));
      for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 8; ++x) {
          const int inside = y >= top && y < top + 4 && x >= left && x < left + 4;
          images.push_back(static_cast<float>(inside + 0.7 * random.normal(at++)));
          labels.push_back(inside);
        }
    }
  }
};

}  // namespace

TEST_CASE("unet has outputs at every pixel and the parameters worked out by hand", "[nn][unet]") {
  const prunus::resolved_graph g = prunus::resolve(nn::unet({3, 8, 12}, 5, {4, 6, 8}));
  CHECK(g.nodes.back().shape == prunus::tensor_shape{5, 8, 12});
  const auto pair = [](Index in, Index out) { return 9 * out * (in + out) + 4 * out; };
  CHECK(prunus::cost_of(g).parameters ==
        pair(3, 4) + pair(4, 6) + pair(6, 8) + pair(8 + 6, 6) + pair(6 + 4, 4) + 4 * 5 + 5);
  CHECK(prunus::resolve(nn::unet({1, 3, 3}, 2, {4})).nodes.back().shape ==
        prunus::tensor_shape{2, 3, 3});
}

TEST_CASE("unet refuses planes that do not halve", "[nn][unet]") {
  const auto make = [](prunus::tensor_shape input, const std::vector<Index>& widths) {
    static_cast<void>(nn::unet(input, 2, widths));
  };
  CHECK(code_of<argument_error>([&] { make({1, 6, 8}, {4, 4, 4}); }) == errc::out_of_range);
  CHECK(code_of<argument_error>([&] { make({1, 8, 6}, {4, 4, 4}); }) == errc::out_of_range);
  CHECK(code_of<argument_error>([&] { make({1, 8, 8}, {}); }) == errc::out_of_range);
}

TEST_CASE("all filters of unet but those of the classifier may be pruned", "[nn][unet]") {
  for (const prunus::coupling& c :
       prunus::network_structure(nn::unet({3, 8, 8}, 3, {4, 6})).couplings()) {
    CAPTURE(c.name);
    CHECK(c.prunable() == (c.name != "classifier" && c.name != "image"));
  }
}

TEST_CASE("minibatches keep the labels of a plane together", "[nn][minibatches]") {
  std::vector<float> images;
  std::vector<int> labels;
  for (int n = 0; n < 5; ++n)
    for (int p = 0; p < 4; ++p) {
      images.push_back(static_cast<float>(10 * n + p));
      labels.push_back(10 * n + p);
    }
  nn::minibatches<float> batches(images, labels, {.batch = 2, .positions = 4});
  CHECK(batches.count() == 3);
  for (Index b = 0; b < 3; ++b) {
    const auto batch = batches(0, b);
    CHECK(batch.size() == (b < 2 ? 2 : 1));
    REQUIRE(batch.labels.size() == static_cast<std::size_t>(4 * batch.size()));
    for (std::size_t i = 0; i < batch.labels.size(); ++i)
      CHECK(static_cast<float>(batch.labels[i]) == batch.images[i]);
  }
  const auto make = [&](Index positions) {
    nn::minibatches<float>(images, labels, {.positions = positions});
  };
  CHECK(code_of<argument_error>([&] { make(0); }) == errc::out_of_range);
  CHECK(code_of<shape_error>([&] { make(3); }) == errc::shape_mismatch);
}

TEST_CASE("train_step and evaluate take labels at every position", "[nn][training]") {
  const rectangles data(24);
  nn::network<float> net(nn::unet({1, 8, 8}, 2, {4, 8}), {.threads = 2});
  nn::optimizer<float, nn::adam> optimize(net, {});
  for (int step = 0; step < 60; ++step)
    nn::train_step<float>(net, optimize, data.images, data.labels, 0.01);
  const nn::evaluation result = nn::evaluate<float>(net, data.images, data.labels, 5);
  CHECK(result.accuracy > 0.95);

  const std::vector<int> few(data.labels.begin(), data.labels.begin() + 63);
  CHECK(code_of<shape_error>([&] {
          static_cast<void>(nn::evaluate<float>(net, data.images, few));
        }) == errc::shape_mismatch);
}
