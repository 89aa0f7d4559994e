// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/criteria/batch_norm_scale.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>  // std::numeric_limits
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::batch_norm_scale;
using prunus::errc;
using prunus::pass;
using values = std::vector<float>;

/// Two convolutions, each with a normalisation: the scales of the published worked case.
struct normalised {
  values first = values(3 * 2, 1.0F), second = values(2 * 3, 1.0F), last = values(4, 1.0F);
  values first_scale{.5F, -.1F, .3F}, second_scale{.05F, .9F};
  prunus::model<float> net;

  normalised() {
    net.add("first.weight", prunus::view(first, {3, 2}));
    net.add("first_norm.weight", prunus::view(first_scale));
    net.add("second.weight", prunus::view(second, {2, 3}));
    net.add("second_norm.weight", prunus::view(second_scale));
    net.add("last.weight", prunus::view(last, {2, 2}));
    net.couple({{"first",
                 3,
                 {{"first.weight", axis::out, {0, 1, 2}},
                  {"first_norm.weight", axis::out, {0, 1, 2}, false, true},
                  {"second.weight", axis::in, {0, 1, 2}}}},
                {"second",
                 2,
                 {{"second.weight", axis::out, {0, 1}},
                  {"second_norm.weight", axis::out, {0, 1}, false, true},
                  {"last.weight", axis::in, {0, 1}}}},
                {"last",
                 2,
                 {{"last.weight", axis::out, {0, 1}}},
                 std::vector<std::optional<prunus::keep_reason>>(
                     2, prunus::keep_reason::output_of_network)}});
  }
  normalised(const normalised&) = delete;
  normalised& operator=(const normalised&) = delete;
};

}  // namespace

TEST_CASE("filters are ranked by the scales of their normalisations, over all layers",
          "[criteria][batch_norm_scale]") {
  normalised n;
  // |scales| .5 .1 .3 | .05 .9: two of five go, exactly; the source's threshold rule takes .3 too.
  prunus::prune(n.net, pass{batch_norm_scale{}, prunus::filter, prunus::global{}}, 0.4);
  CHECK(n.first_scale == values{.5F, 0, .3F});
  CHECK(n.second_scale == values{0, .9F});
  CHECK(n.first == values{1, 1, 0, 0, 1, 1});
}

TEST_CASE("a unit with two normalisations scores their mean", "[criteria][batch_norm_scale]") {
  values weight{1, 1}, a{.4F, .3F}, b{-.1F, .4F};
  prunus::parameter<float> w{"w", prunus::view(weight, {2, 1})}, pa{"a", prunus::view(a)},
      pb{"b", prunus::view(b)};
  const std::vector<Index> each{0, 1}, swapped{1, 0};
  const prunus::coupled_weights<float> coupled{"sum",
                                               2,
                                               {{&w, axis::out, each},
                                                {&pa, axis::out, each, false, true},
                                                {&pb, axis::out, swapped, false, true}}};
  values scores(2);
  batch_norm_scale{}.score(coupled, std::span<float>(scores));
  CHECK(scores[0] == Approx(.4));
  CHECK(scores[1] == Approx(.2));
}

TEST_CASE("scales can be pruned themselves, and nothing else can be scored by them",
          "[criteria][batch_norm_scale]") {
  values scale{.5F, -.1F, .3F}, matrix(6, 1.0F), scores(3);
  const prunus::parameter<float> p{"bn.weight", prunus::view(scale)};
  batch_norm_scale{}.score(p, prunus::tile_grid(p.weight, prunus::element),
                           std::span<float>(scores));
  CHECK(scores == values{.5F, .1F, .3F});

  prunus::model<float> net;
  net.add("fc.weight", prunus::view(matrix, {3, 2}), {.prunable = true});
  CHECK(support::code_of<prunus::argument_error>([&] {
          prunus::prune(net, pass{batch_norm_scale{}, prunus::filter}, 0.4);
        }) == errc::unsupported);
}

TEST_CASE("a unit without a normalisation is an error that names it",
          "[criteria][batch_norm_scale]") {
  normalised n;
  n.net.couple({{"first", 3, {{"first.weight", axis::out, {0, 1, 2}}}}});
  const auto p =
      pass{batch_norm_scale{}, prunus::filter, prunus::global{}}.within({.include = {"first.*"}});
  const support::thrown error =
      support::error_of<prunus::argument_error>([&] { prunus::prune(n.net, p, 0.4); });
  CHECK(error.code == errc::unsupported);
  CHECK(error.says("unit 0 of first"));
  CHECK(n.first == values(6, 1.0F));
}

TEST_CASE("a scale that is NaN is an error that names the coupling",
          "[criteria][batch_norm_scale]") {
  normalised n;
  n.first_scale[1] = std::numeric_limits<float>::quiet_NaN();
  const support::thrown error = support::error_of<prunus::value_error>([&] {
    prunus::prune(n.net, pass{batch_norm_scale{}, prunus::filter, prunus::global{}}, 0.4);
  });
  CHECK(error.code == errc::not_finite);
  CHECK(error.says("first"));
  CHECK(n.second_scale == values{.05F, .9F});
}
