// SPDX-License-Identifier: MIT
#include <prunus/nn/architectures/lenet.hpp>
#include <prunus/nn/architectures/resnet.hpp>
#include <prunus/nn/architectures/small_cnn.hpp>
#include <prunus/nn/architectures/small_vgg.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/resolve.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace nn = prunus::nn;
using prunus::Index;
using prunus::resolve;
using prunus::tensor_shape;

namespace {

Index parameters_of(const prunus::graph& g) { return prunus::cost_of(resolve(g)).parameters; }
Index macs_of(const prunus::graph& g) { return prunus::cost_of(resolve(g)).macs; }
tensor_shape output_of(const prunus::graph& g) { return resolve(g).nodes.back().shape; }

}  // namespace

TEST_CASE("lenet has the known number of parameters", "[nn][architectures]") {
  const prunus::graph g = nn::lenet({1, 28, 28}, 10);
  CHECK(output_of(g) == tensor_shape{10, 1, 1});
  CHECK(parameters_of(g) == 61706);
  CHECK(macs_of(g) == 784 * 150 + 100 * 2400 + 400 * 120 + 120 * 84 + 84 * 10);
  CHECK(resolve(nn::lenet({1, 28, 28}, 10, 2)).nodes[resolve(g).index_of("fc1")].shape.channels ==
        240);
}

TEST_CASE("small_cnn has the known number of parameters", "[nn][architectures]") {
  CHECK(parameters_of(nn::small_cnn({1, 28, 28}, 10)) == 320 + 18496 + 3136 * 128 + 128 + 1290);
}

TEST_CASE("small_vgg stays within its budget", "[nn][architectures]") {
  const prunus::graph g = nn::small_vgg({1, 28, 28}, 10);
  CHECK(output_of(g) == tensor_shape{10, 1, 1});
  CHECK(macs_of(g) >= 5'000'000);
  CHECK(macs_of(g) <= 20'000'000);
}

TEST_CASE("resnet20 has 20 layers on its longest way and halves its planes twice",
          "[nn][architectures]") {
  const prunus::resolved_graph g = resolve(nn::resnet20());
  Index convolutions = 0, shortcuts = 0;
  for (const auto& node : g.nodes)
    if (const auto* op = node.operation.as<prunus::operation::convolution>())
      ++(op->kernel.height == 3 ? convolutions : shortcuts);
  CHECK(convolutions == 19);
  CHECK(shortcuts == 2);
  CHECK(g.nodes[g.index_of("stage3.block3.relu2")].shape == tensor_shape{64, 8, 8});
  CHECK(g.nodes.back().shape == tensor_shape{10, 1, 1});
  const Index macs = prunus::cost_of(g).macs;
  CHECK(macs > 40'500'000);
  CHECK(macs < 41'500'000);
}

TEST_CASE("resnet20 with shortcuts of zeros has the published number of parameters",
          "[nn][architectures]") {
  const prunus::graph declared = nn::resnet20({3, 32, 32}, 10, nn::shortcut::zero_padding);
  const prunus::resolved_graph g = resolve(declared);
  CHECK(parameters_of(declared) == 269722);
  CHECK(macs_of(declared) == 40'550'400 + 640);
  CHECK(g.nodes[g.index_of("stage2.block1.shortcut.slice")].shape == tensor_shape{16, 16, 16});
  CHECK(g.nodes[g.index_of("stage2.block1.shortcut.pad")].shape == tensor_shape{32, 16, 16});
  CHECK(g.nodes.back().shape == tensor_shape{10, 1, 1});
  for (const auto& node : g.nodes)
    if (const auto* zeros = node.operation.as<prunus::operation::pad_channels>())
      CHECK(zeros->before == zeros->after);
}

TEST_CASE("resnet refuses empty stages", "[nn][architectures]") {
  using support::code_of;
  CHECK(code_of<prunus::argument_error>([] {
          static_cast<void>(nn::resnet({3, 8, 8}, 2, {}));
        }) == prunus::errc::out_of_range);
  CHECK(code_of<prunus::argument_error>([] {
          static_cast<void>(nn::resnet({3, 8, 8}, 2, {1, 0}));
        }) == prunus::errc::out_of_range);
}
