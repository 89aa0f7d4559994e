// SPDX-License-Identifier: MIT
// Situations that users of other tools have reported: layers that share a coupling, limits in
// channels, what is never pruned and why, what is pruned twice.
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/macs_target.hpp>
#include <prunus/allocation/n_of_m.hpp>
#include <prunus/allocation/per_layer.hpp>
#include <prunus/allocation/retained_mass.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/activation_mean.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/random_score.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure/coupling.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <algorithm>  // std::any_of, std::count, std::find_if
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::argument_error;
using prunus::errc;
using prunus::l1_norm;
using prunus::l2_norm;
using prunus::limits;
using prunus::macs_target;
using prunus::pass;
using prunus::pass_report;
using prunus::pruned;
using prunus::uniform;
using values = std::vector<float>;

Index kept_of(const pass_report& report, std::string_view name) {
  for (const pass_report::parameter& p : report.parameters)
    if (p.name == name) return p.kept;
  return -1;
}
/// The texts of all remarks about `name`.
std::string remarks_about(const pass_report& report, std::string_view name) {
  std::string text;
  for (const pass_report::remark& r : report.remarks)
    if (r.name == name) text += r.text + "\n";
  return text;
}
bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Eight small branches joined, as in an inception or dense block.
prunus::graph many_branches() {
  prunus::graph g;
  g.input("x", {3, 8, 8});
  for (int i = 0; i < 8; ++i)
    g.convolution("b" + std::to_string(i), "x", {.out_channels = 4, .kernel = 3, .padding = 1});
  g.concat("c", {"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"});
  g.convolution("d", "c", {.out_channels = 16, .kernel = 3, .padding = 1});
  g.linear("fc", g.flatten("f", g.global_average_pooling("p", "d")), {.out_features = 4});
  return g;
}
/// a and b joined and read by d.
prunus::graph two_branches(Index a = 16, Index b = 16) {
  prunus::graph g;
  g.input("x", {3, 8, 8});
  g.convolution("a", "x", {.out_channels = a, .kernel = 3, .padding = 1});
  g.convolution("b", "x", {.out_channels = b, .kernel = 3, .padding = 1});
  g.concat("c", {"a", "b"});
  g.convolution("d", "c", {.out_channels = 8, .kernel = 1});
  g.linear("fc", g.flatten("f", "d"), {.out_features = 4});
  return g;
}

void scale_weight(const prunus::nn::network<float>& net, const std::string& name, float factor) {
  const prunus::weight_view<float> w = net.model()[name].weight;
  for (Index i = 0; i < w.size(); ++i) w.data[i] *= factor;
}

/// Says what a user's allocation may say, and forgets what it must not.
struct wrong_allocation {
  enum class fault { keeps_nothing, ignores_limits, writes_seven, revives } of;
  template <class T>
  void allocate(std::span<prunus::ranking_group<T>> units, double) const {
    for (prunus::ranking_group<T>& u : units) {
      if (of == fault::keeps_nothing) std::fill(u.keep.begin(), u.keep.end(), 0);
      if (of == fault::ignores_limits) u.keep[0] = 0;
      if (of == fault::writes_seven) u.keep.back() = 7;
      if (of == fault::revives) std::fill(u.keep.begin(), u.keep.end(), 1);
    }
  }
};
struct gives_nan {
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>&, const prunus::tile_grid&,
             std::span<prunus::score_of<S>> scores) const {
    for (auto& s : scores) s = 1;
    scores.back() = std::numeric_limits<prunus::score_of<S>>::quiet_NaN();
  }
};

}  // namespace

