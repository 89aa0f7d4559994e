// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/random_score.hpp>
#include <prunus/pruning/drop_and_grow.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/hold.hpp>
#include <prunus/pruning/logistic_decay.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/soft.hpp>
#include <prunus/schedule/constant_sparsity.hpp>
#include <prunus/schedule/cubic_ramp.hpp>
#include <prunus/schedule/linear_ramp.hpp>
#include <prunus/schedule/one_shot.hpp>

#include "support/allocation_counter.hpp"
#include "support/archetypes.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/toy_network.hpp"

#include <algorithm>  // std::count
#include <limits>     // std::numeric_limits
#include <optional>   // std::optional
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::constant_sparsity;
using prunus::cubic_ramp;
using prunus::errc;
using prunus::global;
using prunus::hard;
using prunus::l1_norm;
using prunus::l2_norm;
using prunus::linear_ramp;
using prunus::logistic_decay;
using prunus::one_shot;
using prunus::pass;
using prunus::scheduler;
using prunus::soft;
using prunus::step_report;
using prunus::timed_pass;
using prunus::uniform;
using support::code_of;
using support::toy_network;
using values = std::vector<float>;

const auto by_weight = pass{l1_norm{}, prunus::element, global{}};
const auto by_filter =
    pass{l2_norm{}, prunus::filter, uniform{}, soft{}}.within({.include = {"conv2*"}});
const auto fading =
    pass{l2_norm{}, prunus::kernel_2d, uniform{}, logistic_decay{.duration = 4}}.within(
        {.include = {"fc*"}});

template <class Values>
Index zeros_in(const Values& v) {
  return static_cast<Index>(std::count(v.data(), v.data() + v.size(), 0));
}

}  // namespace

TEST_CASE("a scheduler prunes when it is due and holds in between", "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(cubic_ramp{.final_sparsity = 0.75, .begin = 2, .end = 10, .every = 4}, by_weight);
  std::vector<Index> pruned_at;
  for (Index step = 0; step <= 12; ++step) {
    t.train(step);
    const step_report report = s.step({.step = step});
    if (report.pruned()) pruned_at.push_back(step);
    const double target = step < 6 ? 0 : step < 10 ? 0.75 * (1 - 0.125) : 0.75;
    const Index zeros = zeros_in(t.conv1) + zeros_in(t.conv2) + zeros_in(t.fc);
    REQUIRE(zeros == static_cast<Index>(target * 744 + 0.5));
    REQUIRE(s.sparsity() == Approx(static_cast<double>(zeros) / 744));
  }
  CHECK(pruned_at == std::vector<Index>{2, 6, 10});
}

TEST_CASE("of several events that were passed over the last is carried out",
          "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(linear_ramp{.final_sparsity = 0.8, .begin = 0, .end = 8, .every = 2}, by_weight);
  CHECK(s.step({.step = 0}).events.at(0).event == 1);
  const step_report skipped = s.step({.step = 7});
  REQUIRE(skipped.events.size() == 1);
  CHECK(skipped.events[0].event == 4);
  CHECK(skipped.events[0].target == Approx(0.6));
  CHECK_FALSE(s.step({.step = 7}).pruned());  // once only
  CHECK(s.step({.step = 100}).events.at(0).target == 0.8);
  CHECK_FALSE(s.step({.step = 101}).pruned());
}

