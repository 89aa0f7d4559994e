// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/gradient_norm.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/drop_and_grow.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/schedule/constant_sparsity.hpp>
#include <prunus/schedule/cubic_ramp.hpp>

#include "support/catch.hpp"
#include "support/criterion_laws.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::count, std::sort
#include <cmath>      // std::abs
#include <limits>     // std::numeric_limits
#include <set>        // std::set
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::drop_and_grow;
using prunus::errc;
using prunus::growth;
using prunus::l1_norm;
using prunus::pass;
using support::code_of;
using values = std::vector<double>;

/// One weight of ten numbers with gradient and momentum.
struct ten {
  values weight{1, -2, 3, -4, 5, -6, 7, -8, 9, -10};
  values gradient{.1, .2, 5, .3, 6, .4, 9, .5, .6, .7};
  values momentum = values(10, 1.0);
  prunus::model<double> net;

  ten() {
    net.add("w", prunus::view(weight, {2, 5}),
            {.gradient = prunus::view(gradient, {2, 5}),
             .state = {prunus::view(momentum, {2, 5})},
             .prunable = true});
  }
  ten(const ten&) = delete;
  ten& operator=(const ten&) = delete;
};

auto exchanging(const drop_and_grow& action) {
  return pass{l1_norm{}, prunus::element, prunus::uniform{}, action};
}

/// Two weights that are "trained" by a rule of the step alone; gradients are as arbitrary.
struct sparse_run {
  std::vector<float> a = std::vector<float>(6 * 8), b = std::vector<float>(4 * 6);
  std::vector<float> grad_a = a, grad_b = b, state_a = a, state_b = b;
  prunus::model<float> net;
  prunus::scheduler<float> pruning;

  sparse_run(const drop_and_grow& action, prunus::tile tile, Index steps)
      : pruning(registered(net)) {
    pruning.add(prunus::constant_sparsity{.sparsity = 0.75, .begin = 2, .end = steps, .every = 3},
                pass{l1_norm{}, tile, prunus::uniform{}, action});
    support::random_source random(3);
    for (float& w : a) w = static_cast<float>(random.real(-1, 1));
    for (float& w : b) w = static_cast<float>(random.real(-1, 1));
  }
  sparse_run(const sparse_run&) = delete;
  sparse_run& operator=(const sparse_run&) = delete;

  void go(Index from, Index to) {
    for (Index step = from; step < to; ++step) {
      support::random_source random(static_cast<std::uint64_t>(step) + 50);
      const auto train = [&](std::vector<float>& w, std::vector<float>& g, std::vector<float>& v) {
        for (std::size_t i = 0; i < w.size(); ++i) {
          g[i] = static_cast<float>(random.real(-1, 1));
          v[i] = 0.5F * v[i] + g[i];
          w[i] -= 0.1F * v[i];
        }
      };
      train(a, grad_a, state_a);
      train(b, grad_b, state_b);
      pruning.step({.step = step});
    }
  }
  [[nodiscard]] std::string saved() const {
    prunus::archive_writer out;
    pruning.save(out);
    return out.bytes();
  }

 private:
  const prunus::model<float>& registered(prunus::model<float>& m) {
    m.add("a", prunus::view(a, {6, 8}),
          {.gradient = prunus::view(grad_a, {6, 8}), .state = {prunus::view(state_a, {6, 8})}});
    m.add("b", prunus::view(b, {4, 6}),
          {.gradient = prunus::view(grad_b, {4, 6}),
           .state = {prunus::view(state_b, {4, 6})},
           .prunable = true});
    return m;
  }
};

prunus::mask mask_of(const prunus::pass_state& state) { return state["w"]; }

template <class T>
Index zeros(const std::vector<T>& v) {
  return static_cast<Index>(std::count(v.begin(), v.end(), T(0)));
}

}  // namespace

TEST_CASE("the share that is exchanged falls along half a cosine", "[pruning][drop_and_grow]") {
  const drop_and_grow action{.fraction = 0.3, .duration = 4};
  CHECK(action.exchanged(1) == 0);  // the first event only prunes
  CHECK(action.exchanged(2) == Approx(0.15 * (1 + std::sqrt(0.5))));
  CHECK(action.exchanged(3) == Approx(0.15));
  CHECK(action.exchanged(4) == Approx(0.15 * (1 - std::sqrt(0.5))));
  CHECK(action.exchanged(5) == 0);
  CHECK(action.exchanged(500) == 0);
}

