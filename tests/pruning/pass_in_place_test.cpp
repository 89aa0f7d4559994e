// SPDX-License-Identifier: MIT
// A pass that reads scores off the weights and zeroes them in the sweep that writes the masks does
// what the long way does: scores written, an allocation over them, an action over the masks.
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/layer_adaptive_magnitude.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/select_only.hpp>
#include <prunus/pruning/soft.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <cmath>     // std::round
#include <limits>    // std::numeric_limits
#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

namespace {

using Eigen::Index;
using prunus::global;
using prunus::layer_adaptive_magnitude;
using prunus::uniform;
using support::random_source;

/// A criterion without the promises it makes about its scores.
template <class Criterion>
struct written {
  Criterion criterion{};
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>& p, const prunus::tile_grid& grid,
             std::span<prunus::score_of<S>> scores) const {
    criterion.score(p, grid, scores);
  }
};

/// Counts how often scores are written.
struct watched : layer_adaptive_magnitude {
  int* written = nullptr;
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>& p, const prunus::tile_grid& grid,
             std::span<prunus::score_of<S>> scores) const {
    ++*written;
    layer_adaptive_magnitude::score(p, grid, scores);
  }
};

enum class values_are { bell, tied, half_zero };

template <class S>
struct random_net {
  std::vector<std::vector<S>> values;
  prunus::model<S> net;

  random_net(random_source& random, values_are kind) {
    const Index layers = random.between(1, 6);
    for (Index l = 0; l < layers; ++l) {
      const Index size = random.between(1, 5) * random.between(1, 400);
      const double scale = std::pow(2.0, static_cast<double>(random.between(-3, 3)));
      std::vector<S> w;
      for (Index i = 0; i < size; ++i) {
        double value = scale * random.gaussian();
        if (kind == values_are::tied) value = std::round(4 * value) / 4;
        if (kind == values_are::half_zero && random.chance(0.5))
          value = random.chance(0.5) ? 0 : -0.0;
        w.push_back(static_cast<S>(value));
      }
      values.push_back(std::move(w));
    }
    register_all();
  }
  random_net(const random_net& other) : values(other.values) { register_all(); }
  random_net& operator=(const random_net&) = delete;

  [[nodiscard]] bool same_bits(const random_net& other) const {
    for (std::size_t l = 0; l < values.size(); ++l)
      for (std::size_t i = 0; i < values[l].size(); ++i)
        if (values[l][i] != other.values[l][i] ||
            std::signbit(values[l][i]) != std::signbit(other.values[l][i]))
          return false;
    return true;
  }

 private:
  void register_all() {
    for (std::size_t l = 0; l < values.size(); ++l)
      net.add("w" + std::to_string(l),
              prunus::view(values[l], {1, static_cast<Index>(values[l].size())}),
              {.prunable = true});
  }
};

bool same_masks(const prunus::pass_state& a, const prunus::pass_state& b) {
  bool same = a.targets.size() == b.targets.size();
  for (std::size_t i = 0; same && i < a.targets.size(); ++i)
    same = a.targets[i].members.front().mask == b.targets[i].members.front().mask;
  return same;
}

/// Events of rising sparsity, the weights trained a little in between.
template <class S, class Criterion, class Allocation, class Action>
void check_same_way(random_source& random, Criterion criterion, const Allocation& allocation,
                    Action action, prunus::limits limits) {
  const auto kind = static_cast<values_are>(random.between(0, 2));
  random_net<S> quick(random, kind), slow(quick);
  const auto in_place =
      prunus::pass{criterion, prunus::element, allocation, action}.limited(limits);
  const auto long_way =
      prunus::pass{written<Criterion>{criterion}, prunus::element, allocation, action}.limited(
          limits);
  prunus::pass_state a = in_place.prepare(quick.net), b = long_way.prepare(slow.net);
  Index event = 0;
  for (const double sparsity : {0.2, 0.2, 0.55, 0.9}) {
    ++event;
    std::optional<prunus::pass_report> done, expected;
    try {
      expected = long_way.prune(slow.net, b, event, sparsity);
    } catch (const prunus::argument_error& e) {
      REQUIRE(support::code_of<prunus::argument_error>(
                  [&] { in_place.prune(quick.net, a, event, sparsity); }) == e.code());
    }
    if (expected) {
      done = in_place.prune(quick.net, a, event, sparsity);
      REQUIRE(done->parameters.size() == expected->parameters.size());
      for (std::size_t i = 0; i < done->parameters.size(); ++i)
        REQUIRE(done->parameters[i].kept == expected->parameters[i].kept);
    }
    REQUIRE(same_masks(a, b));
    REQUIRE(quick.same_bits(slow));
    for (std::size_t l = 0; l < quick.values.size(); ++l)
      for (std::size_t i = 0; i < quick.values[l].size(); ++i)
        if (random.chance(0.1))
          quick.values[l][i] = slow.values[l][i] = static_cast<S>(0.1 * random.gaussian());
  }
}

