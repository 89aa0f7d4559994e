// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/n_of_m.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/random_score.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/pruning/soft.hpp>

#include "support/archetypes.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/owned_weight.hpp"
#include "support/random_source.hpp"
#include "support/toy_network.hpp"

#include <algorithm>  // std::count
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::argument_error;
using prunus::errc;
using prunus::global;
using prunus::hard;
using prunus::l1_norm;
using prunus::l2_norm;
using prunus::parameter_selection;
using prunus::pass;
using prunus::pass_state;
using prunus::random_score;
using prunus::soft;
using prunus::uniform;
using support::code_of;
using support::toy_network;
using values = std::vector<float>;

template <class Values>
Index zeros_in(const Values& v) {
  return static_cast<Index>(std::count(v.data(), v.data() + v.size(), 0));
}

/// Names of what a pass would rank.
template <class S, class Pass>
std::vector<std::string> ranked(const prunus::model<S>& net, const Pass& p) {
  std::vector<std::string> names;
  for (const auto& target : p.prepare(net).targets) names.push_back(target.name);
  return names;
}
using names = std::vector<std::string>;

/// Names, with nothing for "nothing may be pruned".
template <class S, class Pass>
names ranked_or_none(const prunus::model<S>& net, const Pass& p) {
  try {
    return ranked(net, p);
  } catch (const argument_error& e) {
    CHECK(e.code() == errc::empty_model);
    return {};
  }
}

}  // namespace

TEST_CASE("the smallest single weights go, exactly k of them", "[pruning][pass]") {
  values w{3, -1, 0.5F, -4, 2, -0.25F};
  prunus::model<float> net;
  net.add("w", prunus::view(w, {2, 3}));
  const prunus::pruned result = prunus::prune(net, pass{l1_norm{}, prunus::element}, 0.5);
  CHECK(w == values{3, 0, 0, -4, 2, 0});
  CHECK(result.report.event == 1);
  CHECK(result.report.target == 0.5);
  CHECK(result.report.achieved() == 0.5);
  REQUIRE(result.report.parameters.size() == 1);
  CHECK(result.report.parameters[0].name == "w");
  CHECK(result.report.parameters[0].units == 6);
  CHECK(result.report.parameters[0].kept == 3);
  CHECK(result.masks["w"].removed() == 3);
}

TEST_CASE("a pass prunes every matrix and convolution, one by one or in one ranking",
          "[pruning][pass]") {
  for (bool in_one : {false, true}) {
    toy_network<float> t;
    const values bias = t.conv1_bias;
    if (in_one)
      prunus::prune(t.net, pass{l1_norm{}, prunus::element, global{}}, 0.5);
    else
      prunus::prune(t.net, pass{l1_norm{}, prunus::element, uniform{}}, 0.5);
    CHECK(zeros_in(t.conv1) + zeros_in(t.conv2) + zeros_in(t.fc) == (216 + 432 + 96) / 2);
    if (!in_one) {
      CHECK(zeros_in(t.conv1) == 108);
      CHECK(zeros_in(t.conv2) == 216);
      CHECK(zeros_in(t.fc) == 48);
    }
    CHECK(t.conv1_bias == bias);
  }
}

TEST_CASE("reading magnitudes from the weights is the same as writing scores", "[pruning][pass]") {
  struct written_l1 {  // the same criterion, without its promise
    void score(const prunus::parameter<float>& p, const prunus::tile_grid& grid,
               std::span<float> scores) const {
      l1_norm{}.score(p, grid, scores);
    }
  };
  toy_network<float> a, b;
  for (double sparsity : {0.3, 0.7}) {
    prunus::prune(a.net, pass{l1_norm{}, prunus::element, global{}}, sparsity);
    prunus::prune(b.net, pass{written_l1{}, prunus::element, global{}}, sparsity);
    CHECK(a.weights() == b.weights());
  }
}

