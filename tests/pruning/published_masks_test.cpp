// SPDX-License-Identifier: MIT
// Masks of one small stored tensor, expected from the published formulas as computed by hand:
// benchmarks/peer_masks.py shows that PyTorch makes the same over whole networks.
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/geometric_median.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include "support/catch.hpp"

#include <array>   // std::array
#include <vector>  // std::vector

namespace {

using Eigen::Index;

/// Five filters of 2 x 1 x 2.
std::vector<float> stored_weights() {
  return {.9F,  -.3F, .2F,   .1F,    //
          -.5F, .6F,  .45F,  -.55F,  //
          .05F, 1.4F, -.15F, .25F,   //
          .35F, -.4F, .68F,  .7F,    //
          -.8F, .75F, .12F,  -.22F};
}

template <class Criterion>
std::vector<int> kept(const Criterion& criterion, const prunus::tile& tile, double sparsity) {
  std::vector<float> weights = stored_weights();
  prunus::model<float> net;
  net.add("conv", prunus::view(weights.data(), {5, 2, 1, 2}, "OIHW"), {.prunable = true});
  const prunus::pruned result =
      prunus::prune(net, prunus::pass{criterion, tile, prunus::uniform{}}, sparsity);
  const prunus::mask& m = result.masks["conv"];
  std::vector<int> bits;
  for (Index t = 0; t < m.size(); ++t) bits.push_back(m[t] ? 1 : 0);
  return bits;
}
using bits = std::vector<int>;

}  // namespace

TEST_CASE("half of the weights go by magnitude", "[pruning][published]") {
  // The tenth smallest magnitude of twenty is .4.
  const bits expected{1, 0, 0, 0,  //
                      1, 1, 1, 1,  //
                      0, 1, 0, 0,  //
                      0, 0, 1, 1,  //
                      1, 1, 0, 0};
  CHECK(kept(prunus::l1_norm{}, prunus::element, 0.5) == expected);
  CHECK(kept(prunus::l2_norm{}, prunus::element, 0.5) == expected);
}

TEST_CASE("three criteria remove three different pairs of filters", "[pruning][published]") {
  // sum |w|:       1.50  2.10  1.85  2.13  1.89
  CHECK(kept(prunus::l1_norm{}, prunus::filter, 0.4) == bits{0, 1, 0, 1, 1});
  // sqrt(sum w^2): 0.97  1.06  1.43  1.11  1.12
  CHECK(kept(prunus::l2_norm{}, prunus::filter, 0.4) == bits{0, 0, 1, 1, 1});
  // sum of distances to the others: see below
  CHECK(kept(prunus::geometric_median{}, prunus::filter, 0.4) == bits{1, 0, 1, 1, 0});
}

TEST_CASE("the sums of distances are those of the formula", "[pruning][published]") {
  std::vector<float> weights = stored_weights();
  const prunus::parameter<float> p{"conv", prunus::view(weights.data(), {5, 2, 1, 2}, "OIHW")};
  std::vector<float> scores(5);
  prunus::geometric_median{}.score(p, prunus::tile_grid(p.weight, prunus::filter),
                                   std::span<float>(scores));
  const std::array<double, 5> expected{6.71796618, 5.59960722, 6.5862676, 6.78244806, 5.7500248};
  for (std::size_t i = 0; i < 5; ++i) CHECK(static_cast<double>(scores[i]) == Approx(expected[i]));
}
