// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/logistic_decay.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/soft.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <array>   // std::array
#include <limits>  // std::numeric_limits
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::decay_semantics;
using prunus::errc;
using prunus::hard;
using prunus::logistic_decay;
using prunus::soft;

/// Filters (3, 4), (0.6, 0.8), (0, 2): norms 5, 1, 2. A sparsity of 0.34 selects one of the three.
template <class Action>
struct three_filters {
  std::vector<double> weight{3, 4, 0.6, 0.8, 0, 2};
  prunus::model<double> net;
  prunus::pass<prunus::l2_norm, prunus::uniform, Action> pass;
  prunus::pass_state state;

  explicit three_filters(Action action)
      : pass{prunus::l2_norm{}, prunus::filter, prunus::uniform{}, action} {
    net.add("conv.weight", prunus::view(weight, {3, 2}), {.prunable = true});
    state = pass.prepare(net);
  }
  void event(Index number, double sparsity = 0.34) { pass.prune(net, state, number, sparsity); }
  [[nodiscard]] std::vector<bool> kept() const {
    const prunus::mask& m = state["conv.weight"];
    return {m[0], m[1], m[2]};
  }
};
template <class Action>
three_filters(Action) -> three_filters<Action>;

using flags = std::vector<bool>;

}  // namespace

TEST_CASE("hard sets to zero and holds there", "[pruning][hard]") {
  three_filters t{hard{}};
  t.event(1);
  CHECK(t.weight == std::vector<double>{3, 4, 0, 0, 0, 2});
  CHECK(t.kept() == flags{true, false, true});
  CHECK(t.state.permanent);
  t.weight = {3, 4, 100, 100, 0, 2};  // trained back
  prunus::hold(t.net, t.state);
  CHECK(t.weight == std::vector<double>{3, 4, 0, 0, 0, 2});
  t.weight = {3, 4, 100, 100, 0, 2};
  t.event(2);
  CHECK(t.weight == std::vector<double>{3, 4, 0, 0, 0, 2});
}

TEST_CASE("soft sets to zero and lets grow back", "[pruning][soft]") {
  three_filters t{soft{}};
  t.event(1);
  CHECK(t.weight == std::vector<double>{3, 4, 0, 0, 0, 2});
  CHECK_FALSE(t.state.permanent);
  t.weight[2] = 9;
  prunus::hold(t.net, t.state);
  CHECK(t.weight[2] == 9);
  t.event(2);  // now the third is the smallest
  CHECK(t.weight == std::vector<double>{3, 4, 9, 0, 0, 0});
  CHECK(t.kept() == flags{true, true, false});
}

TEST_CASE("the logistic curve has the values worked out by hand", "[pruning][logistic_decay]") {
  const std::array<double, 11> expected{.99,    .97530, .94031, .86272, .71484, .5,
                                        .28516, .13728, .05969, .02470, .01};
  const std::array<double, 11> pinned{1,      .98500, .94930, .87012, .71923, .5,
                                      .28077, .12988, .05070, .01500, 0};
  for (std::size_t t = 0; t <= 10; ++t) {
    const double u = static_cast<double>(t) / 10;
    CHECK(std::abs(logistic_decay{}.alpha(u) - expected[t]) < 5.1e-6);
    CHECK(std::abs(logistic_decay{.pinned = true}.alpha(u) - pinned[t]) < 5.1e-6);
  }
  CHECK(logistic_decay{.pinned = true}.alpha(0) == 1);
  CHECK(logistic_decay{.pinned = true}.alpha(1) == 0);
  CHECK(logistic_decay{.midpoint = 0.3}.alpha(0.3) == 0.5);
  CHECK(logistic_decay{.epsilon = 0.1}.alpha(1) == Approx(0.1));
}

TEST_CASE("the curve fades gently, then rapidly, then gently", "[pruning][logistic_decay]") {
  const logistic_decay decay;
  std::vector<double> drops;
  for (int t = 0; t < 10; ++t) drops.push_back(decay.alpha(t / 10.0) - decay.alpha((t + 1) / 10.0));
  CHECK(std::abs(drops.front() - .0147) < 5e-5);
  CHECK(std::abs(drops.back() - .0147) < 5e-5);
  CHECK(std::abs(*std::max_element(drops.begin(), drops.end()) - .21484) < 5e-6);
  for (std::size_t t = 1; t < 5; ++t) CHECK(drops[t] > drops[t - 1]);
  for (std::size_t t = 6; t < 10; ++t) CHECK(drops[t] < drops[t - 1]);
}

