// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/exponential_decay.hpp>
#include <prunus/pruning/linear_decay.hpp>
#include <prunus/pruning/logistic_decay.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/select_only.hpp>
#include <prunus/pruning/soft.hpp>
#include <prunus/schedule/constant_sparsity.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cmath>   // std::pow
#include <limits>  // std::numeric_limits
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::decay_semantics;
using prunus::errc;
using prunus::exponential_decay;
using prunus::linear_decay;
using prunus::logistic_decay;
using prunus::pass;
using values = std::vector<double>;

/// Filters (3, 4), (0.6, 0.8), (0, 2) with a bias and the scale and shift of a normalisation.
struct normalised {
  values weight{3, 4, 0.6, 0.8, 0, 2}, bias{1, 1, 1}, scale{2, 2, 2}, shift{5, 5, 5};
  prunus::model<double> net;

  normalised() {
    net.add("conv.weight", prunus::view(weight, {3, 2}));
    net.add("conv.bias", prunus::view(bias));
    net.add("bn.weight", prunus::view(scale));
    net.add("bn.bias", prunus::view(shift));
    net.couple({{"conv",
                 3,
                 {{"conv.weight", axis::out, {0, 1, 2}, true},
                  {"conv.bias", axis::out, {0, 1, 2}, false},
                  {"bn.weight", axis::out, {0, 1, 2}, false, true},
                  {"bn.bias", axis::out, {0, 1, 2}, false}}}});
  }
  normalised(const normalised&) = delete;
  normalised& operator=(const normalised&) = delete;
};

/// Selects one filter of three.
template <class Action>
auto one_of_three(Action action) {
  return pass{prunus::l2_norm{}, prunus::filter, prunus::uniform{}, action};
}

/// What is left of the second filter after each of `events`, each event carried out at `targets`.
template <class Action>
values second_after(const Action& action, const std::vector<Index>& events) {
  normalised n;
  const auto p = one_of_three(action);
  prunus::pass_state state = p.prepare(n.net);
  values left;
  for (Index event : events) {
    p.prune(n.net, state, event, 0.34);
    left.push_back(n.weight[2] / 0.6);
  }
  CHECK(n.weight[0] == 3);
  CHECK(n.weight[5] == 2);
  return left;
}

void check_near(const values& a, const values& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).margin(1e-14));
}

constexpr auto whole = decay_semantics::cumulative_target;

}  // namespace

TEST_CASE("a linear decay takes equal steps", "[pruning][linear_decay]") {
  const std::vector<Index> events{1, 2, 3, 4};
  check_near(second_after(linear_decay{.duration = 4}, events), {.75, .75 * .5, .75 * .5 * .25, 0});
  check_near(second_after(linear_decay{.duration = 4, .semantics = whole}, events),
             {.75, .5, .25, 0});
  CHECK(linear_decay{}.alpha(0) == 1);
  CHECK(linear_decay{}.alpha(1) == 0);
}

TEST_CASE("an exponential decay takes equal shares", "[pruning][exponential_decay]") {
  const std::vector<Index> events{1, 2, 3};
  const exponential_decay each{.duration = 4, .epsilon = 0.0625};
  check_near(second_after(each, events), {.5, .5 * .25, .5 * .25 * .125});
  check_near(second_after(exponential_decay{.duration = 4, .epsilon = 0.0625, .semantics = whole},
                          {1, 2, 3, 4}),
             {.5, .25, .125, 0});
  CHECK(each.alpha(0) == 1);
  CHECK(each.alpha(1) == Approx(0.0625));
  CHECK(each.permanent(4));
  CHECK_FALSE(each.permanent(3));
}

TEST_CASE("a cumulative target stays on the curve whatever events were passed over",
          "[pruning][decay]") {
  const std::vector<Index> events{2, 3, 7, 9};
  const logistic_decay logistic{.semantics = whole};
  check_near(second_after(logistic, events),
             {logistic.alpha(.2), logistic.alpha(.3), logistic.alpha(.7), logistic.alpha(.9)});
  check_near(second_after(linear_decay{.semantics = whole}, events), {.8, .7, .3, .1});
  check_near(second_after(linear_decay{.semantics = whole}, {3, 3}), {.7, .7});
}

TEST_CASE("a filter that was away for an event starts at the curve again", "[pruning][decay]") {
  normalised n;
  const auto p = one_of_three(linear_decay{.semantics = whole});
  prunus::pass_state state = p.prepare(n.net);
  p.prune(n.net, state, 1, 0.34);
  n.weight = {3, 4, 6, 8, 0, 2};
  p.prune(n.net, state, 2, 0.34);  // the third
  n.weight = {3, 4, 0.6, 0.8, 0, 2};
  p.prune(n.net, state, 5, 0.34);
  CHECK(n.weight[2] == Approx(0.6 * 0.5));
}

