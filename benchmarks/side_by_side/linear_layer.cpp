// SPDX-License-Identifier: MIT
// A linear layer of one sample and of a batch: sparse formats beside Eigen's product.
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/sparse_linear.hpp>

#include "side_by_side/arena.hpp"
#include "side_by_side/numbers.hpp"

#include <memory>

namespace side_by_side {
namespace {

using prunus::linear_shape;
using prunus::sparse_format;
namespace formats = prunus::formats;
using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void compare_layer(arena& in, const linear_shape& s, Index samples) {
  const std::string name = "linear layer " + std::to_string(s.in) + "->" + std::to_string(s.out) +
                           ", batch " + std::to_string(samples);
  if (!in.wants("linear layer") && !in.wants(name)) return;
  const std::vector<float> x = some_numbers(samples * s.in, 1),
                           full = some_numbers(s.in * s.out, 2);
  std::vector<float> y(static_cast<std::size_t>(samples * s.out));
  std::vector<float> scratch(static_cast<std::size_t>(prunus::linear_scratch_size<float>(s)));
  const Eigen::Map<const matrix> w(full.data(), s.out, s.in), images(x.data(), samples, s.in);
  Eigen::Map<matrix> out(y.data(), samples, s.out);
  const std::vector<candidate> dense{
      {"Eigen dense",
       [&] {
         if (samples == 1)
           out.row(0).transpose().noalias() = w * images.row(0).transpose();
         else
           out.noalias() = images * w.transpose();
       }},
      {"prunus dense", [&] {
         prunus::linear_forward<float>(s, x.data(), full.data(), {}, y.data(), samples,
                                       scratch.data());
       }}};
  const auto compare_pruned = [&](const std::string& how, Index height, double share,
                                  std::initializer_list<sparse_format> formats) {
    const std::string work =
        name + ", " + how + ", " + std::to_string(static_cast<int>(100 * share + 0.5)) + " %";
    if (!in.wants(work)) return;
    std::vector<float> weights = full;
    remove_blocks(weights, s.in, height, 1, share);
    std::vector<candidate> candidates = dense;
    std::vector<std::vector<float>> own_scratch;
    for (const sparse_format format : formats) {
      const auto kernel = std::make_shared<prunus::sparse_linear<float>>(s, weights.data(), format);
      const auto memory =
          std::make_shared<std::vector<float>>(static_cast<std::size_t>(kernel->scratch_size()));
      candidates.push_back({"prunus " + std::string(name_of(format)), [=, &x, &y] {
                              kernel->forward(x.data(), {}, y.data(), samples, memory->data());
                            }});
    }
    in.compare(work, 1, candidates);
  };
  for (const double share : {0.7, 0.9}) {
    compare_pruned("16x1 blocks", 16, share, {formats::blocks_of<8>{}, formats::blocks_of<16>{}});
    compare_pruned("single weights", 1, share, {formats::patterns{}, formats::rows{}});
  }
}

}  // namespace

void compare_linear_layers(arena& in) {
  compare_layer(in, {.in = 4096, .out = 4096}, 1);
  compare_layer(in, {.in = 25088, .out = 4096}, 1);
  compare_layer(in, {.in = 4096, .out = 4096}, 32);
}

}  // namespace side_by_side