TEST_CASE("composed at compile time or chosen at run time, the weights are the same to the bit",
          "[pruning][scheduler]") {
  toy_network<double> a, b;
  scheduler erased{a.net};
  erased.add(cubic_ramp{.final_sparsity = 0.6, .begin = 0, .end = 9, .every = 3}, by_weight);
  erased.add(constant_sparsity{.sparsity = 0.34, .begin = 1, .end = 9, .every = 2}, by_filter);
  erased.add(constant_sparsity{.sparsity = 0.5, .begin = 2, .end = 8, .every = 2}, fading);
  scheduler composed{
      b.net,
      timed_pass{cubic_ramp{.final_sparsity = 0.6, .begin = 0, .end = 9, .every = 3}, by_weight},
      timed_pass{constant_sparsity{.sparsity = 0.34, .begin = 1, .end = 9, .every = 2}, by_filter},
      timed_pass{constant_sparsity{.sparsity = 0.5, .begin = 2, .end = 8, .every = 2}, fading}};
  for (Index step = 0; step < 12; ++step) {
    a.train(step);
    b.train(step);
    const step_report of_a = erased.step({.step = step}), of_b = composed.step({.step = step});
    REQUIRE(of_a.events.size() == of_b.events.size());
    REQUIRE(a.weights() == b.weights());
  }
  CHECK(erased.sparsity() == composed.sparsity());
  CHECK(erased.mask_of("conv2.weight") == composed.mask_of("conv2.weight"));
}

TEST_CASE("an any_pass holds what it was chosen as and can be copied", "[pruning][any_pass]") {
  const bool by_norm = GENERATE(true, false);
  toy_network<float> a, b;
  const pass random{prunus::random_score{3}, prunus::filter};
  const pass norm{l1_norm{}, prunus::filter};
  const prunus::any_pass<float> chosen =
      by_norm ? prunus::any_pass<float>(norm) : prunus::any_pass<float>(random);
  prunus::any_pass<float> copy = prunus::any_pass<float>(pass{l2_norm{}, prunus::element});
  copy = chosen;
  prunus::pass_state of_a = copy.prepare(a.net);
  copy.prune(a.net, of_a, 1, 0.5);
  if (by_norm) {
    prunus::pass_state of_b = norm.prepare(b.net);
    norm.prune(b.net, of_b, 1, 0.5);
  } else {
    prunus::pass_state of_b = random.prepare(b.net);
    random.prune(b.net, of_b, 1, 0.5);
  }
  CHECK(a.weights() == b.weights());
  CHECK(a.weights() != toy_network<float>().weights());
}

TEST_CASE("a scheduler runs types that offer only what the concepts promise",
          "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(support::archetype_schedule(0),
        pass{support::archetype_criterion(0), prunus::filter, support::archetype_allocation(0),
             support::archetype_action(0)});
  CHECK_FALSE(s.step({.step = 0}).pruned());
  CHECK(s.step({.step = 1}).pruned());
  CHECK(s.step({.step = 3}).pruned());
  CHECK(zeros_in(t.conv1) == 27);
}

TEST_CASE("a step that prunes nothing allocates nothing", "[pruning][scheduler][law4]") {
  toy_network<float> t, u;
  scheduler erased{t.net};
  erased.add(one_shot{.sparsity = 0.5}, by_weight);
  erased.add(constant_sparsity{.sparsity = 0.5, .end = 100, .every = 50}, by_filter);
  scheduler composed{
      u.net, timed_pass{one_shot{.sparsity = 0.5}, by_weight},
      timed_pass{constant_sparsity{.sparsity = 0.5, .end = 100, .every = 50}, by_filter}};
  CHECK(support::allocations_of([&] { erased.step({.step = 0}); }) > 0);
  CHECK(support::allocations_of([&] { composed.step({.step = 0}); }) > 0);
  t.train(1);
  u.train(1);
  CHECK(support::allocations_of([&] {
          erased.step({.step = 1});
          erased.hold();
          erased.mask_gradients();
          erased.mask_optimizer_state();
        }) == 0);
  CHECK(support::allocations_of([&] { composed.step({.step = 1}); }) == 0);
  CHECK(zeros_in(t.conv1) + zeros_in(t.conv2) + zeros_in(t.fc) == 372);
}

