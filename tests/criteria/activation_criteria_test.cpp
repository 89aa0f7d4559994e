// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/per_layer.hpp>
#include <prunus/criteria/activation_count.hpp>
#include <prunus/criteria/activation_mean.hpp>
#include <prunus/criteria/activation_norm.hpp>
#include <prunus/criteria/apoz.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include "support/catch.hpp"
#include "support/criterion_laws.hpp"
#include "support/errors.hpp"

#include <cmath>   // std::abs, std::sqrt
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::activation_count;
using prunus::activation_measure;
using prunus::activation_norm;
using prunus::activation_statistics;
using prunus::axis;
using support::code_of;
using support::scores_of;

/// Wraps a criterion over statistics that fit whatever parameter it is given: `groups` times as
/// many channels as the axis is long, all alike where `alike`.
template <class Criterion>
struct with_fitting_statistics {
  Criterion (*make)(const activation_statistics&);
  axis along = axis::out;
  bool alike = true;

  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>& p, const prunus::tile_grid& grid,
             std::span<prunus::score_of<S>> scores) const {
    std::vector<double> values;
    for (Index c = 0; c < p.weight.extent(along); ++c)
      values.push_back(alike ? 0.75 : 0.25 * static_cast<double>(c + 1));
    activation_statistics statistics;
    statistics.add(p.name, values, {.accuracy = 0.5});
    make(statistics).score(p, grid, scores);
  }
};

activation_count weighted(const activation_statistics& s) { return {s}; }
activation_count weighted_sums(const activation_statistics& s) {
  return {s, activation_measure::weighted_sum, true, true};
}
activation_count unit_alone(const activation_statistics& s) {
  return {.statistics = s, .measure = activation_measure::sum, .times_magnitude = false};
}
activation_norm wanda(const activation_statistics& s) { return {s}; }
prunus::apoz zeros(const activation_statistics& s) { return {s}; }
prunus::activation_mean means(const activation_statistics& s) { return {s}; }

/// Four samples of three neurons behind a rectifier; the weights into them as out x in, that is,
/// transposed to how the kernel is written down beside: [[.5,-.2,.1],[.3,.4,-.9]].
struct hand_example {
  std::vector<double> activations{1, 0, .2, 2, 0, 0, .5, .1, 0, 0, 0, 0};
  std::vector<double> weights{.5, .3, -.2, .4, .1, -.9};
  activation_statistics outputs;
  prunus::model<double> net;

  hand_example() {
    outputs.add("fc1.weight", activations, 4);
    net.add("fc1.weight", prunus::view(weights, {3, 2}), {.prunable = true});
  }
  /// Prunes half of the weights and returns what is left, out x in.
  template <class Criterion>
  std::vector<double> halved(const Criterion& criterion) {
    std::vector<double> copy = weights;
    prunus::model<double> other;
    other.add("fc1.weight", prunus::view(copy, {3, 2}), {.prunable = true});
    prunus::prune(other, prunus::pass{criterion, prunus::element, prunus::global{}}, 0.5);
    return copy;
  }
};

/// A plain loop over all weights: the sum, or with `mean` the mean, of factor(out, in) * of(w).
template <class S, class Factor, class Of>
std::vector<double> naive_scores(support::criterion_subject<S>& subject, const prunus::tile& tile,
                                 bool mean, const Factor& factor, const Of& of) {
  const auto w = subject.weight.view();
  const support::naive_grid grid(w, tile);
  std::vector<double> sums(static_cast<std::size_t>(grid.size())), counts(sums.size());
  support::for_each_position(subject.shape, [&](Index o, Index i, Index h, Index x) {
    const std::size_t t = static_cast<std::size_t>(grid.at(o, i, h, x));
    sums[t] += factor(o, i) * of(static_cast<double>(static_cast<float>(w(o, i, h, x))));
    counts[t] += 1;
  });
  for (std::size_t t = 0; mean && t < sums.size(); ++t) sums[t] /= counts[t];
  return sums;
}

