// SPDX-License-Identifier: MIT
#include <prunus/nn/architectures/resnet.hpp>
#include <prunus/nn/architectures/transformer.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/adam.hpp>
#include <prunus/nn/training/minibatches.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/training.hpp>

#include "support/allocation_counter.hpp"
#include "support/catch.hpp"

#include <span>    // std::span
#include <vector>  // std::vector

namespace nn = prunus::nn;

TEST_CASE("training steps after the first allocate nothing", "[nn][training]") {
  const std::vector<float> images(10 * 192, 0.5f);
  const std::vector<int> labels(10, 1);
  nn::network<float> net(nn::resnet({3, 8, 8}, 3, {1, 1}, 4), {.threads = 2});
  nn::optimizer<float, nn::adam> optimize(net, {});
  nn::minibatches<float> batches(images, labels, {.batch = 5});
  const auto step = [&](std::uint64_t epoch) {
    const auto batch = batches(epoch, 0);
    nn::train_step(net, optimize, batch.images, batch.labels, 0.01);
  };
  step(0);
  CHECK(support::allocations_of([&] { step(1); }) == 0);
  const std::span<const float> image = std::span<const float>(images).first(192);
  net.forward(image, 1, nn::mode::inference);
  CHECK(support::allocations_of([&] { net.forward(image, 1, nn::mode::inference); }) == 0);
  CHECK(support::allocations_of(
            [&] { static_cast<void>(nn::evaluate<float>(net, images, labels, 5)); }) == 0);
}

TEST_CASE("training steps of a transformer allocate nothing", "[nn][transformer]") {
  const std::vector<float> tokens(6 * 40, 1.0f);
  const std::vector<int> labels(6, 1);
  nn::network<float> net(nn::transformer_encoder({.positions = 40, .vocabulary = 3}));
  nn::optimizer<float, nn::adam> optimize(net, {});
  const auto step = [&] { nn::train_step<float>(net, optimize, tokens, labels, 0.01); };
  step();
  CHECK(support::allocations_of(step) == 0);
}