TEST_CASE("biases and normalisations wait for the end unless they are to fade, too",
          "[pruning][decay]") {
  for (const bool dependents : {false, true}) {
    normalised n;
    const auto p = one_of_three(linear_decay{.duration = 2, .dependents = dependents});
    prunus::pass_state state = p.prepare(n.net);
    p.prune(n.net, state, 1, 0.34);
    CHECK(n.weight == values{3, 4, 0.3, 0.4, 0, 2});
    CHECK(n.scale == (dependents ? values{2, 1, 2} : values{2, 2, 2}));
    CHECK(n.shift == (dependents ? values{5, 2.5, 5} : values{5, 5, 5}));
    CHECK(n.bias == (dependents ? values{1, .5, 1} : values{1, 1, 1}));
    p.prune(n.net, state, 2, 0.34);
    CHECK(n.weight == values{3, 4, 0, 0, 0, 2});
    CHECK(n.scale == values{2, 0, 2});
    CHECK(n.shift == values{5, 0, 5});
    CHECK(n.bias == values{1, 0, 1});
  }
}

TEST_CASE("soft spares biases and normalisations until the scheduler finishes", "[pruning][soft]") {
  normalised n;
  prunus::scheduler s{n.net};
  s.add(prunus::constant_sparsity{.sparsity = 0.34, .end = 5}, one_of_three(prunus::soft{}));
  s.step({.step = 0});
  CHECK(n.weight == values{3, 4, 0, 0, 0, 2});
  CHECK(n.scale == values{2, 2, 2});
  (void)s.finish();
  CHECK(n.scale == values{2, 0, 2});
  CHECK(n.shift == values{5, 0, 5});

  normalised both;
  const auto p = one_of_three(prunus::soft{.dependents = true});
  prunus::pass_state state = p.prepare(both.net);
  p.prune(both.net, state, 1, 0.34);
  CHECK(both.scale == values{2, 0, 2});
}

TEST_CASE("every epoch selects anew, and a filter that grew back is left alone",
          "[pruning][decay][scheduler]") {
  normalised n;
  prunus::scheduler s{n.net};
  s.add(
      prunus::constant_sparsity{
          .sparsity = 0.34, .begin = 1, .end = 10, .by = prunus::time_unit::epoch},
      one_of_three(logistic_decay{}));
  const logistic_decay curve;
  CHECK_FALSE(s.step({.step = 9, .epoch = 0}).pruned());
  CHECK(s.step({.step = 10, .epoch = 1}).pruned());
  CHECK(n.weight[2] == Approx(0.6 * curve.alpha(.1)));
  CHECK_FALSE(s.step({.step = 11, .epoch = 1}).pruned());  // in between all filters are trained
  n.weight[2] = 6;                                         // grows above all others
  n.weight[3] = 8;
  CHECK(s.step({.step = 20, .epoch = 2}).pruned());
  CHECK(n.weight[2] == 6);
  CHECK(n.weight[5] == Approx(2 * curve.alpha(.2)));
  const std::optional<prunus::mask> now = s.states()[0]->find("conv.weight");
  REQUIRE(now);
  CHECK((*now)[1]);
  CHECK_FALSE((*now)[2]);
  for (Index epoch = 3; epoch <= 10; ++epoch) s.step({.step = 10 * epoch, .epoch = epoch});
  CHECK(n.weight == values{3, 4, 6, 8, 0, 0});
  n.weight[5] = 1;  // pruned for good
  s.step({.step = 110, .epoch = 11});
  CHECK(n.weight[5] == 0);
  CHECK(n.scale == values{2, 2, 0});
}

TEST_CASE("the event carried out last is part of the saved state", "[pruning][decay][resume]") {
  normalised first, second;
  const auto p = one_of_three(linear_decay{.semantics = whole});
  prunus::pass_state state = p.prepare(first.net);
  p.prune(first.net, state, 4, 0.34);
  prunus::archive_writer out;
  state.save(out);
  prunus::pass_state resumed = p.prepare(second.net);
  prunus::archive_reader in(out.bytes(), "state");
  resumed.load(in);
  second.weight = first.weight;
  CHECK(resumed.last_event == 4);
  p.prune(first.net, state, 8, 0.34);
  p.prune(second.net, resumed, 8, 0.34);
  CHECK(first.weight == second.weight);
  CHECK(first.weight[2] == Approx(0.6 * 0.2));
}

TEST_CASE("select_only selects and leaves the weights as they are", "[pruning][select_only]") {
  normalised n;
  prunus::scheduler s{n.net};
  s.add(prunus::constant_sparsity{.sparsity = 0.34, .end = 9}, one_of_three(prunus::select_only{}));
  s.step({.step = 0});
  CHECK(n.weight == values{3, 4, 0.6, 0.8, 0, 2});
  CHECK(n.scale == values{2, 2, 2});
  CHECK(s.sparsity() == Approx(1.0 / 3));
  n.weight[2] = 60;
  s.step({.step = 1});
  CHECK(n.weight == values{3, 4, 60, 0.8, 0, 2});
  (void)s.finish();
  CHECK(n.weight == values{3, 4, 60, 0.8, 0, 0});
  CHECK(n.scale == values{2, 2, 0});
}

TEST_CASE("numbers that make no decay are refused", "[pruning][decay]") {
  const auto refused = [](const auto& action) {
    return support::code_of<prunus::argument_error>([&] { action.check(); }) == errc::out_of_range;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(refused(linear_decay{.duration = 0}));
  CHECK(refused(exponential_decay{.duration = 0}));
  for (double wrong : {0.0, 1.0, -1.0, nan}) CHECK(refused(exponential_decay{.epsilon = wrong}));
  normalised n;
  CHECK(support::code_of<prunus::argument_error>([&] {
          (void)one_of_three(linear_decay{.duration = 0}).prepare(n.net);
        }) == errc::out_of_range);
}