template <class T>
bool agree(const std::vector<T>& scores, const std::vector<double>& expected) {
  bool right = scores.size() == expected.size();
  for (std::size_t t = 0; right && t < scores.size(); ++t)
    right = support::nearly(scores[t], static_cast<T>(expected[t]));
  return right;
}

}  // namespace

TEMPLATE_TEST_CASE("criteria over activations keep the laws of criteria",
                   "[criteria][activation_count]", float, double, Eigen::half) {
  using support::scale_law;
  support::check_criterion_laws<TestType>(with_fitting_statistics<activation_count>{weighted});
  support::check_criterion_laws<TestType>(with_fitting_statistics<activation_count>{weighted_sums});
  support::check_criterion_laws<TestType>(
      with_fitting_statistics<activation_norm>{wanda, axis::in, false});
  const support::criterion_declaration unread{.scale = scale_law::unchanged, .reads_values = false};
  support::check_criterion_laws<TestType>(with_fitting_statistics<activation_count>{unit_alone},
                                          unread);
  support::check_criterion_laws<TestType>(with_fitting_statistics<prunus::apoz>{zeros}, unread);
  support::check_criterion_laws<TestType>(with_fitting_statistics<prunus::activation_mean>{means},
                                          unread);
}

TEST_CASE("activation_count times magnitude worked out by hand", "[criteria][activation_count]") {
  hand_example example;
  const auto scores =
      scores_of(activation_count{example.outputs}, example.net["fc1.weight"], prunus::element);
  CHECK(agree(scores, {1.5, .9, .2, .4, .1, .9}));
  // Column 1 of the kernel is dead, and (0, 2) is gone.
  CHECK(example.halved(activation_count{example.outputs}) ==
        std::vector<double>{.5, .3, 0, 0, 0, -.9});
}

TEST_CASE("the example tells activation_count from magnitude and from a count of zeros",
          "[criteria][activation_count]") {
  hand_example example;
  CHECK(example.halved(prunus::l1_norm{}) == std::vector<double>{.5, 0, 0, .4, 0, -.9});
  // A counter of zeros sees 1, 3, 3 where the counter of activity sees 3, 1, 1.
  std::vector<double> inverted;
  for (double x : example.activations) inverted.push_back(x == 0 ? 1 : 0);
  activation_statistics zero_counts;
  zero_counts.add("fc1.weight", inverted, 4);
  CHECK(zero_counts["fc1.weight"].active == std::vector<std::int64_t>{1, 3, 3});
  CHECK(example.halved(activation_count{zero_counts}) ==
        std::vector<double>{0, 0, -.2, .4, 0, -.9});
}

TEST_CASE("a unit's count alone may cut a unit in part", "[criteria][activation_count]") {
  hand_example example;
  const activation_count alone{.statistics = example.outputs, .times_magnitude = false};
  CHECK(scores_of(alone, example.net["fc1.weight"], prunus::element) ==
        std::vector<double>{3, 3, 1, 1, 1, 1});
  CHECK(scores_of(alone, example.net["fc1.weight"], prunus::filter) ==
        std::vector<double>{3, 1, 1});
  CHECK(example.halved(alone) == std::vector<double>{.5, .3, 0, 0, 0, -.9});
  const activation_count sums{
      .statistics = example.outputs, .measure = activation_measure::sum, .times_magnitude = false};
  CHECK(agree(scores_of(sums, example.net["fc1.weight"], prunus::filter), {3.5, .1, .2}));
  activation_count share = alone;
  share.per_position = true;
  CHECK(scores_of(share, example.net["fc1.weight"], prunus::filter) ==
        std::vector<double>{.75, .25, .25});
}

TEST_CASE("apoz and activation_mean worked out by hand", "[criteria][apoz]") {
  hand_example example;
  const auto& p = example.net["fc1.weight"];
  CHECK(scores_of(prunus::apoz{example.outputs}, p, prunus::filter) ==
        std::vector<double>{.75, .25, .25});
  CHECK(agree(scores_of(prunus::activation_mean{example.outputs}, p, prunus::filter),
              {.875, .025, .05}));
}