TEST_CASE("holding by masks allocates nothing", "[pruning][hold][law4]") {
  toy_network<float> t;
  const prunus::pruned result = prunus::prune(t.net, by_weight, 0.5);
  t.train(1);
  CHECK(support::allocations_of([&] { prunus::hold(t.net, result.masks); }) == 0);
  CHECK(zeros_in(t.conv1) + zeros_in(t.conv2) + zeros_in(t.fc) == 372);
}

TEST_CASE("several passes on one parameter: what any of them removed for good stays zero",
          "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(one_shot{.sparsity = 0.5, .at = 0},
        pass{l1_norm{}, prunus::element}.within({.include = {"conv*"}}));
  s.add(one_shot{.sparsity = 0.5, .at = 3},
        pass{l2_norm{}, prunus::filter}.within({.include = {"conv1*"}}));
  for (Index step = 0; step < 6; ++step) {
    t.train(step);
    s.step({.step = step});
  }
  const std::optional<prunus::mask> joined = s.mask_of("conv1.weight");
  REQUIRE(joined.has_value());
  const prunus::mask& elements = (*s.states()[0])["conv1.weight"];
  const prunus::mask& filters = (*s.states()[1])["conv1.weight"];
  CHECK(elements.removed() == 108);
  CHECK(filters.removed() == 4);
  bool right = true;
  for (Index i = 0; i < 216; ++i) {
    const bool kept = elements[i] && filters[i / 27];
    right = right && (*joined)[i] == kept && (t.conv1[static_cast<std::size_t>(i)] != 0) == kept;
  }
  CHECK(right);
  CHECK(s.sparsity() == Approx(1 - static_cast<double>(joined->kept() + 216) / (216 + 432)));
  CHECK_FALSE(s.mask_of("conv1.bias").has_value());
  CHECK_FALSE(s.mask_of("fc.weight").has_value());
  CHECK(code_of<prunus::argument_error>([&] { (void)s.mask_of("fc.wight"); }) ==
        errc::unknown_name);
}

TEST_CASE("a pass does not score what another has removed for good and training brought back",
          "[pruning][scheduler]") {
  values w{1, 2, 6, 3, 3, 3.5F};
  prunus::model<float> net;
  net.add("w", prunus::view(w, {2, 3}), {.prunable = true});
  scheduler s{net};
  s.add(one_shot{.sparsity = 0.5, .at = 0}, pass{l1_norm{}, prunus::element});
  s.add(one_shot{.sparsity = 0.5, .at = 1}, pass{l1_norm{}, prunus::filter});
  s.step({.step = 0});
  REQUIRE(w == values{0, 0, 6, 0, 3, 3.5F});
  w = {10, 10, 6, 0, 3, 3.5F};  // the first filter counts 6, not 26
  s.step({.step = 1});
  CHECK(w == values{0, 0, 0, 0, 3, 3.5F});
}

TEST_CASE("gradients and optimizer state are held at zero where weights are gone for good",
          "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(one_shot{.sparsity = 0.5}, by_weight);
  s.mask_gradients();  // nothing is gone yet
  s.mask_optimizer_state();
  CHECK(t.fc_gradient.sum() == 96);
  CHECK(zeros_in(t.momentum) == 0);
  s.step({});
  s.mask_gradients();
  s.mask_optimizer_state();
  for (Index i = 0; i < t.fc.size(); ++i)
    CHECK((t.fc_gradient.data()[i] == 0) == (t.fc.data()[i] == 0));
  for (std::size_t i = 0; i < t.conv2.size(); ++i)
    REQUIRE((t.momentum[i] == 0) == (t.conv2[i] == 0));
}

TEST_CASE("soft selections leave gradients alone until the end", "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(constant_sparsity{.sparsity = 0.5, .end = 10}, by_filter);
  s.step({.step = 0});
  s.mask_optimizer_state();
  CHECK(zeros_in(t.momentum) == 0);
  CHECK(s.sparsity() == 0.5);
  (void)s.finish();
  s.mask_optimizer_state();
  CHECK(zeros_in(t.momentum) == 216);
}