TEST_CASE("the weakest weights are exchanged for those of the steepest gradient",
          "[pruning][drop_and_grow]") {
  ten t;
  const auto p = exchanging({.fraction = 0.8, .duration = 2});
  prunus::pass_state state = p.prepare(t.net);
  p.prune(t.net, state, 1, 0.5);
  CHECK(t.weight == values{0, 0, 0, 0, 0, -6, 7, -8, 9, -10});
  CHECK(t.momentum == values(10, 1.0));
  // 0.4 of five kept: -6 and 7 are weakest; of the removed and these, 7 and then the fifth have the
  // largest gradients. 7 is back at once and as it was.
  p.prune(t.net, state, 2, 0.5);
  CHECK(t.weight == values{0, 0, 0, 0, 0, 0, 7, -8, 9, -10});
  CHECK(t.momentum == values{1, 1, 1, 1, 0, 1, 1, 1, 1, 1});
  CHECK(mask_of(state)[4]);
  CHECK_FALSE(mask_of(state)[5]);
  CHECK(mask_of(state).kept() == 5);
  t.weight[4] = 5;  // it may train, the others are held
  t.weight[5] = 5;
  prunus::hold(t.net, state);
  CHECK(t.weight == values{0, 0, 0, 0, 5, 0, 7, -8, 9, -10});
  p.prune(t.net, state, 3, 0.5);  // over
  CHECK(t.weight == values{0, 0, 0, 0, 5, 0, 7, -8, 9, -10});
}

TEST_CASE("the sparsity of every parameter stays exact while the pattern moves",
          "[pruning][drop_and_grow]") {
  const growth grow = GENERATE(growth::gradient, growth::random);
  const bool kernels = GENERATE(false, true);
  sparse_run r({.duration = 20, .grow = grow}, kernels ? prunus::block(1, 2) : prunus::element, 40);
  std::set<std::vector<bool>> patterns;
  for (Index step = 0; step < 40; ++step) {
    r.go(step, step + 1);
    if (step < 2) continue;
    const auto mask = r.pruning.mask_of("a");
    REQUIRE(mask);
    REQUIRE(mask->removed() == 36);
    REQUIRE(r.pruning.mask_of("b")->removed() == 18);
    std::vector<bool> pattern;
    for (Index i = 0; i < mask->size(); ++i) {
      pattern.push_back((*mask)[i]);
      if (!(*mask)[i]) REQUIRE(r.a[static_cast<std::size_t>(i)] == 0);
    }
    patterns.insert(pattern);
  }
  CHECK(patterns.size() > 5);
}

TEST_CASE("drop and grow is what sorting says", "[pruning][drop_and_grow]") {
  support::random_source random(7);
  for (int round = 0; round < 20; ++round) {
    const std::size_t size = 30;
    std::vector<float> w(size), g(size);
    for (float& x : w) x = static_cast<float>(random.between(-9, 9)) / 4 + 0.01F;  // with ties
    for (float& x : g) x = static_cast<float>(random.between(-9, 9));
    prunus::model<float> net;
    net.add("w", prunus::view(w, {5, 6}), {.gradient = prunus::view(g, {5, 6}), .prunable = true});
    const auto p = exchanging({.fraction = 0.6, .duration = 8});
    prunus::pass_state state = p.prepare(net);
    p.prune(net, state, 1, 0.6);
    const Index event = random.between(2, 8);

    std::vector<int> kept, others;
    for (int i = 0; i < 30; ++i) (mask_of(state)[i] ? kept : others).push_back(i);
    const auto at = [](const std::vector<float>& v, int i) {
      return std::abs(v[static_cast<std::size_t>(i)]);
    };
    std::stable_sort(kept.begin(), kept.end(), [&](int i, int j) { return at(w, i) < at(w, j); });
    const auto count = static_cast<std::ptrdiff_t>(12 * p.action.exchanged(event));
    std::set<int> expected(kept.begin() + count, kept.end());
    others.insert(others.end(), kept.begin(), kept.begin() + count);
    std::sort(others.begin(), others.end());
    std::stable_sort(others.begin(), others.end(),
                     [&](int i, int j) { return at(g, i) > at(g, j); });
    expected.insert(others.begin(), others.begin() + count);

    p.prune(net, state, event, 0.6);
    for (int i = 0; i < 30; ++i) REQUIRE(mask_of(state)[i] == (expected.count(i) == 1));
  }
}

TEST_CASE("a target that grows removes first and exchanges then", "[pruning][drop_and_grow]") {
  ten t;
  const auto p = exchanging({.fraction = 0.8, .duration = 2});
  prunus::pass_state state = p.prepare(t.net);
  p.prune(t.net, state, 1, 0.2);
  CHECK(zeros(t.weight) == 2);
  p.prune(t.net, state, 2, 0.5);  // keeps -6 ... -10, exchanges two of the five
  CHECK(mask_of(state).kept() == 5);
  CHECK(mask_of(state)[4]);
  CHECK(t.weight[4] == 5);  // it was never at zero: as it was
  CHECK(t.momentum[4] == 1);
}