TEST_CASE("activation_norm worked out by hand", "[criteria][activation_norm]") {
  // ||x_0|| = 5, ||x_1|| = 1
  activation_statistics inputs;
  inputs.add("w", std::vector<double>{3, 0, -4, 1}, 2);
  std::vector<double> weights{1, -6, 2, 0.5};
  const prunus::parameter<double> p{"w", prunus::view(weights, {2, 2})};
  CHECK(scores_of(activation_norm{inputs}, p, prunus::element) ==
        std::vector<double>{5, 6, 10, .5});
  CHECK(scores_of(activation_norm{inputs}, p, prunus::filter) == std::vector<double>{11, 10.5});
  CHECK(scores_of(activation_norm{inputs}, p, prunus::channel) == std::vector<double>{15, 6.5});
}

TEMPLATE_TEST_CASE("criteria over activations agree with plain loops on random shapes and layouts",
                   "[criteria][activation_count]", float, double, Eigen::bfloat16) {
  support::random_source random(17);
  for (int round = 0; round < 60; ++round) {
    const Index groups = random.chance(0.3) ? random.between(2, 3) : 1;
    const support::shape4 shape{groups * random.between(1, 5), random.between(1, 12),
                                random.between(1, 3), random.between(1, 3)};
    const auto order = support::memory_orders[static_cast<std::size_t>(random.between(0, 7))];
    const prunus::tile tile = round % 3 == 0
                                  ? prunus::element
                                  : prunus::tile{random.between(0, 4), random.between(0, 4),
                                                 random.between(0, 3), random.between(0, 3)};
    support::criterion_subject<TestType> subject(order, shape, random.bits());
    std::vector<double> writes, reads;
    for (Index c = 0; c < 2 * shape.out; ++c)
      writes.push_back(static_cast<double>(random.between(0, 3)));
    for (Index c = 0; c < 2 * shape.in * groups; ++c)
      reads.push_back(static_cast<double>(random.between(-2, 3)));
    activation_statistics outputs, inputs;
    outputs.add("subject.weight", writes, 2);
    inputs.add("subject.weight", reads, 2);
    const auto& out = outputs["subject.weight"];
    const auto& in = inputs["subject.weight"];
    const auto p = subject.parameter();
    const auto read_by = [&](Index o, Index i) { return o / (shape.out / groups) * shape.in + i; };
    const auto count = [&](Index o, Index) {
      return static_cast<double>(out.active[static_cast<std::size_t>(o)]);
    };
    const auto norm = [&](Index o, Index i) { return in.norm(read_by(o, i)); };
    const auto share = [&](Index o, Index i) { return in.active_share(read_by(o, i)); };
    const auto magnitude = [](double w) { return std::abs(w); };
    const auto one = [](double) { return 1.0; };
    CAPTURE(round, order, groups, shape.out, shape.in, shape.height, shape.width, tile.out, tile.in,
            tile.height, tile.width);
    REQUIRE(agree(scores_of(activation_count{outputs}, p, tile),
                  naive_scores(subject, tile, false, count, magnitude)));
    REQUIRE(
        agree(scores_of(activation_count{.statistics = outputs, .times_magnitude = false}, p, tile),
              naive_scores(subject, tile, true, count, one)));
    REQUIRE(agree(scores_of(activation_norm{inputs}, p, tile),
                  naive_scores(subject, tile, false, norm, magnitude)));
    REQUIRE(agree(scores_of(prunus::apoz{inputs, axis::in}, p, tile),
                  naive_scores(subject, tile, true, share, one)));
  }
}