TEST_CASE("the curve is one minus the solution of the logistic equation",
          "[pruning][logistic_decay]") {
  const double rate = 0.2 * std::log(99.0);  // 2/T ln((1 - eps) / eps) with T = 10, eps = 0.01
  CHECK(std::abs(rate - .919024) < 1e-6);
  double removed = 0.01;
  const int steps = 2000000;  // Euler's method
  for (int i = 0; i < steps; ++i) {
    if (i == steps / 4) CHECK(std::abs(1 - removed - logistic_decay{}.alpha(0.25)) < 5e-6);
    removed += 10.0 / steps * rate * removed * (1 - removed);
  }
  CHECK(std::abs(removed - 0.99) < 1e-6);
}

TEST_CASE("the smallest filter is multiplied by the factor, others stay to the bit",
          "[pruning][logistic_decay]") {
  three_filters t{logistic_decay{}};
  t.event(5);
  CHECK(t.weight[2] == Approx(0.3).epsilon(1e-14));
  CHECK(t.weight[3] == Approx(0.4).epsilon(1e-14));
  t.weight[2] = 0.6;
  t.weight[3] = 0.8;
  CHECK(t.weight == std::vector<double>{3, 4, 0.6, 0.8, 0, 2});
  CHECK_FALSE(t.state.permanent);
}

TEST_CASE("factors multiply up, or up to the curve, as the semantics say",
          "[pruning][logistic_decay]") {
  three_filters each{logistic_decay{}},
      whole{logistic_decay{.semantics = decay_semantics::cumulative_target}};
  double product = 1;
  for (Index event = 1; event <= 9; ++event) {
    each.event(event);
    whole.event(event);
    const double alpha = logistic_decay{}.alpha(static_cast<double>(event) / 10);
    product *= alpha;
    CHECK(each.weight[2] == Approx(0.6 * product).epsilon(1e-12));
    CHECK(whole.weight[2] == Approx(0.6 * alpha).epsilon(1e-12));
    if (event != 5) continue;
    CHECK(std::abs(each.weight[2] / 0.6 - .282788) < 1e-6);
    CHECK(std::abs(whole.weight[2] / 0.6 - .5) < 1e-12);
  }
  product *= logistic_decay{}.alpha(1);
  CHECK(std::abs(product - 1.63e-7) < 1e-9);  // where the curve alone would be at the last event
  each.event(10);
  whole.event(10);
  CHECK(each.weight == std::vector<double>{3, 4, 0, 0, 0, 2});  // zero, and for good
  CHECK(whole.weight == std::vector<double>{3, 4, 0, 0, 0, 2});
  CHECK(each.state.permanent);
  CHECK(whole.state.permanent);
}

TEST_CASE("a filter that loses for the first time starts at the curve",
          "[pruning][logistic_decay]") {
  three_filters t{logistic_decay{.semantics = decay_semantics::cumulative_target}};
  t.event(1);
  t.event(2);
  t.weight = {3, 4, 60, 80, 0, 2};  // the third is now the smallest
  t.event(3);
  CHECK(t.weight[5] == Approx(2 * logistic_decay{}.alpha(0.3)));
  t.event(4);
  CHECK(t.weight[5] == Approx(2 * logistic_decay{}.alpha(0.4)));
  CHECK(t.weight[2] == 60);
}

TEST_CASE("a filter that grows leaves the selection", "[pruning][logistic_decay]") {
  three_filters t{logistic_decay{}};
  t.event(1);
  CHECK(t.kept() == flags{true, false, true});
  t.weight[2] = 30;
  t.event(2);
  CHECK(t.kept() == flags{true, true, false});
  CHECK(t.weight[2] == 30);
  CHECK(t.weight[0] == 3);
  CHECK(t.weight[5] < 2);
}

TEST_CASE("numbers that make no decay are refused before anything is prepared",
          "[pruning][logistic_decay]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const logistic_decay& wrong :
       {logistic_decay{.duration = 0}, logistic_decay{.epsilon = 0}, logistic_decay{.epsilon = 0.5},
        logistic_decay{.epsilon = nan}, logistic_decay{.midpoint = 0},
        logistic_decay{.midpoint = 1}}) {
    CHECK(support::code_of<prunus::argument_error>([&] { wrong.check(); }) == errc::out_of_range);
    CHECK(support::code_of<prunus::argument_error>([&] { three_filters t{wrong}; }) ==
          errc::out_of_range);
  }
}
