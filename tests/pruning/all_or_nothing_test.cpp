// SPDX-License-Identifier: MIT
// A step of a scheduler, or an event front to back, that throws did not happen: whatever throws,
// wherever, on one thread or several, and if memory runs out.
#include <prunus/allocation/global.hpp>
#include <prunus/core/archive.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/pruning/drop_and_grow.hpp>
#include <prunus/pruning/front_to_back.hpp>
#include <prunus/pruning/logistic_decay.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/soft.hpp>
#include <prunus/runtime/thread_pool.hpp>
#include <prunus/schedule/constant_sparsity.hpp>
#include <prunus/schedule/linear_ramp.hpp>
#include <prunus/schedule/one_shot.hpp>

#include "support/allocations.hpp"
#include "support/backwards_pool.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/throwing_parts.hpp"
#include "support/toy_network.hpp"

#include <memory>  // std::unique_ptr
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::constant_sparsity;
using prunus::linear_ramp;
using prunus::pass;
using prunus::uniform;
using support::countdown;
using support::planned_failure;
using support::throwing_action;
using support::throwing_allocation;
using support::throwing_criterion;
using support::throwing_exchange;
using support::throwing_pass;
using support::throwing_schedule;
using support::toy_network;

enum class where { caller, threads, backwards };

/// Everything that a step may change.
struct everything {
  std::vector<float> weights, momentum;
  std::string saved;  // masks, events done and progress
  friend bool operator==(const everything&, const everything&) = default;
};

/// A network with momentum under a scheduler whose parts may all throw.
struct scene {
  countdown clock;
  toy_network<float> toy;
  prunus::thread_pool threads{3};
  support::backwards_pool backwards{2};
  support::throwing_pool<prunus::thread_pool> throwing_threads{clock, threads};
  support::throwing_pool<support::backwards_pool> throwing_backwards{clock, backwards};
  prunus::scheduler<float> scheduler{toy.net};

  explicit scene(where place = where::caller) {
    if (place == where::threads) scheduler.use(throwing_threads);
    if (place == where::backwards) scheduler.use(throwing_backwards);
  }
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;

  [[nodiscard]] everything now() {
    prunus::archive_writer out;
    scheduler.save(out);
    return {toy.weights(), toy.momentum, out.bytes()};
  }
  /// Up to the step that is to fail: what is gone lives again, as after an optimizer's step.
  void train_and_step(Index steps) {
    for (Index step = 0; step < steps; ++step) {
      toy.train(step);
      for (float& m : toy.momentum) m += 0.125F;
      (void)scheduler.step({.step = step + 1, .loss = 0.5});
    }
    toy.train(steps);
    for (float& m : toy.momentum) m += 0.125F;
  }
};

auto own_pass(countdown& clock) {
  return pass{throwing_criterion{&clock}, prunus::kernel_2d, throwing_allocation{&clock},
              throwing_action<prunus::soft>{&clock}}
      .within({.include = {"conv1*", "fc*"}});
}
auto exchanging_pass(countdown& clock) {
  return pass{prunus::l1_norm{}, prunus::element, uniform{},
              throwing_exchange<prunus::drop_and_grow>{
                  {&clock, {.fraction = 0.5, .grow = prunus::growth::random}}}}
      .within({.include = {"conv2*"}});
}

/// Three passes are due at every step, one of which undoes nothing itself.
std::unique_ptr<scene> several_due(where place) {
  auto s = std::make_unique<scene>(place);
  const linear_ramp ramp{.final_sparsity = 0.6, .end = 6};
  s->scheduler.add(throwing_schedule{&s->clock, ramp}, exchanging_pass(s->clock));
  s->scheduler.add(throwing_schedule{&s->clock, constant_sparsity{.sparsity = 0.34, .end = 6}},
                   throwing_pass{&s->clock, pass{prunus::l2_norm{}, prunus::kernel_2d, uniform{},
                                                 prunus::logistic_decay{.duration = 4}}});
  s->scheduler.add(throwing_schedule{&s->clock, ramp}, own_pass(s->clock));
  s->train_and_step(3);
  return s;
}