TEST_CASE("a global target of all kernels is reached by the hidden ones alone",
          "[criteria][activation_count]") {
  // As the authors count: the output kernel stands in the total and is never pruned.
  std::vector<float> hidden(20), last(10, 1.0F);
  for (std::size_t i = 0; i < hidden.size(); ++i) hidden[i] = 0.1F * static_cast<float>(i + 1);
  prunus::model<float> net;
  net.add("fc1.weight", prunus::view(hidden, {5, 4}));
  net.add("fc2.weight", prunus::view(last, {2, 5}));
  activation_statistics outputs;
  outputs.add("fc1.weight", std::vector<float>{1, 0, 2, 0, 3}, 1);
  outputs.add("fc2.weight", std::vector<float>{0, 1}, 1);
  const double all = 30, prunable = 20, wanted = 0.5;
  const prunus::pruned result = prunus::prune(
      net,
      prunus::pass{activation_count{outputs}, prunus::element, prunus::global{}}.within(
          {.exclude = {"fc2.weight"}}),
      wanted * all / prunable);
  REQUIRE(result.report.parameters.size() == 1);
  CHECK(result.report.parameters[0].kept == 5);  // 15 of all 30 are gone
  // Rows of silent neurons go first, then the smallest c |w|.
  CHECK(hidden[0] == 0.0F);
  for (std::size_t i : {4U, 5U, 6U, 7U, 12U, 13U, 14U, 15U}) CHECK(hidden[i] == 0.0F);
  CHECK(last == std::vector<float>(10, 1.0F));
}

TEST_CASE("one hidden layer at a time is an allocation per layer", "[criteria][activation_count]") {
  std::vector<float> first(12, 1.0F), second(12, 1.0F);
  prunus::model<float> net;
  net.add("fc1.weight", prunus::view(first, {4, 3}), {.prunable = true});
  net.add("fc2.weight", prunus::view(second, {3, 4}), {.prunable = true});
  activation_statistics outputs;
  outputs.add("fc1.weight", std::vector<float>{1, 0, 1, 0}, 1);
  outputs.add("fc2.weight", std::vector<float>{0, 1, 1}, 1);
  prunus::prune(net,
                prunus::pass{activation_count{.statistics = outputs, .times_magnitude = false},
                             prunus::filter, prunus::per_layer{{{"fc1.weight", 0.5}}}},
                0.5);
  CHECK(first == std::vector<float>{1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0});
  CHECK(second == std::vector<float>(12, 1.0F));
}

TEST_CASE("an event sees what was gathered until then", "[criteria][activation_count]") {
  activation_statistics outputs;
  const activation_count criterion{.statistics = outputs, .times_magnitude = false};
  std::vector<float> weights(4, 1.0F);
  const prunus::parameter<float> p{"w", prunus::view(weights, {2, 2})};
  outputs.add("w", std::vector<float>{1, 0}, 1);
  CHECK(scores_of(criterion, p, prunus::filter) == std::vector<float>{1, 0});
  outputs.add("w", std::vector<float>{1, 1}, 1);
  CHECK(scores_of(criterion, p, prunus::filter) == std::vector<float>{2, 1});
}

TEST_CASE("statistics that do not fit are refused by name", "[criteria][activation_count]") {
  activation_statistics statistics;
  statistics.add("w", std::vector<float>{1, 0, 2}, 1);
  std::vector<float> weights(8, 1.0F);
  const prunus::parameter<float> p{"w", prunus::view(weights, {2, 4})};
  const prunus::parameter<float> stranger{"stranger", prunus::view(weights, {2, 4})};
  const support::thrown wrong = support::error_of<prunus::shape_error>(
      [&] { (void)scores_of(activation_count{statistics}, p, prunus::filter); });
  CHECK(wrong.code == prunus::errc::shape_mismatch);
  CHECK(wrong.says("w is 2 x 4"));
  CHECK(wrong.says("3 channels"));
  CHECK(code_of<prunus::shape_error>([&] {
          (void)scores_of(activation_norm{statistics}, p, prunus::filter);
        }) == prunus::errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>([&] {
          (void)scores_of(prunus::apoz{statistics}, stranger, prunus::filter);
        }) == prunus::errc::unknown_name);
  CHECK(code_of<prunus::argument_error>([&] {
          (void)scores_of(prunus::apoz{statistics, axis::width}, p, prunus::filter);
        }) == prunus::errc::unsupported);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<prunus::statistics_ref<activation_statistics>,
                                               activation_statistics>);
}
