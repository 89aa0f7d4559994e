// SPDX-License-Identifier: MIT
// Pruning on several threads leaves the masks, weights and reports of one, bit for bit.
#include <prunus/allocation/erdos_renyi_kernel.hpp>
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/per_layer.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/allocation/variable_scale.hpp>
#include <prunus/criteria/class_ablation.hpp>
#include <prunus/criteria/geometric_median.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/layer_adaptive_magnitude.hpp>
#include <prunus/criteria/random_score.hpp>
#include <prunus/pruning/any_pass.hpp>
#include <prunus/pruning/front_to_back.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/linear_decay.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/select_only.hpp>
#include <prunus/pruning/soft.hpp>
#include <prunus/runtime/thread_pool.hpp>
#include <prunus/schedule/linear_ramp.hpp>

#include "support/archetypes.hpp"
#include "support/backwards_pool.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"
#include "support/toy_network.hpp"

#include <algorithm>  // std::max
#include <atomic>     // std::atomic
#include <cmath>      // std::round
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::element;
using prunus::pass;
using support::backwards_pool;
using support::random_source;
using support::toy_network;

/// Layers of some chunks of weights and of a few; a quarter of the values come many times.
struct large_net {
  std::vector<std::vector<float>> values;
  prunus::model<float> net;

  large_net() {
    random_source random(81);
    for (const Index rows : {700, 3, 300, 40}) {
      std::vector<float> w;
      for (Index i = 0; i < rows * 500; ++i) {
        const double value = random.gaussian();
        w.push_back(static_cast<float>(random.chance(0.25) ? std::round(4 * value) / 4 : value));
      }
      values.push_back(std::move(w));
      net.add("w" + std::to_string(rows), prunus::view(values.back(), {rows, 500}),
              {.prunable = true});
    }
  }
  large_net(const large_net&) = delete;
  large_net& operator=(const large_net&) = delete;
};

bool same(const prunus::pass_state& a, const prunus::pass_state& b) {
  bool equal = a.targets.size() == b.targets.size() && a.permanent == b.permanent;
  for (std::size_t i = 0; equal && i < a.targets.size(); ++i)
    for (std::size_t k = 0; equal && k < a.targets[i].members.size(); ++k)
      equal = a.targets[i].members[k].mask == b.targets[i].members[k].mask;
  return equal;
}

template <class Pass>
void check_same(const Pass& way) {
  large_net alone, backwards, in_threads;
  backwards_pool last_first(3);
  prunus::thread_pool threads(2);
  prunus::pass_state a = way.prepare(alone.net), b = a, c = a;
  Index event = 0;
  for (const double sparsity : {0.3, 0.3, 0.8}) {
    ++event;
    const prunus::pass_report expected = way.prune(alone.net, a, event, sparsity);
    const prunus::pass_report got = way.prune(backwards.net, b, event, sparsity, last_first);
    way.prune(in_threads.net, c, event, sparsity, threads);
    REQUIRE(got.parameters.size() == expected.parameters.size());
    for (std::size_t i = 0; i < got.parameters.size(); ++i) {
      CHECK(got.parameters[i].name == expected.parameters[i].name);
      CHECK(got.parameters[i].kept == expected.parameters[i].kept);
      CHECK(got.parameters[i].weights_kept == expected.parameters[i].weights_kept);
    }
    REQUIRE(same(a, b));
    REQUIRE(same(a, c));
    REQUIRE(alone.values == backwards.values);
    REQUIRE(alone.values == in_threads.values);
  }
  CHECK(last_first.runs() > 0);
}

template <class Allocation>
void check_allocation(const Allocation& allocation) {
  check_same(pass{prunus::l1_norm{}, element, allocation});
  check_same(pass{prunus::layer_adaptive_magnitude{}, element, allocation});
  check_same(pass{prunus::random_score{5}, element, allocation});
}

}  // namespace

TEST_CASE("allocations rank single weights on several threads as on one", "[pruning][threads]") {
  check_allocation(prunus::global{});
  check_allocation(prunus::uniform{});
  check_allocation(prunus::variable_scale{});
  check_allocation(prunus::erdos_renyi_kernel{});
  check_allocation(prunus::per_layer{{{"w7*", 0.2}}});
  check_allocation(prunus::global{.scaling = prunus::score_scaling::mean});
}