/// Only a pass front to back is due at step 4; another has removed weights for good before.
std::unique_ptr<scene> front_to_back_due(where place) {
  auto s = std::make_unique<scene>(place);
  s->scheduler.add(prunus::one_shot{.sparsity = 0.5, .at = 1},
                   pass{prunus::l1_norm{}, prunus::element});
  s->scheduler.add(throwing_schedule{&s->clock, linear_ramp{.final_sparsity = 0.6, .end = 6}},
                   prunus::front_to_back{own_pass(s->clock)});
  s->train_and_step(3);
  return s;
}

/// Only a pass whose parts may throw is due; another has removed weights for good before.
std::unique_ptr<scene> one_due(where place) {
  auto s = std::make_unique<scene>(place);
  s->scheduler.add(prunus::one_shot{.sparsity = 0.5, .at = 1},
                   pass{prunus::l1_norm{}, prunus::element});
  s->scheduler.add(throwing_schedule{&s->clock, linear_ramp{.final_sparsity = 0.6, .end = 6}},
                   own_pass(s->clock));
  s->train_and_step(3);
  return s;
}
/// Only a pass that writes optimizer state is due.
std::unique_ptr<scene> exchange_due(where place) {
  auto s = std::make_unique<scene>(place);
  s->scheduler.add(throwing_schedule{&s->clock, linear_ramp{.final_sparsity = 0.6, .end = 6}},
                   exchanging_pass(s->clock));
  s->train_and_step(3);
  return s;
}
/// Only a pass that sweeps over single weights in place is due.
std::unique_ptr<scene> sweep_due(where place) {
  auto s = std::make_unique<scene>(place);
  s->scheduler.add(throwing_schedule{&s->clock, linear_ramp{.final_sparsity = 0.6, .end = 6}},
                   pass{prunus::l1_norm{}, prunus::element, prunus::global{}});
  s->train_and_step(3);
  return s;
}

using scene_maker = std::unique_ptr<scene> (*)(where);

}  // namespace

TEST_CASE("a step in which a callback throws did not happen", "[pruning][scheduler][law11]") {
  const scene_maker make =
      GENERATE(several_due, front_to_back_due, one_due, exchange_due, sweep_due);
  const where place = GENERATE(where::caller, where::threads, where::backwards);
  const prunus::progress fourth{.step = 4};
  const auto undisturbed = make(place);
  const std::size_t due = undisturbed->scheduler.step(fourth).events.size();
  CHECK(due == (make == several_due ? 3 : 1));
  const everything done = undisturbed->now();

  int calls = 0;
  for (bool threw = true; threw; ++calls) {
    const auto s = make(place);
    const everything before = s->now();
    s->clock.start(calls);
    threw = false;
    try {
      (void)s->scheduler.step(fourth);
    } catch (const planned_failure&) {
      threw = true;
    }
    CAPTURE(calls);
    REQUIRE(s->now() == (threw ? before : done));
    s->clock.stop();
    if (!threw) continue;
    REQUIRE(s->scheduler.step(fourth).events.size() == due);  // it is due as before
    REQUIRE(s->now() == done);
  }
  CHECK(calls > (make == sweep_due ? 2 : 6));
}

TEST_CASE("a step that runs out of memory did not happen", "[pruning][scheduler][law11]") {
  const scene_maker make =
      GENERATE(several_due, front_to_back_due, one_due, exchange_due, sweep_due);
  const where place = GENERATE(where::caller, where::threads);
  const prunus::progress fourth{.step = 4};
  const auto undisturbed = make(place);
  const everything before = undisturbed->now();
  (void)undisturbed->scheduler.step(fourth);
  const everything done = undisturbed->now();

  const std::size_t failed = support::fail_every_allocation(
      [&] { return make(place); },
      [&](const std::unique_ptr<scene>& s) { (void)s->scheduler.step(fourth); },
      [&](const std::unique_ptr<scene>& s) {
        REQUIRE(s->now() == before);
        (void)s->scheduler.step(fourth);
        REQUIRE(s->now() == done);
      });
  CHECK(failed > 10);
}

TEST_CASE("an event front to back that runs out of memory did not happen",
          "[pruning][front_to_back][law11]") {
  struct one_event {
    toy_network<float> toy;
    prunus::front_to_back<decltype(pass{prunus::l2_norm{}, prunus::filter})> way{
        pass{prunus::l2_norm{}, prunus::filter}};
    prunus::pass_state state = way.prepare(toy.net);
  };
  one_event untouched;
  const std::size_t failed = support::fail_every_allocation(
      [] { return one_event(); },
      [](one_event& e) { (void)e.way.prune(e.toy.net, e.state, 1, 0.5); },
      [&](one_event& e) {
        REQUIRE(e.toy.weights() == untouched.toy.weights());
        REQUIRE(e.state.masks() == untouched.state.masks());
        REQUIRE_FALSE(e.state.permanent);
        REQUIRE(e.state.last_event == 0);
      });
  CHECK(failed > 10);
}

