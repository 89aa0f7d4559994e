// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/io/safetensors.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "data_files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/trained_network.hpp>

#include <cmath>    // std::abs
#include <cstddef>  // std::size_t
#include <map>      // std::map
#include <span>     // std::span
#include <string>   // std::string
#include <utility>  // std::pair
#include <variant>  // std::get
#include <vector>   // std::vector

using prunus::Index;
using prunus_examples::load_trained_network;
using prunus_examples::trained_network;

namespace {

const std::map<std::string, std::string> texts{
    {"mean", "0.5,0.25,0.125"}, {"std", "0.5,1,2"}, {"stated_top1", "91.5"}};

/// Tensors of ones in the shapes of a graph, under the names that `rename` gives them.
template <class Rename>
prunus::named_tensors<float> ones(const prunus::graph& declared, const Rename& rename) {
  prunus::named_tensors<float> result;
  for (const auto& node : prunus::resolve(declared).nodes)
    for (const auto& p : node.parameters) {
      std::vector<float> values(static_cast<std::size_t>(p.size()), 1.0F);
      const auto seen = prunus::view(values.data(), std::span<const Index>(p.shape),
                                     prunus::layout::of_rank(static_cast<int>(p.shape.size())));
      result.push_back({rename(p.name), seen.extents, seen.axes, seen.rank, std::move(values)});
    }
  return result;
}

/// The names of PyTorch's files, from ours.
std::string theirs(std::string name) {
  const std::vector<std::pair<std::string, std::string>> words{{"stage", "layer"},
                                                               {"block1.", "0."},
                                                               {"block2.", "1."},
                                                               {"shortcut.conv.", "downsample.0."},
                                                               {"shortcut.bn.", "downsample.1."}};
  for (const auto& [from, to] : words)
    if (const std::size_t at = name.find(from); at != name.npos) name.replace(at, from.size(), to);
  return name;
}

prunus::operation::convolution convolution_of(const prunus::graph& g, const std::string& name) {
  for (const prunus::graph_node& node : g.nodes())
    if (node.name == name) return *node.operation.as<prunus::operation::convolution>();
  FAIL("no node is called " << name);
  return {};
}
bool has_node(const prunus::graph& g, const std::string& name) {
  for (const prunus::graph_node& node : g.nodes())
    if (node.name == name) return true;
  return false;
}

}  // namespace

TEST_CASE("a trained ResNet is recognised by its tensors", "[examples][trained_network]") {
  const temporary_folder folder("trained");
  const std::string path = folder / "net.safetensors";
  const prunus::graph made = prunus::nn::resnet({3, 32, 32}, 10, {1, 2}, 4);
  prunus::write_safetensors(path, ones(made, theirs), texts);

  const trained_network net = load_trained_network(path);
  CHECK(net.name == "net");
  CHECK(std::abs(net.stated_accuracy - 0.915) < 1e-6);
  CHECK(net.statistics.mean == std::vector<float>{0.5F, 0.25F, 0.125F});
  CHECK(net.statistics.deviation == std::vector<float>{0.5F, 1, 2});
  CHECK(has_node(net.graph, "stage2.block2.conv2"));
  CHECK_FALSE(has_node(net.graph, "stage3.block1.conv1"));
  CHECK(has_node(net.graph, "stage2.block1.shortcut.conv"));
  CHECK(convolution_of(net.graph, "stage2.block1.conv1").out_channels == 8);
  const prunus::nn::network<float> runs(net.graph, net.tensors);
  CHECK(runs.output_size() == 10);
}

TEST_CASE("a trained ResNet without projections has shortcuts of zeros",
          "[examples][trained_network]") {
  const temporary_folder folder("trained");
  const std::string path = folder / "net.safetensors";
  const prunus::graph made =
      prunus::nn::resnet({3, 32, 32}, 10, {1, 1}, 4, prunus::nn::shortcut::zero_padding);
  prunus::write_safetensors(path,
                            ones(made,
                                 [](const std::string& name) {
                                   return name.starts_with("fc.") ? "linear" + name.substr(2)
                                                                  : theirs(name);
                                 }),
                            texts);
  const trained_network net = load_trained_network(path);
  CHECK(has_node(net.graph, "stage2.block1.shortcut.pad"));
  const prunus::nn::network<float> runs(net.graph, net.tensors);
  CHECK(runs.output_size() == 10);
}

TEST_CASE("layers of a trained network may be narrower than usual", "[examples][trained_network]") {
  const temporary_folder folder("trained");
  const std::string path = folder / "net.safetensors";
  const prunus::graph wide = prunus::nn::resnet({3, 32, 32}, 10, {1, 1}, 4);
  const prunus::graph narrow =
      prunus::compact(wide, prunus::plan_removal(wide, {{"stage2.block1.conv1", {0, 3, 4}}}));
  prunus::write_safetensors(path, ones(narrow, theirs), texts);
  const trained_network net = load_trained_network(path);
  CHECK(convolution_of(net.graph, "stage2.block1.conv1").out_channels == 5);
  CHECK(convolution_of(net.graph, "stage2.block1.conv2").out_channels == 8);
  const prunus::nn::network<float> runs(net.graph, net.tensors);
  CHECK(runs.output_size() == 10);
}

TEST_CASE("a trained LeNet-5 reads images of 32 x 32", "[examples][trained_network]") {
  const temporary_folder folder("trained");
  const std::string path = folder / "lenet.safetensors";
  prunus::write_safetensors(
      path, ones(prunus::nn::lenet({3, 28, 28}, 10), [](const std::string& name) { return name; }),
      texts);
  const trained_network net = load_trained_network(path);
  const prunus::nn::network<float> runs(net.graph, net.tensors);
  CHECK(runs.input_size() == 3 * 32 * 32);
}

TEST_CASE("files that are no trained networks are refused", "[examples][trained_network]") {
  const temporary_folder folder("trained");
  const std::string path = folder / "net.safetensors";
  const auto code = [&] { return file_error_of([&] { return load_trained_network(path); }); };
  CHECK(code() == prunus::errc::cannot_open);
  const auto good = ones(prunus::nn::resnet({3, 32, 32}, 10, {1}, 4), theirs);
  prunus::write_safetensors(path, good);
  CHECK(code() == prunus::errc::malformed);
  std::map<std::string, std::string> wrong = texts;
  wrong["std"] = "0.5,many";
  prunus::write_safetensors(path, good, wrong);
  CHECK(code() == prunus::errc::malformed);
  prunus::write_safetensors(path, prunus::named_tensors<float>{*good.begin()}, texts);
  CHECK(code() == prunus::errc::malformed);
}

TEST_CASE("images are normalised as the network expects", "[examples][trained_network]") {
  const temporary_folder folder("trained");
  prunus_examples::write_file(folder / "data_batch_1.bin", cifar_record(3, 255, 255, 255));
  prunus_examples::write_file(folder / "test_batch.bin", cifar_record(7, 0, 255, 0));
  trained_network net;
  net.statistics = {{0.5F, 0.5F, 0.25F}, {0.5F, 0.25F, 0.5F}};
  const prunus_examples::data_split data = prunus_examples::load_images_for(net, folder.path());
  CHECK(data.test.labels == std::vector<int>{7});
  CHECK(data.test.images[0] == -1);
  CHECK(data.test.images[1024] == 2);
  CHECK(data.test.images[2048] == -0.5F);
  CHECK(data.train.images[0] == 1);
}