TEST_CASE("a target of MACs is reached where branches meet", "[pruning][cases]") {
  const prunus::graph g = many_branches();
  const auto check = [&](float scale, double target, const auto& allocation) {
    prunus::nn::network<float> net(g, {.seed = 2});
    for (int i = 0; i < 7; ++i) scale_weight(net, "b" + std::to_string(i) + ".weight", scale);
    const pruned done = prune(net.model(), pass{l2_norm{}, prunus::filter, allocation}, target);
    const prunus::plan plan = plan_removal(g, net.model());
    const double removed =
        1 - static_cast<double>(plan.after.macs) / static_cast<double>(plan.before.macs);
    CAPTURE(scale, target);
    CHECK(removed >= target);
    CHECK(done.report.of == "MACs");
    CHECK(done.report.achieved() == Approx(removed));
    CHECK(done.report.remarks.size() == 1);  // that fc makes the outputs
    return removed;
  };
  for (const double target : {0.5, 0.7, 0.8, 0.9, 0.94})
    for (const float scale : {1.0F, 0.01F}) {
      check(scale, target, macs_target{g});
      check(scale, target,
            prunus::by_retained_mass{macs_target{g, {.scaling = prunus::score_scaling::none}}});
    }
  // One filter of a branch is worth 1/32 of d and 1/32 of the branches: the rest is filled.
  CHECK(check(1, 0.4, macs_target{g}) < 0.43);
}

TEST_CASE("limits hold for the output channels of every layer behind a concatenation",
          "[pruning][cases][law3]") {
  const auto check = [](prunus::graph g, float scale_of_a, limits l, const auto& allocation,
                        double target) {
    prunus::nn::network<float> net(g, {.seed = 5});
    scale_weight(net, "a.weight", scale_of_a);
    const pruned done =
        prune(net.model(), pass{l2_norm{}, prunus::filter, allocation}.limited(l), target);
    for (const pass_report::parameter& p : done.report.parameters) {
      CAPTURE(p.name, p.kept, p.units);
      CHECK((p.kept % l.multiple_of == 0 || p.kept == p.units));
      CHECK(p.kept >= std::min(l.min_kept, p.units));
    }
    return done;
  };
  for (const float scale : {1.0F, 0.01F}) {
    check(two_branches(), scale, {.multiple_of = 8}, uniform{}, 0.5);
    check(two_branches(), scale, {.multiple_of = 8}, prunus::global{}, 0.3);
    check(two_branches(), scale, {.min_kept = 4}, uniform{}, 0.5);
    check(two_branches(), scale, {.min_kept = 4}, prunus::global{}, 0.6);
    check(two_branches(), scale, {.multiple_of = 8}, macs_target{two_branches()}, 0.4);
  }
  const pruned done = check(two_branches(), 1, {.multiple_of = 8}, uniform{}, 0.5);
  CHECK(kept_of(done.report, "a.weight") == 8);
  CHECK(kept_of(done.report, "b.weight") == 8);
  CHECK(kept_of(done.report, "d.weight") == 8);  // of 8
  CHECK(says(remarks_about(done.report, "d"), "4 of its 8 units were to go, 0 do"));
}

TEST_CASE("in a sum the limits of all layers hold together", "[pruning][cases][law3]") {
  prunus::graph g;
  g.input("x", {3, 4, 4});
  g.convolution("a", "x", {.out_channels = 24, .kernel = 1});
  g.convolution("b", "x", {.out_channels = 24, .kernel = 1});
  g.linear("fc", g.flatten("f", g.add("s", {"a", "b"})), {.out_features = 2});
  values a(72), b(72), fa(24, 1), fb(24, 1), fc(2 * 24 * 16, 1), bias(2, 1);
  for (std::size_t i = 0; i < 72; ++i) a[i] = b[i] = static_cast<float>(i + 1);
  const auto with = [&](limits of_a, limits of_b, limits of_pass, double target) {
    values wa = a, wb = b;
    prunus::model<float> net;
    net.add("a.weight", prunus::view(wa, {24, 3, 1, 1}), {.limits = of_a});
    net.add("a.bias", prunus::view(fa));
    net.add("b.weight", prunus::view(wb, {24, 3, 1, 1}), {.limits = of_b});
    net.add("b.bias", prunus::view(fb));
    net.add("fc.weight", prunus::view(fc, {2, 24 * 16}));
    net.add("fc.bias", prunus::view(bias));
    prunus::couple(net, g);
    return prune(net, pass{l1_norm{}, prunus::filter}.limited(of_pass), target)
        .masks["a.weight"]
        .kept();
  };
  CHECK(with({.multiple_of = 4}, {.multiple_of = 6}, {}, 0.4) == 12);  // of 14: the nearest
  CHECK(with({.min_kept = 9}, {.min_kept = 13}, {}, 0.9) == 13);
  CHECK(with({.multiple_of = 8}, {.min_kept = 13}, {}, 0.9) == 16);
  CHECK(support::code_of<argument_error>([&] {
          (void)with({.multiple_of = 4, .round = prunus::rounding::up},
                     {.multiple_of = 4, .round = prunus::rounding::down}, {}, 0.5);
        }) == errc::out_of_range);
}