TEST_CASE("finishing that throws did not happen", "[pruning][scheduler][law11]") {
  const auto make = [] { return several_due(where::caller); };
  const everything before = make()->now();
  int calls = 0;
  for (bool threw = true; threw; ++calls) {
    const auto s = make();
    s->clock.start(calls);
    threw = false;
    try {
      (void)s->scheduler.finish();
    } catch (const planned_failure&) {
      threw = true;
    }
    REQUIRE((s->now() == before) == threw);
  }
  CHECK(calls > 6);
  const std::size_t failed = support::fail_every_allocation(
      make, [](const std::unique_ptr<scene>& s) { (void)s->scheduler.finish(); },
      [&](const std::unique_ptr<scene>& s) { REQUIRE(s->now() == before); });
  CHECK(failed >= 3);
}

TEST_CASE("loading that runs out of memory leaves the scheduler as it was",
          "[pruning][scheduler][law11]") {
  const auto make = [] { return several_due(where::caller); };
  const everything before = make()->now();
  const auto later = make();
  (void)later->scheduler.step({.step = 4});
  const std::string saved = later->now().saved;
  REQUIRE(saved != before.saved);
  const std::size_t failed = support::fail_every_allocation(
      make,
      [&](const std::unique_ptr<scene>& s) {
        prunus::archive_reader in(saved, "saved");
        s->scheduler.load(in);
      },
      [&](const std::unique_ptr<scene>& s) { REQUIRE(s->now() == before); });
  CHECK(failed > 10);
}

TEST_CASE("a pair that cannot be added for lack of memory leaves the timeline as it was",
          "[pruning][scheduler][law11]") {
  struct timeline {
    toy_network<float> toy;
    prunus::scheduler<float> scheduler{toy.net};
    timeline() {
      scheduler.add(prunus::one_shot{.at = 1}, pass{prunus::l1_norm{}, prunus::element});
    }
    void add(double sparsity) {
      scheduler.add(prunus::one_shot{.sparsity = sparsity},
                    pass{prunus::l2_norm{}, prunus::filter});
    }
  };
  const std::size_t failed = support::fail_every_allocation(
      [] { return std::make_unique<timeline>(); },
      [](const std::unique_ptr<timeline>& t) { t->add(0.5); },
      [](const std::unique_ptr<timeline>& t) {
        REQUIRE(t->scheduler.states().size() == 1);
        t->add(0.25);
        const prunus::step_report report = t->scheduler.step({.step = 1});
        REQUIRE(report.events.size() == 2);
        REQUIRE(report.events[1].target == 0.25);
      });
  CHECK(failed > 10);
}

TEST_CASE("a step over a model that was taken away changes nothing",
          "[pruning][scheduler][law11]") {
  std::vector<float> first{1, 2, 3, 4}, second{4, 3, 2, 1};
  prunus::model<float> net;
  net.add("first", prunus::view(first, {2, 2}), {.prunable = true});
  net.add("second", prunus::view(second, {2, 2}), {.prunable = true});
  prunus::scheduler s{net};
  const pass by_weight{prunus::l1_norm{}, prunus::element};
  s.add(linear_ramp{.final_sparsity = 0.5, .end = 3}, by_weight.within({.include = {"first"}}));
  s.add(prunus::one_shot{},
        pass{prunus::l1_norm{}, prunus::element, uniform{}, prunus::soft{}}.within(
            {.include = {"second"}}));
  (void)s.step({.step = 2});
  first = {1, 2, 3, 4};  // trained back
  net = prunus::model<float>();
  net.add("first", prunus::view(first, {2, 2}), {.prunable = true});
  CHECK(support::code_of<prunus::argument_error>([&] { (void)s.step({.step = 3}); }) ==
        prunus::errc::unknown_name);
  CHECK(support::code_of<prunus::argument_error>([&] { s.hold(); }) == prunus::errc::unknown_name);
  CHECK(first == std::vector<float>{1, 2, 3, 4});
}
