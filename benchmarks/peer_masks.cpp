// SPDX-License-Identifier: MIT
// Writes the masks that this library makes of given weights, for peer_masks.py, which compares them
// with PyTorch's. In the folder: weights.txt, a line "name out in height width" a tensor, and
// name.f32 with its numbers. Written: setting/name.u8, one byte a weight, 1 = kept.
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/core/read_file.hpp>
#include <prunus/core/write_file.hpp>
#include <prunus/criteria/geometric_median.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <list>
#include <sstream>
#include <string>
#include <vector>

namespace {

using prunus::Index;

struct tensor {
  std::string name;
  std::array<Index, 4> extents{};
  std::vector<float> original, values;
};

std::list<tensor> read_tensors(const std::filesystem::path& folder) {
  std::list<tensor> tensors;
  std::istringstream lines(prunus::read_file((folder / "weights.txt").string()));
  tensor t;
  while (lines >> t.name >> t.extents[0] >> t.extents[1] >> t.extents[2] >> t.extents[3]) {
    const std::string bytes = prunus::read_file((folder / (t.name + ".f32")).string());
    t.original.resize(bytes.size() / sizeof(float));
    std::memcpy(t.original.data(), bytes.data(), t.original.size() * sizeof(float));
    t.values = t.original;
    tensors.push_back(t);
  }
  return tensors;
}

template <class Criterion, class Allocation>
void write_masks(const std::filesystem::path& folder, std::list<tensor>& tensors,
                 const std::string& setting, const Criterion& criterion, const prunus::tile& tile,
                 const Allocation& allocation, double sparsity) {
  prunus::model<float> net;
  for (tensor& t : tensors) {
    t.values = t.original;
    net.add(t.name, prunus::view(t.values.data(), t.extents, "OIHW"), {.prunable = true});
  }
  const prunus::pruned result =
      prunus::prune(net, prunus::pass{criterion, tile, allocation}, sparsity);
  for (tensor& t : tensors) std::fill(t.values.begin(), t.values.end(), 1.0F);
  prunus::hold(net, result.masks);
  std::filesystem::create_directories(folder / setting);
  for (const tensor& t : tensors) {
    std::string kept(t.values.size(), '\0');
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = t.values[i] != 0 ? '\1' : '\0';
    prunus::write_file((folder / setting / (t.name + ".u8")).string(), kept);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string where;
  CLI::App app("Writes masks of given weights; run by peer_masks.py.");
  app.add_option("folder", where, "holds weights.txt and name.f32")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    const std::filesystem::path folder(where);
    std::list<tensor> tensors = read_tensors(folder);
    const auto write = [&](const auto&... arguments) {
      write_masks(folder, tensors, arguments...);
    };
    write("l1_element_global_90", prunus::l1_norm{}, prunus::element, prunus::global{}, 0.9);
    write("l2_element_global_90", prunus::l2_norm{}, prunus::element, prunus::global{}, 0.9);
    write("l1_element_uniform_50", prunus::l1_norm{}, prunus::element, prunus::uniform{}, 0.5);
    write("l1_filter_uniform_50", prunus::l1_norm{}, prunus::filter, prunus::uniform{}, 0.5);
    write("l2_filter_uniform_50", prunus::l2_norm{}, prunus::filter, prunus::uniform{}, 0.5);
    write("geometric_median_filter_uniform_50", prunus::geometric_median{}, prunus::filter,
          prunus::uniform{}, 0.5);
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "peer_masks: %s\n", problem.what());
    return 1;
  }
}