TEMPLATE_TEST_CASE("all weight scalars are pruned", "[pruning][pass]", float, double, Eigen::half,
                   Eigen::bfloat16) {
  std::vector<TestType> w(12);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = TestType(static_cast<float>(i) + 1);
  prunus::model<TestType> net;
  net.add("w", prunus::view(w, {4, 3}), {.prunable = true});
  prunus::prune(net, pass{l1_norm{}, prunus::element, global{}}, 0.25);
  for (std::size_t i = 0; i < w.size(); ++i) CHECK((static_cast<float>(w[i]) == 0) == (i < 3));
  prunus::prune(net, pass{l2_norm{}, prunus::filter, global{}}, 0.5);
  for (std::size_t i = 0; i < w.size(); ++i) CHECK((static_cast<float>(w[i]) == 0) == (i < 6));
}

TEST_CASE("a pass compiles and runs with types that offer only what the concepts promise",
          "[pruning][pass]") {
  values a{1, 2, 3, 4, 5, 6}, b{1, 2, 3, 4};
  prunus::model<float> net;
  net.add("a", prunus::view(a, {3, 2}), {.prunable = true});
  net.add("b", prunus::view(b, {2, 2}), {.prunable = true});
  const pass p{support::archetype_criterion(0), prunus::filter, support::archetype_allocation(0),
               support::archetype_action(0)};
  pass_state state = p.prepare(net);
  p.prune(net, state, 1, 0.5);
  CHECK(a == values{0.25F, 0.5F, 3, 4, 5, 6});
  CHECK(b == values{0.25F, 0.5F, 3, 4});
  CHECK_FALSE(state.permanent);
  p.prune(net, state, 3, 0.5);
  CHECK(a == values{0, 0, 3, 4, 5, 6});
  CHECK(state.permanent);
  p.prune(net, state, 4, 0.5);
  CHECK(a == values{0, 0, 0, 0, 5, 6});
  CHECK(b == values{0, 0, 3, 4});
}

TEST_CASE("vectors are left alone unless asked for, and anything when forbidden",
          "[pruning][pass][law3]") {
  values bias(8, 1.0F), other(8, 1.0F), matrix(8, 1.0F), locked(8, 1.0F);
  prunus::model<float> net;
  net.add("bias", prunus::view(bias));
  net.add("other", prunus::view(other), {.prunable = true});
  net.add("matrix", prunus::view(matrix, {2, 4}));
  net.add("locked", prunus::view(locked, {2, 4}), {.prunable = false});
  CHECK(ranked(net, pass{l1_norm{}, prunus::element}) == names{"other", "matrix"});
}

TEST_CASE("the outputs of the network stay, whatever tile would take them",
          "[pruning][pass][law3]") {
  const auto ranked_with = [](prunus::tile tile, bool is_output, std::optional<bool> prunable) {
    values conv(4 * 3 * 4, 1.0F), fc(5 * 16, 1.0F), bias(5, 1.0F);
    prunus::model<float> net;
    net.add("fc", prunus::view(fc, {5, 16}), {.prunable = prunable, .output = is_output});
    net.add("conv", prunus::view(conv, {4, 3, 2, 2}));
    net.add("bias", prunus::view(bias));
    return ranked(net, pass{l1_norm{}, tile});
  };
  // A stripe, a kernel as wide as the matrix and a block over all inputs are whole outputs of a
  // linear layer, too.
  for (prunus::tile tile : {prunus::filter, prunus::head(2), prunus::layer, prunus::stripe,
                            prunus::block(1, 16), prunus::block(1, 100)}) {
    CAPTURE(tile.out, tile.in, tile.height, tile.width);
    CHECK(ranked_with(tile, true, {}) == names{"conv"});
    CHECK(ranked_with(tile, true, true) == names{"conv"});
    // Without a word it is not known which weight makes the outputs: that is no guess.
    const support::thrown error =
        support::error_of<argument_error>([&] { (void)ranked_with(tile, false, {}); });
    CHECK(error.code == errc::unknown_outputs);
    CHECK(error.says(".output = true"));
    CHECK(error.says("couple"));
  }
  for (prunus::tile tile :
       {prunus::element, prunus::channel, prunus::block(2, 4), prunus::kernel_2d}) {
    for (const bool is_output : {false, true}) {
      CHECK(ranked_with(tile, is_output, {}) == names{"fc", "conv"});
      CHECK(ranked_with(tile, is_output, false) == names{"conv"});
    }
  }
}

