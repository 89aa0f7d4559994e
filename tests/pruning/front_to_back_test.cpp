// SPDX-License-Identifier: MIT
#include <prunus/allocation/per_layer.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/class_ablation.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/any_pass.hpp>
#include <prunus/pruning/front_to_back.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/soft.hpp>
#include <prunus/schedule/linear_ramp.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/toy_network.hpp"

#include <algorithm>  // std::count
#include <stdexcept>  // std::runtime_error
#include <vector>     // std::vector

namespace {

using prunus::errc;
using prunus::front_to_back;
using prunus::pass;
using support::toy_network;

}  // namespace

TEST_CASE("front to back does what the pass does where scores do not run the network",
          "[pruning][front_to_back]") {
  for (const prunus::tile& tile : {prunus::filter, prunus::element}) {
    toy_network<float> together, in_turn;
    const pass plain{prunus::l2_norm{}, tile};
    const prunus::pruned a = prunus::prune(together.net, plain, 0.4);
    const front_to_back turn_by_turn{plain};
    const prunus::pruned b = prunus::prune(in_turn.net, turn_by_turn, 0.4);
    CHECK(together.weights() == in_turn.weights());
    REQUIRE(a.report.parameters.size() == b.report.parameters.size());
    for (std::size_t p = 0; p < a.report.parameters.size(); ++p) {
      CHECK(a.report.parameters[p].name == b.report.parameters[p].name);
      CHECK(a.report.parameters[p].kept == b.report.parameters[p].kept);
    }
    CHECK(a.masks == b.masks);
    toy_network<float> once_more;
    prunus::pass_state state = turn_by_turn.prepare(once_more.net);
    turn_by_turn.prune(once_more.net, state, 1, 0.4);
    CHECK(state.permanent);
    CHECK(state.masks() == a.masks);
  }
}

TEST_CASE("front to back works on a timeline and behind any_pass", "[pruning][front_to_back]") {
  toy_network<double> together, in_turn;
  const pass plain{prunus::l2_norm{}, prunus::filter,
                   prunus::per_layer{{{"conv1.*", 0.6}, {"conv2.*", 0.3}}}, prunus::soft{}};
  prunus::scheduler a(together.net), b(in_turn.net);
  const prunus::linear_ramp ramp{.final_sparsity = 0.6, .begin = 0, .end = 4, .every = 1};
  a.add(ramp, plain);
  b.add(ramp, prunus::any_pass<double>(front_to_back{plain}));
  for (long step = 0; step < 6; ++step) {
    a.step({.step = step});
    b.step({.step = step});
    together.train(step);
    in_turn.train(step);
  }
  (void)a.finish();
  (void)b.finish();
  CHECK(together.weights() == in_turn.weights());
  CHECK(a.sparsity() == b.sparsity());
}

TEST_CASE("each layer is scored in the network whose earlier layers are pruned",
          "[pruning][front_to_back][class_ablation]") {
  toy_network<float> toy;
  std::vector<Eigen::Index> zeros_in_conv1;
  const auto zeros = [&] {
    return static_cast<Eigen::Index>(std::count(toy.conv1.begin(), toy.conv1.end(), 0.0F));
  };
  const prunus::class_ablation criterion{[&] {
    zeros_in_conv1.push_back(zeros());
    return std::vector<double>{1};
  }};
  const auto run = [&](const auto& way) {
    zeros_in_conv1.clear();
    return prunus::prune(toy.net, way, 0.5);
  };
  (void)run(front_to_back{pass{criterion, prunus::filter}});
  REQUIRE(zeros_in_conv1.size() == 1 + 8 + 1 + 6);
  CHECK(zeros_in_conv1[0] == 0);   // the reference of conv1
  CHECK(zeros_in_conv1[1] == 27);  // one filter taken out
  for (std::size_t i = 9; i < 16; ++i) CHECK(zeros_in_conv1[i] == 4 * 27);  // conv2: half are gone
  toy_network<float> other;
  (void)prunus::prune(other.net,
                      pass{prunus::class_ablation{[&] {
                             CHECK(std::count(other.conv1.begin(), other.conv1.end(), 0.0F) <= 27);
                             return std::vector<double>{1};
                           }},
                           prunus::filter},
                      0.5);
}

TEST_CASE("an event of which a layer fails leaves all layers as they were",
          "[pruning][front_to_back][law11]") {
  toy_network<float> toy;
  const std::vector<float> weights = toy.weights();
  int calls = 0;
  const prunus::class_ablation criterion{[&] {
    if (++calls > 10) throw std::runtime_error("no more");
    return std::vector<double>{1};
  }};
  const front_to_back way{pass{criterion, prunus::filter}};
  prunus::pass_state state = way.prepare(toy.net);
  CHECK_THROWS_AS(way.prune(toy.net, state, 1, 0.5), std::runtime_error);
  CHECK(calls == 11);  // in the second layer
  CHECK(toy.weights() == weights);
  CHECK_FALSE(state.removed_anything());
  CHECK_FALSE(state.permanent);
  CHECK(state.last_event == 0);
}

TEST_CASE("a bad target is refused before anything is pruned", "[pruning][front_to_back]") {
  toy_network<float> toy;
  const auto before = toy.weights();
  const front_to_back way{pass{prunus::l2_norm{}, prunus::filter}};
  prunus::pass_state state = way.prepare(toy.net);
  CHECK(support::code_of<prunus::argument_error>([&] { way.prune(toy.net, state, 1, 1.0); }) ==
        errc::out_of_range);
  CHECK(toy.weights() == before);
}
