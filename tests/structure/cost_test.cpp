// SPDX-License-Identifier: MIT
#include <prunus/structure/cost.hpp>
#include <prunus/structure/network_structure.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/known_networks.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace {

using prunus::cost;
using prunus::Index;
using support::code_of;

cost of_node(const prunus::graph& g, std::string_view name, Index scalar_bytes = 4) {
  const prunus::resolved_graph network = prunus::resolve(g);
  return prunus::cost_of_node(network, network.index_of(name), scalar_bytes);
}

}  // namespace

TEST_CASE("counts of single nodes are those worked out by hand", "[structure][counts]") {
  prunus::graph g;
  g.input("image", {3, 8, 8});
  g.convolution("conv", "image",
                {.out_channels = 16, .kernel = {3, 5}, .stride = 2, .padding = {1, 2}});
  g.convolution("depth_wise", "conv",
                {.out_channels = 32, .kernel = 3, .padding = 1, .groups = 16, .bias = false});
  g.convolution("grouped", "depth_wise", {.out_channels = 8, .groups = 4});
  g.batch_norm("bn", "grouped");
  g.layer_norm("ln", "bn");
  g.linear("positions", "ln", {.out_features = 5});
  g.linear("fc", g.flatten("flat", "positions"), {.out_features = 10, .bias = false});

  CHECK(of_node(g, "image") == cost{0, 0, 0});
  CHECK(of_node(g, "conv") == cost{4 * 4 * 16 * 3 * 15, 16 * 3 * 15 + 16, 4 * (16 * 3 * 15 + 16)});
  CHECK(of_node(g, "depth_wise") == cost{4 * 4 * 32 * 9, 32 * 9, 4 * 32 * 9});
  CHECK(of_node(g, "grouped") == cost{4 * 4 * 8 * 8, 8 * 8 + 8, 4 * (8 * 8 + 8)});
  CHECK(of_node(g, "bn", 2) == cost{0, 16, 2 * 32});  // running statistics are stored, not trained
  CHECK(of_node(g, "ln") == cost{0, 16, 4 * 16});
  CHECK(of_node(g, "positions") == cost{16 * 8 * 5, 45, 180});
  CHECK(of_node(g, "flat") == cost{});
  CHECK(of_node(g, "fc", 8) == cost{800, 800, 6400});

  cost sum;
  for (const char* name : {"conv", "depth_wise", "grouped", "bn", "ln", "positions", "fc"})
    sum += of_node(g, name);
  CHECK(prunus::cost_of(prunus::resolve(g)) == sum);
}