TEST_CASE("finishing makes the last soft selection permanent", "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(constant_sparsity{.sparsity = 0.5, .begin = 0, .end = 4, .every = 2}, by_filter);
  s.add(one_shot{.sparsity = 0.5, .at = 100}, by_weight);  // has not begun: nothing of it is final
  s.step({.step = 0});
  t.train(1);
  s.step({.step = 1});
  CHECK(zeros_in(t.conv2) == 0);  // all grow between the events
  (void)s.finish();
  CHECK(zeros_in(t.conv2) == 216);
  const prunus::mask selected = *s.mask_of("conv2.weight");
  t.train(2);
  CHECK(s.step({.step = 2}).pruned());  // a late event does not free what is final
  CHECK(*s.mask_of("conv2.weight") == selected);
  t.train(3);
  s.step({.step = 3});
  CHECK(zeros_in(t.conv2) == 216);
  CHECK(zeros_in(t.conv1) == 0);
}

TEST_CASE("progress must not go backwards", "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(linear_ramp{.final_sparsity = 0.8, .begin = 0, .end = 10}, by_weight);
  s.step({.step = 5, .epoch = 2});
  const values weights = t.weights();
  const auto code = [&](prunus::progress now) {
    return code_of<prunus::state_error>([&] { s.step(now); });
  };
  CHECK(code({.step = 4, .epoch = 2}) == errc::step_backwards);
  CHECK(code({.step = 6, .epoch = 1}) == errc::step_backwards);
  CHECK(t.weights() == weights);
  CHECK_FALSE(s.step({.step = 5, .epoch = 2}).pruned());  // standing still is no step backwards
  CHECK(s.step({.step = 6, .epoch = 2}).pruned());
}

TEST_CASE("epochs drive schedules by epoch", "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(linear_ramp{.final_sparsity = 0.5, .begin = 1, .end = 2, .by = prunus::time_unit::epoch},
        by_weight);
  CHECK_FALSE(s.step({.step = 50, .epoch = 0}).pruned());
  CHECK(s.step({.step = 51, .epoch = 1}).pruned());
  CHECK_FALSE(s.step({.step = 99, .epoch = 1}).pruned());
  CHECK(s.step({.step = 100, .epoch = 2}).events.at(0).target == 0.5);
}

TEST_CASE("calls in the wrong order and empty models are refused", "[pruning][scheduler]") {
  prunus::model<float> empty;
  CHECK(code_of<prunus::argument_error>([&] { scheduler s{empty}; }) == errc::empty_model);
  toy_network<float> t;
  scheduler s{t.net};
  CHECK(code_of<prunus::state_error>([&] { s.step({}); }) == errc::wrong_order);
  CHECK(s.sparsity() == 0);
}

TEST_CASE("what cannot be added is not added", "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  const auto refused = [&](auto schedule, auto p) {
    return code_of<prunus::argument_error>([&] { s.add(schedule, p); });
  };
  CHECK(refused(one_shot{.sparsity = 1.0}, by_weight) == errc::out_of_range);
  CHECK(refused(one_shot{}, pass{l1_norm{}, prunus::element}.within({.include = {"x*"}})) ==
        errc::unknown_name);
  CHECK(refused(one_shot{}, pass{l1_norm{}, prunus::element, uniform{},
                                 logistic_decay{.duration = 0}}) == errc::out_of_range);
  CHECK(s.states().empty());
  CHECK(code_of<prunus::argument_error>([&] {
          scheduler composed{t.net, timed_pass{one_shot{.sparsity = -1}, by_weight}};
        }) == errc::out_of_range);
}