TEST_CASE("every parameter keeps a tile", "[pruning][pass][law3]") {
  toy_network<double> t;
  for (auto& w : t.conv1) w *= 1e-9;
  const auto result = prunus::prune(t.net, pass{l2_norm{}, prunus::filter, global{}}, 0.8);
  for (const auto& p : result.report.parameters) CHECK(p.kept >= 1);
  CHECK(result.masks["conv1.weight"].kept() == 1);
  CHECK(result.report.achieved() == Approx(11.0 / 14));
}

TEST_CASE("what limits held back is in the report", "[pruning][pass][law3]") {
  toy_network<float> t;
  const auto result = prunus::prune(
      t.net,
      pass{l2_norm{}, prunus::filter}.within({.include = {"conv1*"}}).limited({.min_kept = 6}),
      0.5);
  CHECK(result.report.target == 0.5);
  CHECK(result.report.achieved() == 0.25);
  CHECK(result.report.parameters[0].weights == 216);
  CHECK(result.report.parameters[0].weights_kept == 6 * 27);
}

TEST_CASE("a pass touches what its scope includes and does not exclude", "[pruning][scope]") {
  toy_network<float> t;
  const auto in = [&](parameter_selection s) {
    return ranked_or_none(t.net, pass{l1_norm{}, prunus::element}.within(s));
  };
  CHECK(in({}) == names{"conv1.weight", "conv2.weight", "fc.weight"});
  CHECK(in({.include = {"conv*"}}) == names{"conv1.weight", "conv2.weight"});
  CHECK(in({.exclude = {"conv1.*"}}) == names{"conv2.weight", "fc.weight"});
  CHECK(in({.include = {"conv*", "fc.weight"}, .exclude = {"*2.weight"}}) ==
        names{"conv1.weight", "fc.weight"});
  CHECK(in({.include = {"*.bias"}}).empty());
  CHECK(in({.include = {}}) == in({}));  // nothing said is everything
  const values conv2 = t.conv2;
  prunus::prune(t.net, pass{l1_norm{}, prunus::element}.within({.include = {"conv1*"}}), 0.5);
  CHECK(t.conv2 == conv2);
  CHECK(zeros_in(t.conv1) == 108);
}

TEST_CASE("a model without anything to prune is refused", "[pruning][pass]") {
  prunus::model<float> net;
  const auto code = [&] {
    return code_of<argument_error>([&] { (void)pass{l1_norm{}, prunus::element}.prepare(net); });
  };
  CHECK(code() == errc::empty_model);
  values bias(3, 1.0F);
  net.add("bias", prunus::view(bias));
  CHECK(code() == errc::empty_model);
}

TEST_CASE("limits of a parameter come before those of the pass", "[pruning][pass]") {
  values a(10, 1.0F), b(10, 1.0F);
  prunus::model<float> net;
  net.add("a", prunus::view(a, {1, 10}), {.limits = prunus::limits{.min_kept = 8}});
  net.add("b", prunus::view(b, {1, 10}));
  prunus::prune(net, pass{l1_norm{}, prunus::element}.limited({.min_kept = 5}), 0.9);
  CHECK(zeros_in(a) == 2);
  CHECK(zeros_in(b) == 5);
}

TEST_CASE("limits that make no sense are refused by name", "[pruning][pass]") {
  values w(4, 1.0F);
  const auto with = [&](prunus::limits of_pass, std::optional<prunus::limits> of_parameter) {
    prunus::model<float> net;
    net.add("the.weight", prunus::view(w, {2, 2}), {.limits = of_parameter});
    return support::error_of<argument_error>([&] {
      (void)pass{l1_norm{}, prunus::element}.limited(of_pass).prepare(net);
    });
  };
  CHECK(with({.min_kept = -1}, {}).code == errc::out_of_range);
  CHECK(with({.multiple_of = 0}, {}).code == errc::out_of_range);
  const support::thrown error = with({}, prunus::limits{.multiple_of = -4});
  CHECK(error.code == errc::out_of_range);
  CHECK(error.says("the.weight"));
}

TEST_CASE("what is gone stays gone even where it was trained back", "[pruning][pass]") {
  toy_network<float> t;
  const pass p{l1_norm{}, prunus::element, global{}};
  pass_state state = p.prepare(t.net);
  p.prune(t.net, state, 1, 0.5);
  const pass_state first = state;
  t.for_each_value([](float& w) { w = w == 0 ? 1000.0F : w; });
  p.prune(t.net, state, 2, 0.6);
  Index gone = 0;
  for (const auto& [name, mask] : first.masks())
    for (Index i = 0; i < mask.size(); ++i) {
      if (mask[i]) continue;
      ++gone;
      REQUIRE_FALSE(state[name][i]);
    }
  CHECK(gone == 372);
}