TEST_CASE("actions and tiles on several threads leave what one leaves", "[pruning][threads]") {
  check_same(pass{prunus::l1_norm{}, element, prunus::global{}, prunus::soft{}});
  check_same(pass{prunus::l1_norm{}, element, prunus::global{}, prunus::select_only{}});
  check_same(
      pass{prunus::l1_norm{}, element, prunus::global{}, prunus::linear_decay{.duration = 3}});
  check_same(pass{prunus::l1_norm{}, element}.limited({.min_kept = 90000}));
  check_same(pass{prunus::geometric_median{}, prunus::filter});
  check_same(pass{prunus::l1_norm{}, prunus::block(4, 1), prunus::global{}});
  check_same(prunus::front_to_back{pass{prunus::l1_norm{}, element}});
  check_same(prunus::any_pass<float>(pass{prunus::l1_norm{}, element, prunus::global{}}));
}

TEST_CASE("couplings are pruned on several threads as on one", "[pruning][threads]") {
  toy_network<float> alone, shared;
  for (toy_network<float>* t : {&alone, &shared})
    t->net.couple(
        {prunus::coupling{"conv1",
                          8,
                          {{"conv1.weight", prunus::axis::out, {0, 1, 2, 3, 4, 5, 6, 7}},
                           {"conv1.bias", prunus::axis::out, {0, 1, 2, 3, 4, 5, 6, 7}, false}}}});
  prunus::thread_pool pool(2);
  const pass way{prunus::l1_norm{}, prunus::filter};
  const prunus::pruned a = prunus::prune(alone.net, way, 0.5);
  const prunus::pruned b = prunus::prune(shared.net, way, 0.5, pool);
  CHECK(alone.weights() == shared.weights());
  CHECK(a.masks == b.masks);
}

TEST_CASE("the first parameter that is not finite is named, whichever thread sees it",
          "[pruning][threads]") {
  const auto says = [](auto criterion) {
    large_net wrong;
    wrong.values[3][5] = wrong.values[2][200] = std::numeric_limits<float>::quiet_NaN();
    const auto before = wrong.values[0];
    backwards_pool pool(2);
    const pass way{criterion, element, prunus::global{}};
    const support::thrown error = support::error_of<prunus::value_error>(
        [&] { (void)prunus::prune(wrong.net, way, 0.5, pool); });
    CHECK(wrong.values[0] == before);
    return error.code == prunus::errc::not_finite && error.says("w300");
  };
  CHECK(says(prunus::l1_norm{}));
  CHECK(says(prunus::layer_adaptive_magnitude{}));
}

TEST_CASE("a criterion that runs the network is asked for one parameter at a time",
          "[pruning][threads]") {
  toy_network<float> t;
  prunus::thread_pool pool(3);
  std::atomic<int> inside{0}, most{0};
  const auto losses = [&] {
    most = std::max(most.load(), ++inside);
    --inside;
    return std::vector<double>{static_cast<double>(t.conv1[0]), 1.0};
  };
  (void)prunus::prune(t.net, pass{prunus::class_ablation{losses}, prunus::filter}, 0.25, pool);
  CHECK(most == 1);
}

TEST_CASE("a scheduler prunes on the threads that it is given", "[pruning][threads]") {
  large_net alone, shared;
  backwards_pool pool(2);
  prunus::scheduler a{alone.net}, b{shared.net};
  b.use(pool);
  for (auto* s : {&a, &b})
    s->add(prunus::linear_ramp{.final_sparsity = 0.8, .begin = 0, .end = 4},
           pass{prunus::l1_norm{}, element, prunus::global{}});
  for (Index step = 0; step < 6; ++step) {
    a.step({.step = step});
    b.step({.step = step});
    REQUIRE(alone.values == shared.values);
  }
  CHECK(pool.runs() > 0);
  CHECK(a.sparsity() == b.sparsity());
}

TEST_CASE("types of users need not know of threads", "[pruning][threads]") {
  toy_network<float> alone, shared;
  backwards_pool pool(2);
  const pass way{support::archetype_criterion(0), prunus::filter, support::archetype_allocation(0),
                 support::archetype_action(0)};
  (void)prunus::prune(alone.net, way, 0.5);
  (void)prunus::prune(shared.net, way, 0.5, pool);
  CHECK(alone.weights() == shared.weights());

  struct plain_pass {
    pass<prunus::l1_norm> inner{{}, element};
    prunus::pass_state prepare(const prunus::model<float>& net) const { return inner.prepare(net); }
    prunus::pass_report prune(const prunus::model<float>& net, prunus::pass_state& state,
                              Index event, double target, prunus::pool_ref) const {
      return inner.prune(net, state, event, target);
    }
  };
  (void)prunus::prune(alone.net, plain_pass{}, 0.5);
  (void)prunus::prune(shared.net, prunus::any_pass<float>(plain_pass{}), 0.5, pool);
  CHECK(alone.weights() == shared.weights());
}