TEST_CASE("weights that are not finite stop a step before anything is touched",
          "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(linear_ramp{.final_sparsity = 0.5, .begin = 1, .end = 3}, by_weight);
  s.step({.step = 2});
  const float good = 0.5F;
  std::size_t live = 0;
  while (t.conv2[live] == 0) ++live;
  t.conv2[live] = std::numeric_limits<float>::quiet_NaN();
  const prunus::mask before = *s.mask_of("conv1.weight");
  const values conv1 = t.conv1;
  const support::thrown error =
      support::error_of<prunus::value_error>([&] { s.step({.step = 3}); });
  CHECK(error.code == errc::not_finite);
  CHECK(error.says("conv2.weight"));
  CHECK(t.conv1 == conv1);
  CHECK(*s.mask_of("conv1.weight") == before);
  t.conv2[live] = good;
  CHECK(s.step({.step = 3}).events.at(0).target == 0.5);  // the event is still due
}

TEST_CASE("two passes due at one step are carried out in the order of their adding",
          "[pruning][scheduler]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(one_shot{.sparsity = 0.25}, by_weight);
  s.add(one_shot{.sparsity = 0.5}, by_filter);
  const step_report report = s.step({});
  REQUIRE(report.events.size() == 2);
  CHECK(report.events[0].target == 0.25);
  CHECK(report.events[0].parameters.size() == 3);
  CHECK(report.events[1].target == 0.5);
  CHECK(report.events[1].parameters.size() == 1);
}

TEST_CASE("a step that fails leaves weights, masks and what is due",
          "[pruning][scheduler][law11]") {
  for (const bool second : {false, true}) {  // the pass that fails is the first or second of two
    toy_network<float> t;
    scheduler s{t.net};
    const auto fails = pass{l2_norm{}, prunus::kernel_2d}.within({.include = {"conv1*"}});
    const prunus::drop_and_grow by_chance{.grow = prunus::growth::random};
    const auto works =
        pass{l1_norm{}, prunus::element, global{}, by_chance}.within({.include = {"conv2*"}});
    const linear_ramp ramp{.final_sparsity = 0.8, .begin = 0, .end = 4};
    s.add(ramp, second ? prunus::any_pass<float>(works) : prunus::any_pass<float>(fails));
    s.add(ramp, second ? prunus::any_pass<float>(fails) : prunus::any_pass<float>(works));
    s.step({.step = 0});
    s.step({.step = 2});
    std::size_t kept = 0;
    while (t.conv1[kept] == 0) ++kept;
    t.train(1);  // what is gone lives again
    const float good = t.conv1[kept];
    t.conv1[kept] = std::numeric_limits<float>::infinity();
    const values weights = t.weights(), momentum = t.momentum;
    const auto masks = [&] {
      std::vector<prunus::named_masks> all;
      for (const prunus::pass_state* state : s.states()) all.push_back(state->masks());
      return all;
    };
    const auto masks_before = masks();
    CHECK(code_of<prunus::value_error>([&] { s.step({.step = 3}); }) == errc::not_finite);
    CHECK(t.weights() == weights);
    CHECK(t.momentum == momentum);
    CHECK(masks() == masks_before);
    t.conv1[kept] = good;
    const step_report report = s.step({.step = 3});
    REQUIRE(report.events.size() == 2);
    CHECK(report.events[0].event == 4);
    CHECK(report.events[1].event == 4);
  }
}

TEST_CASE("one pass that fails leaves what all passes had removed and training brought back",
          "[pruning][scheduler][law11]") {
  toy_network<float> t;
  scheduler s{t.net};
  s.add(one_shot{.sparsity = 0.5, .at = 0}, by_weight);
  s.add(linear_ramp{.final_sparsity = 0.5, .begin = 1, .end = 3}, by_filter);
  s.step({.step = 0});
  t.train(1);
  for (float& w : t.conv2)
    if (w != 0) w = std::numeric_limits<float>::infinity();
  const values weights = t.weights();
  CHECK(code_of<prunus::value_error>([&] { s.step({.step = 2}); }) == errc::not_finite);
  CHECK(t.weights() == weights);
}