TEST_CASE("limits count channels, not heads and not places in a group", "[pruning][cases][law3]") {
  const auto kept = [](const prunus::graph& g, limits l, const char* layer) {
    prunus::nn::network<float> net(g, {.seed = 3});
    return kept_of(prune(net.model(), pass{l2_norm{}, prunus::filter}.limited(l), 0.5).report,
                   layer);
  };
  prunus::graph t;
  t.input("x", {1, 1, 5});
  t.embedding("e", "x", {.vocabulary = 9, .features = 64});
  for (const char* name : {"q", "k", "v"}) t.linear(name, "e", {.out_features = 64});
  t.attention("at", "q", "k", "v", 4);
  t.linear("out", t.flatten("f", t.linear("o", "at", {.out_features = 32})), {.out_features = 3});
  CHECK(kept(t, {.multiple_of = 8}, "v.weight") == 32);
  CHECK(kept(t, {}, "v.weight") == 32);
  prunus::graph g;
  g.input("x", {3, 6, 6});
  g.convolution("a", "x", {.out_channels = 32, .kernel = 3});
  g.convolution("g4", "a", {.out_channels = 32, .kernel = 3, .groups = 4});
  g.linear("fc", g.flatten("f", "g4"), {.out_features = 3});
  CHECK(kept(g, {.multiple_of = 8}, "g4.weight") == 16);
  CHECK(kept(g, {.min_kept = 16}, "g4.weight") == 16);
  CHECK(kept(g, {.min_kept = 17}, "g4.weight") == 20);
  CHECK(kept(g, {}, "g4.weight") == 16);
  // A tile of a whole head takes the same heads of query, key and value.
  prunus::nn::network<float> net(t, {.seed = 3});
  const pruned done = prune(net.model(), pass{l2_norm{}, prunus::head(16)}, 0.5);
  CHECK(done.masks["q.weight"] == done.masks["k.weight"]);
  CHECK(done.masks["q.weight"] == done.masks["v.weight"]);
  CHECK(done.masks["q.weight"].kept() == 2);
}

TEST_CASE("features joined with the network's own input are pruned", "[pruning][cases]") {
  prunus::graph g;
  g.input("x", {3, 6, 6});
  g.convolution("a", "x", {.out_channels = 8, .kernel = 1});
  g.concat("c", {g.relu("ra", "a"), "x"});
  g.convolution("b", "c", {.out_channels = 8, .kernel = 1});
  g.linear("fc", g.flatten("f", "b"), {.out_features = 3});
  prunus::nn::network<float> net(g, {.seed = 3});
  const pruned done = prune(net.model(), pass{l2_norm{}, prunus::filter}, 0.5);
  CHECK(kept_of(done.report, "a.weight") == 4);
  CHECK(kept_of(done.report, "b.weight") == 4);
  CHECK(done.report.achieved() == 0.5);
  CHECK(plan_removal(g, net.model()).after.macs == 36 * (3 * 4 + 7 * 4) + 4 * 36 * 3);
}

TEST_CASE("what cannot be pruned is in the report and counts", "[pruning][cases]") {
  prunus::graph g;
  g.input("x", {4, 6, 6});
  g.convolution("tied", "x", {.out_channels = 4, .kernel = 1});
  g.convolution("free", g.add("s", {"x", "tied"}), {.out_channels = 4, .kernel = 1});
  g.linear("fc", g.flatten("f", "free"), {.out_features = 3});
  prunus::nn::network<float> net(g, {.seed = 3});
  const pass_report report = prune(net.model(), pass{l2_norm{}, prunus::filter}, 0.5).report;
  CHECK(says(remarks_about(report, "tied.weight"), "tied to inputs of the network"));
  CHECK(says(remarks_about(report, "fc.weight"), "outputs of the network"));
  CHECK(kept_of(report, "tied.weight") == 4);
  CHECK(kept_of(report, "free.weight") == 2);
  CHECK(kept_of(report, "fc.weight") == -1);
  CHECK(report.achieved() == 0.25);
  const pass_report coupled =
      prune(net.model(), pass{l2_norm{}, prunus::element}.within({.exclude = {"nothing*"}}), 0.5)
          .report;
  CHECK(says(remarks_about(coupled, ""), "\"nothing*\" excludes none"));
  CHECK(says(to_text(coupled), "note: the pattern"));
}

