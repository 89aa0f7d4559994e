// SPDX-License-Identifier: MIT
// One convolution of one image on one thread: dense and sparse kernels of this library beside
// oneDNN in the layout that it likes best and im2col with Eigen's product. Our own times hold the
// conversion from and to plain images; oneDNN's hold none.
#include "side_by_side/arena.hpp"
#include "side_by_side/numbers.hpp"
#if PRUNUS_WITH_ONEDNN
#include "side_by_side/onednn.hpp"
#endif
#include <prunus/runtime/direct_convolution.hpp>
#include <prunus/runtime/sparse_convolution.hpp>

#include "side_by_side/unfolded_product.hpp"

#include <memory>

namespace side_by_side {
namespace {

using prunus::convolution_shape;
using prunus::sparse_format;
namespace formats = prunus::formats;

struct layer {
  Index in, out, side, kernel, stride = 1;
  [[nodiscard]] convolution_shape shape() const {
    return {.in_channels = in,
            .out_channels = out,
            .height = side,
            .width = side,
            .kernel_height = kernel,
            .kernel_width = kernel,
            .stride_height = stride,
            .stride_width = stride,
            .padding_height = kernel / 2,
            .padding_width = kernel / 2};
  }
  [[nodiscard]] std::string name() const {
    const std::string k = std::to_string(kernel);
    return (stride > 1 ? "strided convolution " : "convolution ") + k + "x" + k + " " +
           std::to_string(in) + "->" + std::to_string(out) + " at " + std::to_string(side) + "x" +
           std::to_string(side);
  }
};

/// An image and what it becomes.
struct problem {
  explicit problem(const convolution_shape& s)
      : shape(s), x(some_numbers(s.in_size(), 1)), y(static_cast<std::size_t>(s.out_size())) {}
  convolution_shape shape;
  std::vector<float> x, y;
};

candidate sparse(problem& p, const std::vector<float>& weights, sparse_format format) {
  const auto kernel =
      std::make_shared<prunus::sparse_convolution<float>>(p.shape, weights.data(), format);
  const auto scratch =
      std::make_shared<std::vector<float>>(static_cast<std::size_t>(kernel->scratch_size()));
  return {"prunus " + std::string(name_of(format)),
          [=, &p] { kernel->forward(p.x.data(), {}, p.y.data(), 1, scratch->data()); }};
}

candidate direct(problem& p, const std::vector<float>& weights) {
  const auto kernel = std::make_shared<prunus::direct_convolution<float>>(p.shape);
  const auto scratch =
      std::make_shared<std::vector<float>>(static_cast<std::size_t>(kernel->scratch_size()));
  return {"prunus dense", [=, &p, &weights] {
            kernel->forward(p.x.data(), weights.data(), {}, p.y.data(), 1, scratch->data());
          }};
}

std::string percent(double share) {
  return std::to_string(static_cast<int>(100 * share + 0.5)) + " %";
}

void compare_layer(arena& in, const layer& l) {
  problem p(l.shape());
  const Index area = p.shape.kernel_area(), terms = p.shape.row_size();
  const std::vector<float> full = some_numbers(p.shape.weight_size(), 2);
  std::vector<candidate> dense{direct(p, full)};
#if PRUNUS_WITH_ONEDNN
  dense.push_back(onednn_convolution(p.shape, p.x, full));
#endif
  std::vector<candidate> all = dense;
  const auto unfolded = std::make_shared<unfolded_product>(p.shape);
  all.push_back(
      {"Eigen im2col", [=, &p, &full] { unfolded->forward(p.x.data(), full.data(), p.y.data()); }});
  in.compare(l.name() + ", dense", 1, all);

  const auto compare_pruned = [&](const std::string& how, Index height, Index width,
                                  std::initializer_list<double> shares,
                                  std::initializer_list<sparse_format> formats) {
    for (const double share : shares) {
      const std::string work = l.name() + ", " + how + ", " + percent(share);
      if (!in.wants(work)) continue;
      std::vector<float> weights = full;
      remove_blocks(weights, terms, height, width, share);
      std::vector<candidate> candidates = dense;
      for (const sparse_format format : formats) candidates.push_back(sparse(p, weights, format));
      in.compare(work, 1, candidates);
    }
  };
  const std::initializer_list<sparse_format> blocks = {formats::blocks_of<4>{},
                                                       formats::blocks_of<8>{}};
  const std::initializer_list<sparse_format> single = {formats::patterns{}, formats::rows{}};
  compare_pruned("8x1 blocks", 8, 1, {0.5, 0.7, 0.9}, blocks);
  if (l.kernel > 1) compare_pruned("kernels", 1, area, {0.5, 0.7, 0.9}, single);
  if (l.kernel > 1) compare_pruned("single weights", 1, 1, {0.7, 0.8, 0.9, 0.95}, single);
}

}  // namespace

void compare_convolutions(arena& in) {
  for (const layer& l :
       {layer{64, 64, 56, 3}, layer{128, 128, 28, 3}, layer{256, 256, 14, 3}, layer{512, 512, 7, 3},
        layer{64, 256, 56, 1}, layer{256, 64, 56, 1}, layer{512, 128, 28, 1},
        layer{1024, 256, 14, 1}, layer{64, 128, 56, 3, 2}, layer{256, 512, 14, 3, 2}})
    compare_layer(in, l);
}

}  // namespace side_by_side