template <class S>
void check_actions(random_source& random, const auto& allocation, prunus::limits limits) {
  check_same_way<S>(random, prunus::l1_norm{}, allocation, prunus::hard{}, limits);
  check_same_way<S>(random, prunus::l2_norm{}, allocation, prunus::soft{}, limits);
  check_same_way<S>(random, prunus::l1_norm{}, allocation, prunus::select_only{}, limits);
  for (int round = 0; round < 3; ++round) {
    check_same_way<S>(random, layer_adaptive_magnitude{}, allocation, prunus::hard{}, limits);
    check_same_way<S>(random, layer_adaptive_magnitude{}, allocation, prunus::soft{}, limits);
    check_same_way<S>(random, layer_adaptive_magnitude{}, allocation, prunus::select_only{},
                      limits);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("pruning by magnitude in one sweep leaves the masks and weights of the long way",
                   "[pruning][pass]", float, double) {
  random_source random(71);
  for (int round = 0; round < 12; ++round)
    for (const prunus::limits limits : {prunus::limits{}, prunus::limits{.min_kept = 30},
                                        prunus::limits{.min_kept = 3, .multiple_of = 4}}) {
      CAPTURE(round, limits.min_kept);
      check_actions<TestType>(random, global{}, limits);
      check_actions<TestType>(random, uniform{}, limits);
      check_actions<TestType>(random, global{.scaling = prunus::score_scaling::mean}, limits);
    }
}

TEMPLATE_TEST_CASE("the sweep takes large layers and ties over many layers", "[pruning][pass]",
                   prunus::l1_norm, layer_adaptive_magnitude) {
  random_source random(72);
  for (const bool tied : {false, true}) {
    std::vector<std::vector<float>> a;
    for (const std::size_t size : {std::size_t{90000}, std::size_t{70}, std::size_t{4000}}) {
      a.emplace_back();
      for (std::size_t i = 0; i < size; ++i) {
        const double value = random.gaussian();
        a.back().push_back(static_cast<float>(tied ? std::round(value) : value));
      }
    }
    std::vector<std::vector<float>> b = a;
    prunus::model<float> quick, slow;
    for (std::size_t l = 0; l < a.size(); ++l) {
      quick.add(std::to_string(l), prunus::view(a[l], {static_cast<Index>(a[l].size()), 1}),
                {.prunable = true});
      slow.add(std::to_string(l), prunus::view(b[l], {static_cast<Index>(b[l].size()), 1}),
               {.prunable = true});
    }
    const prunus::pass in_place{TestType{}, prunus::element, global{}};
    const prunus::pass long_way{written<TestType>{}, prunus::element, global{}};
    prunus::pass_state x = in_place.prepare(quick), y = long_way.prepare(slow);
    for (Index event = 1; event <= 3; ++event) {
      in_place.prune(quick, x, event, 0.3 * static_cast<double>(event));
      long_way.prune(slow, y, event, 0.3 * static_cast<double>(event));
      REQUIRE(same_masks(x, y));
      REQUIRE(a == b);
    }
  }
}

TEMPLATE_TEST_CASE("a weight that is not finite stops the sweep before anything is written",
                   "[pruning][pass]", prunus::l1_norm, layer_adaptive_magnitude) {
  for (const bool in_last : {false, true}) {
    std::vector<float> first{1, -2, 3, 4}, last{5, 1, 7, 8};
    (in_last ? last : first)[1] = std::numeric_limits<float>::quiet_NaN();
    prunus::model<float> net;
    net.add("first", prunus::view(first, {2, 2}), {.prunable = true});
    net.add("last", prunus::view(last, {2, 2}), {.prunable = true});
    const prunus::pass by_magnitude{TestType{}, prunus::element, uniform{}};
    prunus::pass_state state = by_magnitude.prepare(net);
    const support::thrown error =
        support::error_of<prunus::value_error>([&] { by_magnitude.prune(net, state, 1, 0.5); });
    CHECK(error.code == prunus::errc::not_finite);
    CHECK(error.says(in_last ? "last" : "first"));
    CHECK(first[0] == 1);
    CHECK(last[3] == 8);
    CHECK_FALSE(state.removed_anything());
  }
}

TEST_CASE("no score is written where the weights tell how they rank", "[pruning][pass]") {
  random_source random(73);
  random_net<float> net(random, values_are::bell);
  int written_scores = 0;
  watched criterion;
  criterion.written = &written_scores;
  const auto prune_with = [&](const auto& allocation, const prunus::tile& tile) {
    const prunus::pass pass{criterion, tile, allocation, prunus::soft{}};
    prunus::pass_state state = pass.prepare(net.net);
    written_scores = 0;
    pass.prune(net.net, state, 1, 0.5);
    return written_scores > 0;
  };
  CHECK_FALSE(prune_with(global{}, prunus::element));
  CHECK_FALSE(prune_with(uniform{}, prunus::element));
  CHECK(prune_with(global{.scaling = prunus::score_scaling::mean}, prunus::element));
  CHECK(prune_with(global{}, prunus::block(1, 2)));
}