TEST_CASE("the classes of a model whose names are sorted are no guess", "[pruning][cases][law3]") {
  values classifier(10 * 8, 1), first(8 * 27), second(8 * 72);
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = static_cast<float>(i);
  for (std::size_t i = 0; i < second.size(); ++i) second[i] = static_cast<float>(i);
  const auto model = [&](bool output) {
    prunus::model<float> net;
    net.add("classifier.weight", prunus::view(classifier, {10, 8}), {.output = output});
    net.add("features.0.weight", prunus::view(first, {8, 3, 3, 3}));
    net.add("features.3.weight", prunus::view(second, {8, 8, 3, 3}));
    return net;
  };
  CHECK(support::code_of<argument_error>([&] {
          prune(model(false), pass{l2_norm{}, prunus::filter}, 0.5);
        }) == errc::unknown_outputs);
  const pruned done = prune(model(true), pass{l2_norm{}, prunus::filter}, 0.5);
  CHECK(std::count(classifier.begin(), classifier.end(), 0.0F) == 0);
  CHECK(done.masks["features.3.weight"].kept() == 4);
  CHECK(says(remarks_about(done.report, "classifier.weight"), "outputs of the network"));
}

TEST_CASE("prune() called again knows what is gone", "[pruning][cases]") {
  values w(1024);
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = static_cast<float>((i * 7919) % 1024 + 1) * (i % 2 == 0 ? 1.0F : -1.0F);
  prunus::model<float> net;
  net.add("w", prunus::view(w, {32, 32}));
  prune(net, pass{l1_norm{}, prunus::element}, 0.5);
  const pruned second = prune(net, pass{prunus::random_score{2}, prunus::element}, 0.5);
  CHECK(std::count(w.begin(), w.end(), 0.0F) == 512);
  CHECK(second.report.achieved() == 0.5);
  prune(net, pass{prunus::random_score{3}, prunus::element}, 0.75);
  CHECK(std::count(w.begin(), w.end(), 0.0F) == 768);
  // By magnitude zeros go first anyway; where there are more of them than asked for it is said.
  const pruned less = prune(net, pass{l1_norm{}, prunus::element}, 0.25);
  CHECK(std::count(w.begin(), w.end(), 0.0F) == 768);
  CHECK(says(remarks_about(less.report, "w"), "768 of its weights are zero"));

  values f{1, 1, 2, 2, 3, 3, 4, 4}, z(4, 1);
  prunus::model<float> two;
  two.add("f", prunus::view(f, {4, 2}));
  two.add("z", prunus::view(z, {2, 2}), {.output = true});
  prune(two, pass{l2_norm{}, prunus::filter}, 0.5);
  prunus::activation_statistics seen;  // biases keep the removed filters active
  seen.add("f", values{5, 5, 1, 1}, 1);
  const pruned again = prune(two, pass{prunus::activation_mean{seen}, prunus::filter}, 0.5);
  CHECK(f == values{0, 0, 0, 0, 3, 3, 4, 4});
  CHECK(again.report.achieved() == 0.5);
  prune(two, pass{prunus::activation_mean{seen}, prunus::filter}, 0.9);
  CHECK(std::count(f.begin(), f.end(), 0.0F) == 6);  // no layer dies
  values zeros(4, 0);
  prunus::model<float> unborn;  // not trained yet: there is nothing to be known
  unborn.add("w", prunus::view(zeros, {2, 2}));
  CHECK(prune(unborn, pass{prunus::random_score{1}, prunus::element}, 0.5).masks["w"].kept() == 2);
}