TEST_CASE("random pruning nests while the sparsity grows", "[pruning][pass]") {
  toy_network<float> t;
  const pass p{random_score{5}, prunus::element, global{}, soft{}};
  pass_state state = p.prepare(t.net);
  p.prune(t.net, state, 1, 0.3);
  const pass_state first = state;
  p.prune(t.net, state, 2, 0.6);
  bool nested = true;
  for (const auto& [name, mask] : first.masks())
    for (Index i = 0; i < mask.size(); ++i) nested = nested && (mask[i] || !state[name][i]);
  CHECK(nested);
}

TEST_CASE("weights that are not finite are refused by name, and weights and masks stay",
          "[pruning][pass]") {
  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (prunus::tile tile : {prunus::element, prunus::kernel_2d})
      for (bool is_soft : {false, true}) {
        toy_network<float> t;
        const pass hard_pass{l2_norm{}, tile, global{}, hard{}};
        const pass soft_pass{l2_norm{}, tile, global{}, soft{}};
        pass_state state = hard_pass.prepare(t.net);
        const auto prune = [&](Index event, double sparsity) {
          if (is_soft)
            soft_pass.prune(t.net, state, event, sparsity);
          else
            hard_pass.prune(t.net, state, event, sparsity);
        };
        const auto masks = [&] { return state.masks(); };
        for (Index event : {1, 2}) {  // before the first event and with something pruned
          Index at = 7;
          while (t.conv2[static_cast<std::size_t>(at)] == 0) ++at;
          const float good = t.conv2[static_cast<std::size_t>(at)];
          const auto masks_before = masks();
          const bool permanent_before = state.permanent;
          t.conv2[static_cast<std::size_t>(at)] = bad;
          const values conv1 = t.conv1;
          const support::thrown error =
              support::error_of<prunus::value_error>([&] { prune(event, 0.5); });
          CAPTURE(error.message, is_soft, event);
          CHECK(error.code == errc::not_finite);
          CHECK(error.says("conv2.weight"));
          CHECK(t.conv1 == conv1);
          CHECK(masks() == masks_before);
          CHECK(state.permanent == permanent_before);
          t.conv2[static_cast<std::size_t>(at)] = good;
          prune(event, 0.3 * static_cast<double>(event));
          CHECK(masks() != masks_before);
        }
      }
}