TEST_CASE("counts of known networks are the published ones", "[structure][counts]") {
  // He et al. 2016, doi:10.1109/CVPR.2016.90, and Simonyan and Zisserman 2015, arXiv:1409.1556, as
  // counted in public model zoos: 25.557 M parameters and 4.09 G MACs; 138.358 M parameters
  // and 15.47 G MACs.
  const cost resnet = prunus::cost_of(prunus::resolve(known_networks::resnet50()));
  CHECK(resnet.parameters == 25'557'032);
  CHECK(resnet.macs == 4'089'184'256);
  CHECK(resnet.bytes == 4 * (25'557'032 + 2 * 26'560));
  const cost vgg = prunus::cost_of(prunus::resolve(known_networks::vgg16()));
  CHECK(vgg.parameters == 138'357'544);
  CHECK(vgg.macs == 15'470'264'320);
}

TEST_CASE("what costs more than can be counted is an error that names the node",
          "[structure][counts]") {
  prunus::graph g;  // 4.7e21 multiply-adds, 2^72
  g.input("image", {1 << 13, 1 << 20, 1 << 20});
  g.convolution("conv", "image", {.out_channels = 1 << 19, .bias = false});
  const support::thrown of_node = support::error_of<prunus::graph_error>(
      [&] { (void)prunus::cost_of_node(prunus::resolve(g), 1); });
  CHECK(of_node.code == prunus::errc::bad_node);
  CHECK(of_node.says("node conv: cost: more multiply-adds"));
  CHECK(code_of<prunus::graph_error>([&] { (void)prunus::network_structure(g).cost(); }) ==
        prunus::errc::bad_node);
  const prunus::network_structure network(g);
  std::vector<std::vector<std::uint8_t>> stays;
  for (const prunus::coupling& c : network.couplings())
    stays.emplace_back(static_cast<std::size_t>(c.units), std::uint8_t{1});
  std::vector<std::span<const std::uint8_t>> keep(stays.begin(), stays.end());
  CHECK(code_of<prunus::graph_error>([&] { (void)network.cost_of_kept(keep); }) ==
        prunus::errc::bad_node);

  prunus::graph sum;  // each of two layers can be counted, both together cannot
  sum.input("image", {1 << 10, 1 << 20, 1 << 20});
  sum.linear("second", sum.linear("first", "image", {.out_features = 1 << 12}),
             {.out_features = 1 << 10});
  const prunus::resolved_graph both = prunus::resolve(sum);
  CHECK(prunus::cost_of_node(both, 1).macs == Index{1} << 62);
  CHECK(prunus::cost_of_node(both, 2).macs == Index{1} << 62);
  CHECK(code_of<prunus::graph_error>([&] { (void)prunus::cost_of(both); }) ==
        prunus::errc::bad_node);

  prunus::graph bytes;
  bytes.input("image", {1 << 10, 1, 1});
  bytes.linear("fc", "image", {.out_features = 1 << 10, .bias = false});
  CHECK(code_of<prunus::graph_error>([&] {
          (void)prunus::cost_of(prunus::resolve(bytes), Index{1} << 44);
        }) == prunus::errc::bad_node);
}

TEST_CASE("counts need a scalar of at least one byte", "[structure][counts]") {
  prunus::graph g;
  g.input("image", {1, 1, 1});
  CHECK(code_of<prunus::error>([&] { (void)prunus::cost_of(prunus::resolve(g), 0); }) ==
        prunus::errc::out_of_range);
  CHECK(code_of<prunus::error>([&] { (void)prunus::network_structure(g).cost(-4); }) ==
        prunus::errc::out_of_range);
}

TEST_CASE("cost_of_kept shrinks the output and the input side of every layer",
          "[structure][cost]") {
  prunus::graph g;
  g.input("image", {3, 6, 6});
  g.convolution("conv1", "image", {.out_channels = 4, .kernel = 3});
  g.batch_norm("bn1", "conv1");
  g.convolution("depth_wise", "bn1", {.out_channels = 8, .groups = 4, .bias = false});
  g.convolution("conv2", "depth_wise", {.out_channels = 6, .kernel = 3});
  g.linear("fc", g.flatten("flat", "conv2"), {.out_features = 2});
  const prunus::network_structure counter(g);
  CHECK(counter.cost() == prunus::cost_of(prunus::resolve(g)));

  // Couplings: image, conv1 (with depth_wise, two outputs a channel), conv2, fc.
  const std::vector<std::uint8_t> image{1, 1, 1}, conv1{1, 0, 0, 1}, conv2{0, 1, 1, 1, 0, 7},
      fc{1, 1};
  const std::vector<std::span<const std::uint8_t>> keep{image, conv1, conv2, fc};
  const Index macs = 16 * 2 * 3 * 9 + 16 * 4 + 4 * 4 * 4 * 9 + 16 * 2;
  const Index parameters = (2 * 27 + 2) + 4 + 4 + (4 * 4 * 9 + 4) + (2 * 16 + 2);
  CHECK(counter.cost_of_kept(keep) == cost{macs, parameters, 4 * (parameters + 4)});

  const std::vector<std::span<const std::uint8_t>> too_few{image, conv1, conv2};
  const std::vector<std::span<const std::uint8_t>> too_short{image, conv1, conv2, image};
  CHECK(code_of<prunus::error>([&] { (void)counter.cost_of_kept(too_few); }) ==
        prunus::errc::shape_mismatch);
  CHECK(code_of<prunus::error>([&] { (void)counter.cost_of_kept(too_short); }) ==
        prunus::errc::shape_mismatch);
}

TEST_CASE("what it costs to keep everything is what the network costs", "[structure][cost]") {
  const prunus::graph g = known_networks::resnet50();
  const prunus::network_structure counter(g);
  std::vector<std::vector<std::uint8_t>> keep;
  for (const prunus::coupling& group : prunus::network_structure(g).couplings())
    keep.emplace_back(static_cast<std::size_t>(group.units), std::uint8_t{1});
  CHECK(keep.size() ==
        1 + 1 + 4 + 32 + 1);  // image, stem, four stages, two inner widths a block, fc
  const std::vector<std::span<const std::uint8_t>> spans(keep.begin(), keep.end());
  CHECK(counter.cost_of_kept(spans) == counter.cost());
}
