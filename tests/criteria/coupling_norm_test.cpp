// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/criteria/coupling_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include "support/catch.hpp"
#include "support/criterion_laws.hpp"

#include <cmath>   // std::abs, std::isnan
#include <limits>  // std::numeric_limits
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::coupling_norm;
using scores = std::vector<float>;

/// a makes three channels, norm scales them, c reads them behind a flatten of two positions.
struct three_channels {
  std::vector<float> a{1, 2, 3, 4, 0, 1};  // 3 x 2: squares 5, 25, 1
  std::vector<float> bias{100, 100, 100};
  std::vector<float> scale{2, 0, 1}, shift{100, 0, 0};
  std::vector<float> c{1, 1, 0, 2, 3, 0,   // 2 x 6: channel 0 reads 1 1 / 1 0, squares 3;
                       1, 0, 0, 0, 1, 1};  // channel 1: 0 2 / 0 0: 4; channel 2: 3 0 / 1 1: 11
  prunus::model<float> net;

  three_channels() {
    net.add("a.weight", prunus::view(a, {3, 2}));
    net.add("a.bias", prunus::view(bias));
    net.add("norm.weight", prunus::view(scale));
    net.add("norm.bias", prunus::view(shift));
    net.add("c.weight", prunus::view(c, {2, 6}));
    const std::vector<Index> each{0, 1, 2};
    net.couple({{"a",
                 3,
                 {{"a.weight", axis::out, each, true},
                  {"a.bias", axis::out, each, false},
                  {"norm.weight", axis::out, each, false, true},
                  {"norm.bias", axis::out, each, false},
                  {"c.weight", axis::in, {0, 0, 1, 1, 2, 2}, true}}}});
  }
  three_channels(const three_channels&) = delete;
  three_channels& operator=(const three_channels&) = delete;

  [[nodiscard]] scores of(const coupling_norm& criterion) const {
    scores result(3, 77.0F);
    criterion.score(prunus::detail::weights_of(net, net.couplings().front()),
                    std::span<float>(result));
    return result;
  }
};

}  // namespace

TEMPLATE_TEST_CASE("group norms keep the laws of criteria", "[criteria][coupling_norm]", float,
                   double, Eigen::half, Eigen::bfloat16) {
  support::check_criterion_laws<TestType>(coupling_norm{},
                                          {.scale = support::scale_law::quadratic});
  support::check_criterion_laws<TestType>(coupling_norm{.relative = true},
                                          {.scale = support::scale_law::unchanged});
}

TEST_CASE("the norm of a group worked out by hand", "[criteria][coupling_norm]") {
  three_channels toy;
  // producers + scale + readers; biases and shifts do not count
  CHECK(toy.of({}) == scores{5 + 4 + 3, 25 + 0 + 4, 1 + 1 + 11});
  const scores relative = toy.of({.relative = true});
  CHECK(support::nearly(relative[0], 12 / 18.0F));
  CHECK(support::nearly(relative[1], 29 / 18.0F));
  CHECK(support::nearly(relative[2], 13 / 18.0F));
}

TEST_CASE("a pass over coupled filters asks for the norm of the group",
          "[criteria][coupling_norm]") {
  three_channels toy;
  (void)prunus::prune(toy.net, prunus::pass{coupling_norm{}, prunus::filter, prunus::global{}},
                      0.3);
  CHECK(toy.a == std::vector<float>{0, 0, 3, 4, 0, 1});  // channel 0, not 2 of smaller weights
  CHECK(toy.bias == std::vector<float>{0, 100, 100});
  CHECK(toy.scale == std::vector<float>{0, 0, 1});
}

TEST_CASE("a NaN anywhere in a group shows in its unit alone", "[criteria][coupling_norm]") {
  for (const bool relative : {false, true}) {
    three_channels toy;
    toy.c[2] = std::numeric_limits<float>::quiet_NaN();
    const scores s = toy.of({.relative = relative});
    CHECK(std::isfinite(s[0]));
    CHECK(std::isnan(s[1]));
    CHECK(std::isfinite(s[2]));
  }
  std::vector<float> zeros(6, 0.0F);
  const prunus::parameter<float> p{"w", prunus::view(zeros, {3, 2})};
  CHECK(support::scores_of(coupling_norm{.relative = true}, p, prunus::filter) == scores{0, 0, 0});
}