TEST_CASE("a sparsity outside [0, 1) is refused and nothing happens", "[pruning][prune]") {
  toy_network<float> t;
  const values before = t.weights();
  for (double wrong : {-0.5, 1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(code_of<argument_error>([&] {
            prunus::prune(t.net, pass{l1_norm{}, prunus::element}, wrong);
          }) == errc::out_of_range);
  CHECK(t.weights() == before);
}

TEST_CASE("N:M pruning takes the inputs of column-major matrices", "[pruning][pass]") {
  Eigen::MatrixXf w(2, 4);
  w << 1, 2, 3, 4, 8, 7, 6, 5;
  prunus::model<float> net;
  net.add("w", prunus::view(w));
  prunus::prune(net, pass{l1_norm{}, prunus::element, prunus::n_of_m{}}, 0.5);
  Eigen::MatrixXf expected(2, 4);
  expected << 0, 0, 3, 4, 8, 7, 0, 0;
  CHECK(w == expected);
}

TEST_CASE("which filters go does not depend on the memory order", "[pruning][pass]") {
  const support::shape4 shape1{8, 3, 3, 2}, shape2{6, 8, 2, 3};
  const auto zeros_of = [&](std::string_view order1, std::string_view order2) {
    support::owned_weight<double> a(order1, shape1), b(order2, shape2);
    support::random_source random(9);
    for (auto* owner : {&a, &b})
      support::for_each_position(owner == &a ? shape1 : shape2,
                                 [&](Index o, Index i, Index h, Index w) {
                                   owner->view()(o, i, h, w) = random.gaussian();
                                 });
    prunus::model<double> net;
    net.add("a", a.view(), {.prunable = true});
    net.add("b", b.view(), {.prunable = true});
    const prunus::score_scaling mean = prunus::score_scaling::mean;
    prunus::prune(net, pass{l2_norm{}, prunus::filter, global{mean}}, 0.5);
    std::vector<bool> zeros;
    for (auto* owner : {&a, &b})
      support::for_each_position(owner == &a ? shape1 : shape2,
                                 [&](Index o, Index i, Index h, Index w) {
                                   zeros.push_back(owner->view()(o, i, h, w) == 0);
                                 });
    return zeros;
  };
  const std::vector<bool> expected = zeros_of("OIHW", "OIHW");
  CHECK(std::count(expected.begin(), expected.end(), true) > 0);
  for (std::string_view order1 : support::memory_orders)
    for (std::string_view order2 : {"OIHW", "HWIO", "WHIO"})
      CHECK(zeros_of(order1, order2) == expected);
}

TEST_CASE("a pass with a scope can be spelt in several ways", "[pruning][pass][scope]") {
  toy_network<float> t;
  const names conv1{"conv1.weight"};
  const pass<l1_norm> named{.criterion = {}, .tile = prunus::filter, .scope = {{"conv1*"}}};
  CHECK(ranked(t.net, named) == conv1);
  CHECK(ranked(t.net, pass{l1_norm{}, prunus::filter}.within({{"conv1*"}})) == conv1);
  CHECK(ranked(t.net, pass{l1_norm{}, prunus::filter, uniform{}, hard{},
                           parameter_selection{{"conv1*"}}}) == conv1);
#if __cpp_deduction_guides >= 201907L
  CHECK(ranked(t.net, pass{.criterion = l1_norm{},
                           .tile = prunus::filter,
                           .scope = {.include = {"conv1*"}}}) == conv1);
#endif
}

TEST_CASE("within and limited make another pass", "[pruning][pass][scope]") {
  toy_network<float> t;
  const pass all{l1_norm{}, prunus::filter, global{}, soft{}};
  const auto some = all.within({.exclude = {"conv1*"}}).limited({.min_kept = 5});
  CHECK(ranked(t.net, all) == names{"conv1.weight", "conv2.weight"});
  CHECK(ranked(t.net, some) == names{"conv2.weight"});
  CHECK(some.prepare(t.net).targets[0].limits.min_kept == 5);
  CHECK(all.prepare(t.net).targets[0].limits.min_kept == 1);
}

TEST_CASE("an event that fails leaves also what was trained back", "[pruning][pass][law11]") {
  for (const prunus::tile tile : {prunus::element, prunus::kernel_2d, prunus::filter})
    for (const bool no_room : {false, true}) {  // for the target, or a weight that is not finite
      toy_network<float> t;
      const pass p{l2_norm{}, tile, global{}};
      pass_state state = p.prepare(t.net);
      p.prune(t.net, state, 1, 0.5);
      std::size_t kept = 0;
      while (t.conv2[kept] == 0) ++kept;
      t.train(1);  // what is gone lives again
      if (!no_room) t.conv2[kept] = std::numeric_limits<float>::infinity();
      const values before = t.weights();
      const prunus::named_masks masks = state.masks();
      CAPTURE(tile.out, tile.in, tile.height, no_room);
      if (no_room)
        CHECK(code_of<argument_error>([&] { p.prune(t.net, state, 2, 1.0); }) ==
              errc::out_of_range);
      else
        CHECK(code_of<prunus::value_error>([&] { p.prune(t.net, state, 2, 0.6); }) ==
              errc::not_finite);
      CHECK(t.weights() == before);
      CHECK(state.masks() == masks);
      CHECK(state.last_event == 1);
    }
}

TEST_CASE("a state of another model is refused before anything is written", "[pruning][pass]") {
  toy_network<float> t;
  values w(12, 1.0F);
  prunus::model<float> other;
  other.add("w", prunus::view(w, {4, 3}));
  const pass p{l1_norm{}, prunus::element};
  pass_state state = p.prepare(t.net);
  CHECK(code_of<argument_error>([&] { p.prune(other, state, 1, 0.5); }) == errc::unknown_name);
  CHECK(w == values(12, 1.0F));
}