TEST_CASE("a sparse training resumed at any step continues to the bit",
          "[pruning][drop_and_grow][resume]") {
  const growth grow = GENERATE(growth::gradient, growth::random);
  const drop_and_grow action{.duration = 6, .grow = grow, .seed = 4};
  sparse_run whole(action, prunus::element, 20);
  whole.go(0, 24);
  for (Index stop : {0, 3, 6, 11, 23}) {
    sparse_run first(action, prunus::element, 20), second(action, prunus::element, 20);
    first.go(0, stop);
    second.a = first.a;
    second.b = first.b;
    second.state_a = first.state_a;
    second.state_b = first.state_b;
    const std::string bytes = first.saved();
    prunus::archive_reader in(bytes, "checkpoint");
    second.pruning.load(in);
    second.go(stop, 24);
    CAPTURE(stop);
    REQUIRE(second.a == whole.a);
    REQUIRE(second.b == whole.b);
    REQUIRE(second.saved() == whole.saved());
  }
}

TEST_CASE("the seed of random growth matters, the gradient does not", "[pruning][drop_and_grow]") {
  const auto mask_with = [](std::uint64_t seed, double gradient) {
    ten t;
    t.gradient.assign(10, gradient);
    const auto p =
        exchanging({.fraction = 0.8, .duration = 9, .grow = growth::random, .seed = seed});
    prunus::pass_state state = p.prepare(t.net);
    for (Index event = 1; event < 6; ++event) p.prune(t.net, state, event, 0.5);
    return t.weight;
  };
  CHECK(mask_with(1, 0) == mask_with(1, 5));
  std::set<values> different;
  for (std::uint64_t seed = 0; seed < 5; ++seed) different.insert(mask_with(seed, 0));
  CHECK(different.size() > 1);
}

TEST_CASE("what cannot be exchanged is refused and nothing has moved", "[pruning][drop_and_grow]") {
  const auto p = exchanging({.fraction = 0.8, .duration = 9});
  {
    values w{1, 2, 3, 4};
    prunus::model<double> net;
    net.add("w", prunus::view(w, {2, 2}), {.prunable = true});
    prunus::pass_state state = p.prepare(net);
    CHECK(code_of<prunus::argument_error>([&] { p.prune(net, state, 1, 0.5); }) ==
          errc::null_storage);
    CHECK(w == values{1, 2, 3, 4});
    CHECK(mask_of(state).removed() == 0);
  }
  {
    ten t;
    prunus::pass_state state = p.prepare(t.net);
    p.prune(t.net, state, 1, 0.5);
    t.gradient[0] = std::numeric_limits<double>::quiet_NaN();
    const prunus::mask before = mask_of(state);
    const support::thrown error =
        support::error_of<prunus::value_error>([&] { p.prune(t.net, state, 2, 0.7); });
    CHECK(error.code == errc::not_finite);
    CHECK(error.says("of w"));
    CHECK(mask_of(state) == before);
    CHECK(state.last_event == 1);
    CHECK(t.momentum == values(10, 1.0));
  }
  {
    ten t;
    t.net.couple({{"w", 2, {{"w", prunus::axis::out, {0, 1}, true}}}});
    const pass by_filter{l1_norm{}, prunus::filter, prunus::uniform{}, drop_and_grow{}};
    prunus::pass_state state = by_filter.prepare(t.net);
    CHECK(code_of<prunus::argument_error>([&] { by_filter.prune(t.net, state, 1, 0.5); }) ==
          errc::unsupported);
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const drop_and_grow& wrong : {drop_and_grow{.fraction = 0}, drop_and_grow{.fraction = 1},
                                     drop_and_grow{.fraction = nan}, drop_and_grow{.duration = 0}})
    CHECK(code_of<prunus::argument_error>([&] { wrong.check(); }) == errc::out_of_range);
}

TEMPLATE_TEST_CASE("gradient_norm keeps the laws of criteria that read gradients",
                   "[criteria][gradient_norm]", float, double, Eigen::half) {
  using S = TestType;
  const prunus::gradient_norm criterion;
  support::check_scores_are_finite_repeatable_and_pure<S>(criterion);
  support::check_scores_do_not_depend_on_the_layout<S>(criterion);
  support::check_scores_follow_the_filters<S>(criterion);
  support::check_equal_tiles_score_equal<S>(criterion);
  support::check_nan_is_not_hidden<S>(criterion, true);
  support::check_scores_scale_as_declared<S>(criterion, support::scale_law::unchanged);
}

TEST_CASE("gradient_norm sums the magnitudes of the gradients", "[criteria][gradient_norm]") {
  ten t;
  const auto scores =
      support::scores_of<double>(prunus::gradient_norm{}, t.net.parameters()[0], prunus::filter);
  CHECK(scores[0] == Approx(.1 + .2 + 5 + .3 + 6));
  CHECK(scores[1] == Approx(.4 + 9 + .5 + .6 + .7));
  values w{1, 2};
  prunus::model<double> net;
  net.add("w", prunus::view(w, {2, 1}));
  CHECK(code_of<prunus::argument_error>([&] {
          (void)support::scores_of<double>(prunus::gradient_norm{}, net.parameters()[0],
                                           prunus::filter);
        }) == errc::null_storage);
}