TEST_CASE("a target that is not reached is in the report, for every parameter",
          "[pruning][cases]") {
  values a(64), b(64);
  for (std::size_t i = 0; i < 64; ++i) a[i] = b[i] = static_cast<float>(i + 1);
  prunus::model<float> net;
  net.add("a", prunus::view(a, {8, 8}), {.limits = limits{.min_kept = 48}});
  net.add("b", prunus::view(b, {8, 8}));
  const pass_report by_limits = prune(net, pass{l1_norm{}, prunus::element}, 0.5).report;
  CHECK(says(remarks_about(by_limits, "a"),
             "32 of its 64 units were to go, 16 do; at least 48 must stay"));
  CHECK(remarks_about(by_limits, "b").empty());
  CHECK(by_limits.achieved() == Approx(48.0 / 128));
  prunus::model<float> one;
  one.add("b", prunus::view(b, {8, 8}));
  const pass_report pattern =
      prune(one, pass{l1_norm{}, prunus::element, prunus::n_of_m{2, 4}}, 0.9).report;
  CHECK(says(remarks_about(pattern, "b"), "58 of its 64 units were to go, 32 do"));
  const auto listed = pass{l1_norm{}, prunus::element, prunus::per_layer{{{"b", 0.75}}}};
  CHECK(prune(one, listed, 0.75).report.remarks.empty());
}

TEST_CASE("a pattern of the scope that includes nothing is an error", "[pruning][cases][scope]") {
  values a(4, 1);
  prunus::model<float> net;
  net.add("conv.weight", prunus::view(a, {2, 2}));
  const support::thrown error = support::error_of<argument_error>([&] {
    (void)pass{l1_norm{}, prunus::element}.within({.include = {"conv*", "cnov*"}}).prepare(net);
  });
  CHECK(error.code == errc::unknown_name);
  CHECK(error.says("cnov*"));
  CHECK(error.says("conv.weight"));
}

TEST_CASE("an allocation that breaks a promise is an error, and nothing has happened",
          "[pruning][cases][law11]") {
  using fault = wrong_allocation::fault;
  for (const bool coupled : {false, true})
    for (const fault of : {fault::keeps_nothing, fault::ignores_limits, fault::writes_seven}) {
      values w{1, 2, 3, 4, 5, 6, 7, 8};
      prunus::model<float> net;
      net.add("the.weight", prunus::view(w, {4, 2}), {.prunable = true});
      if (coupled) net.couple({{"the", 4, {{"the.weight", prunus::axis::out, {0, 1, 2, 3}}}}});
      const auto p =
          pass{l1_norm{}, prunus::filter, wrong_allocation{of}}.limited({.multiple_of = 2});
      prunus::pass_state state = p.prepare(net);
      const support::thrown error =
          support::error_of<argument_error>([&] { p.prune(net, state, 1, 0.5); });
      CAPTURE(coupled, static_cast<int>(of), error.message);
      CHECK(error.code == errc::broken_promise);
      CHECK(error.says("the allocation"));
      CHECK(error.says("the"));
      CHECK(w == values{1, 2, 3, 4, 5, 6, 7, 8});
      CHECK_FALSE(state.removed_anything());
      CHECK(state.last_event == 0);
    }
  values w{1, 2, 3, 4};
  prunus::model<float> net;
  net.add("w", prunus::view(w, {2, 2}));
  prunus::pass_state state = pass{l1_norm{}, prunus::element}.prepare(net);
  pass{l1_norm{}, prunus::element}.prune(net, state, 1, 0.5);
  const pass revives{l1_norm{}, prunus::element, wrong_allocation{fault::revives}};
  const support::thrown error =
      support::error_of<argument_error>([&] { revives.prune(net, state, 2, 0.5); });
  CHECK(error.code == errc::broken_promise);
  CHECK(error.says("unit 0 of w"));
  CHECK(w == values{0, 0, 3, 4});
}

TEST_CASE("NaN from a criterion is named whatever the allocation", "[pruning][cases]") {
  values w{1, 2, 3, 4};
  prunus::model<float> net;
  net.add("w", prunus::view(w, {2, 2}));
  const support::thrown error = support::error_of<prunus::value_error>([&] {
    prune(net,
          pass{gives_nan{}, prunus::element,
               wrong_allocation{wrong_allocation::fault::ignores_limits}},
          0.5);
  });
  CHECK(error.code == errc::not_finite);
  CHECK(error.says("w"));
  CHECK(w == values{1, 2, 3, 4});
}
