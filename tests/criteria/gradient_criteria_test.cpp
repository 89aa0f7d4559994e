// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/movement.hpp>
#include <prunus/criteria/snip.hpp>
#include <prunus/criteria/taylor.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/criterion_laws.hpp"
#include "support/errors.hpp"

#include <cmath>        // std::abs, std::pow, std::sqrt
#include <cstdint>      // std::int64_t
#include <string>       // std::string
#include <type_traits>  // std::is_same_v
#include <vector>       // std::vector

namespace {

using Eigen::Index;
using prunus::movement_options;
using prunus::movement_scores;
using prunus::taylor_statistics;
using prunus::taylor_term;
using support::code_of;
using support::scores_of;

/// The tile that a grid was made with.
prunus::tile tile_of(const prunus::tile_grid& grid) {
  prunus::tile shape;
  for (std::size_t k = 0; k < 4; ++k) {
    const Index extent = grid.tile_extents()[k];
    switch (grid.axes()[k]) {
      case prunus::axis::out:
        shape.out = extent;
        break;
      case prunus::axis::in:
        shape.in = extent;
        break;
      case prunus::axis::height:
        shape.height = extent;
        break;
      case prunus::axis::width:
        shape.width = extent;
        break;
    }
  }
  return shape;
}

template <prunus::weight_scalar S>
prunus::model<S> model_of(const prunus::parameter<S>& p) {
  prunus::model<S> net;
  net.add(p.name, p.weight, {.gradient = p.options.gradient, .prunable = true});
  return net;
}

/// taylor after one batch of the parameter's own weights and gradients.
struct taylor_of_one_batch {
  taylor_term term = taylor_term::squares;
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>& p, const prunus::tile_grid& grid,
             std::span<prunus::score_of<S>> scores) const {
    const auto net = model_of(p);
    taylor_statistics statistics{net, tile_of(grid), term};
    statistics.add(net);
    prunus::taylor{statistics}.score(p, grid, scores);
  }
};
/// movement after one step of gradient descent.
struct movement_of_one_step {
  template <prunus::weight_scalar S>
  void score(const prunus::parameter<S>& p, const prunus::tile_grid& grid,
             std::span<prunus::score_of<S>> scores) const {
    const auto net = model_of(p);
    movement_scores learned{net, tile_of(grid), {.update = movement_options::rule::sgd}};
    learned.step(net);
    prunus::movement{learned}.score(p, grid, scores);
  }
};

/// Two filters of two weights, frozen over a window of two batches.
struct hand_example {
  std::vector<double> weights{1, 2, .5, -1}, gradients{.1, -.2, .4, .3};
  prunus::model<double> net;
  hand_example() {
    net.add("conv.weight", prunus::view(weights, {2, 2}),
            {.gradient = prunus::view(gradients, {2, 2}), .prunable = true});
  }
  void next_batch() { gradients = {.2, .1, -.2, .1}; }
  [[nodiscard]] const prunus::parameter<double>& parameter() const { return net["conv.weight"]; }
};

template <class T>
bool agree(const std::vector<T>& scores, const std::vector<double>& expected) {
  bool right = scores.size() == expected.size();
  for (std::size_t t = 0; right && t < scores.size(); ++t)
    right = support::nearly(scores[t], static_cast<T>(expected[t]));
  return right;
}

/// One sum a tile of term(w, g) over its weights, by a plain loop.
template <class S, class Term>
std::vector<double> naive_sums(support::criterion_subject<S>& subject, const prunus::tile& shape,
                               const Term& term) {
  const auto w = subject.weight.view(), g = subject.gradient.view();
  const support::naive_grid grid(w, shape);
  std::vector<double> sums(static_cast<std::size_t>(grid.size()));
  support::for_each_position(subject.shape, [&](Index o, Index i, Index h, Index x) {
    sums[static_cast<std::size_t>(grid.at(o, i, h, x))] +=
        term(static_cast<double>(static_cast<float>(w(o, i, h, x))) *
             static_cast<double>(static_cast<float>(g(o, i, h, x))));
  });
  return sums;
}

template <class Statistics>
Statistics saved_and_loaded(const Statistics& statistics, Statistics into) {
  prunus::archive_writer out;
  statistics.save(out);
  prunus::archive_reader in(out.bytes(), "memory");
  into.load(in);
  CHECK(in.at_end());
  return into;
}

}  // namespace

TEMPLATE_TEST_CASE("criteria over gradients keep the laws of criteria", "[criteria][taylor]", float,
                   double, Eigen::half) {
  using support::scale_law;
  support::check_criterion_laws<TestType>(taylor_of_one_batch{},
                                          {scale_law::quadratic, true, true});
  support::check_criterion_laws<TestType>(taylor_of_one_batch{taylor_term::magnitude},
                                          {scale_law::proportional, true, true});
  support::check_criterion_laws<TestType>(taylor_of_one_batch{taylor_term::square_of_sum},
                                          {scale_law::quadratic, true, true});
  support::check_criterion_laws<TestType>(prunus::snip{}, {scale_law::proportional, true, true});
  support::check_criterion_laws<TestType>(movement_of_one_step{},
                                          {scale_law::undeclared, true, true});
}

TEST_CASE("taylor over a window of two batches worked out by hand", "[criteria][taylor]") {
  hand_example example;
  taylor_statistics elements{example.net, prunus::element}, filters{example.net, prunus::filter},
      groups{example.net, prunus::filter, taylor_term::magnitude},
      squares{example.net, prunus::filter, taylor_term::square_of_sum};
  for (int batch = 0; batch < 2; ++batch) {
    for (taylor_statistics* statistics : {&elements, &filters, &groups, &squares})
      statistics->add(example.net);
    example.next_batch();
  }
  const auto& p = example.parameter();
  CHECK(filters.batches() == 2);
  CHECK(agree(scores_of(prunus::taylor{elements}, p, prunus::element), {.025, .10, .025, .05}));
  CHECK(agree(scores_of(prunus::taylor{filters}, p, prunus::filter), {.125, .075}));
  // sum w g is -.3 and then .4 in filter 0, -.1 and then -.2 in filter 1.
  CHECK(
      agree(scores_of(prunus::taylor{groups}, p, prunus::filter), {(.3 + .4) / 2, (.1 + .2) / 2}));
  CHECK(agree(scores_of(prunus::taylor{squares}, p, prunus::filter),
              {(.09 + .16) / 2, (.01 + .04) / 2}));
}

TEST_CASE("at one half taylor prunes the second filter of the example", "[criteria][taylor]") {
  hand_example example;
  taylor_statistics filters{example.net, prunus::filter};
  filters.add(example.net);
  example.next_batch();
  filters.add(example.net);
  prunus::prune(example.net, prunus::pass{prunus::taylor{filters}, prunus::filter}, 0.5);
  CHECK(example.weights == std::vector<double>{1, 2, 0, 0});
  // What is pruned adds nothing from now on, so that it stays among the least.
  filters.reset();
  filters.add(example.net);
  CHECK(scores_of(prunus::taylor{filters}, example.parameter(), prunus::filter)[1] == 0);
}

TEST_CASE("coupled filters are ranked by the mean of their scores", "[criteria][taylor]") {
  // w g makes the scores [1, 4] and [5, 0]: alone the first layer would lose filter 0.
  std::vector<double> a{1, 2}, b{std::sqrt(5.0), 0}, ones{1, 1};
  prunus::model<double> net;
  net.add("a", prunus::view(a, {2, 1}), {.gradient = prunus::view(ones, {2, 1})});
  std::vector<double> more_ones{1, 1};
  net.add("b", prunus::view(b, {2, 1}), {.gradient = prunus::view(more_ones, {2, 1})});
  net.couple({{"sum", 2, {{"a", prunus::axis::out, {0, 1}}, {"b", prunus::axis::out, {0, 1}}}}});
  taylor_statistics statistics{net, prunus::filter};
  statistics.add(net);
  CHECK(scores_of(prunus::taylor{statistics}, net["a"], prunus::filter) ==
        std::vector<double>{1, 4});
  prunus::prune(net, prunus::pass{prunus::taylor{statistics}, prunus::filter}, 0.5);
  CHECK(a == std::vector<double>{1, 0});
  CHECK(b[0] > 0);
  CHECK(b[1] == 0);
}

TEMPLATE_TEST_CASE("criteria over gradients agree with plain loops on random shapes and layouts",
                   "[criteria][taylor]", float, double, Eigen::bfloat16) {
  support::random_source random(23);
  for (int round = 0; round < 60; ++round) {
    const support::shape4 shape{random.between(1, 7), random.between(1, 14), random.between(1, 3),
                                random.between(1, 5)};
    const auto order = support::memory_orders[static_cast<std::size_t>(random.between(0, 7))];
    const prunus::tile tile = round % 4 == 0
                                  ? prunus::element
                                  : prunus::tile{random.between(0, 4), random.between(0, 4),
                                                 random.between(0, 3), random.between(0, 3)};
    support::criterion_subject<TestType> subject(order, shape, random.bits());
    CAPTURE(round, order, shape.out, shape.in, shape.height, shape.width, tile.out, tile.in,
            tile.height, tile.width);
    const auto p = subject.parameter();
    const auto squares = naive_sums(subject, tile, [](double x) { return x * x; });
    const auto magnitudes = naive_sums(subject, tile, [](double x) { return std::abs(x); });
    auto sums = naive_sums(subject, tile, [](double x) { return x; });
    // Sums may cancel: what they are sums of says how much rounding they may show.
    const auto near_sums = [&](const auto& scores, const auto& of) {
      bool right = scores.size() == sums.size();
      for (std::size_t t = 0; right && t < scores.size(); ++t)
        right = std::abs(static_cast<double>(scores[t]) - of(sums[t])) <=
                1e-5 * (magnitudes[t] + magnitudes[t] * magnitudes[t]);
      return right;
    };
    REQUIRE(agree(scores_of(taylor_of_one_batch{}, p, tile), squares));
    REQUIRE(agree(scores_of(prunus::snip{}, p, tile), magnitudes));
    REQUIRE(near_sums(scores_of(taylor_of_one_batch{taylor_term::magnitude}, p, tile),
                      [](double x) { return std::abs(x); }));
    REQUIRE(near_sums(scores_of(taylor_of_one_batch{taylor_term::square_of_sum}, p, tile),
                      [](double x) { return x * x; }));
    REQUIRE(
        near_sums(scores_of(movement_of_one_step{}, p, tile), [](double x) { return -0.01 * x; }));
  }
}

TEST_CASE("one movement step worked out by hand", "[criteria][movement]") {
  std::vector<double> weights{.5, -.25}, gradients{.2, -.4};
  prunus::model<double> net;
  net.add("w", prunus::view(weights, {1, 2}),
          {.gradient = prunus::view(gradients, {1, 2}), .prunable = true});
  movement_scores plain{net, prunus::filter, {.update = movement_options::rule::sgd}},
      adam{net, prunus::filter}, single{net, prunus::element, {movement_options::rule::sgd}};
  for (movement_scores<double>* scores : {&plain, &adam, &single}) scores->step(net);
  const auto& p = net["w"];
  // Both weights head for zero: the slope is .5 * .2 + .25 * .4 = .2.
  CHECK(agree(scores_of(prunus::movement{plain}, p, prunus::filter), {-.002}));
  CHECK(scores_of(prunus::movement{adam}, p, prunus::filter)[0] == Approx(-.01).epsilon(1e-6));
  CHECK(agree(scores_of(prunus::movement{single}, p, prunus::element), {-.001, -.001}));
  plain.step(net);
  CHECK(agree(scores_of(prunus::movement{plain}, p, prunus::filter), {-.004}));
}

TEST_CASE("movement scores follow adam as written down", "[criteria][movement]") {
  constexpr std::size_t count = 1100;  // more than are moved together
  std::vector<double> weights(count, 1), gradients(count, 0), first(count, 0), second(count, 0),
      expected(count, 0);
  prunus::model<double> net;
  net.add("w", prunus::view(weights, {count, 1}),
          {.gradient = prunus::view(gradients, {count, 1}), .prunable = true});
  std::vector<double> wide(2 * count, 1), wide_gradients(2 * count, 0);  // sums of two are the same
  net.add("wide", prunus::view(wide, {count, 2}),
          {.gradient = prunus::view(wide_gradients, {count, 2}), .prunable = true});
  movement_scores scores{net, prunus::element}, of_outputs{net, prunus::filter};
  support::random_source random(9);
  for (int step = 1; step <= 5; ++step) {
    for (std::size_t i = 0; i < count; ++i)
      wide_gradients[2 * i + 1] = gradients[i] = random.real(-1, 1);
    scores.step(net);
    of_outputs.step(net);
    for (std::size_t i = 0; i < count; ++i) {
      first[i] = 0.9 * first[i] + 0.1 * gradients[i];
      second[i] = 0.999 * second[i] + 0.001 * gradients[i] * gradients[i];
      expected[i] -= 0.01 * (first[i] / (1 - std::pow(0.9, step))) /
                     (std::sqrt(second[i] / (1 - std::pow(0.999, step))) + 1e-8);
    }
    const auto single = scores_of(prunus::movement{scores}, net["w"], prunus::element);
    const auto filters = scores_of(prunus::movement{of_outputs}, net["wide"], prunus::filter);
    for (std::size_t i = 0; i < count; ++i) {
      REQUIRE(single[i] == Approx(expected[i]));
      REQUIRE(filters[i] == Approx(expected[i]));
    }
  }
}

TEST_CASE("movement scores of float weights follow adam as a double loop does, within rounding",
          "[criteria][movement]") {
  constexpr std::size_t count = 1100;
  std::vector<float> weights(count, 1), gradients(count, 0);
  std::vector<double> first(count, 0), second(count, 0), expected(count, 0);
  prunus::model<float> net;
  net.add("w", prunus::view(weights, {count, 1}),
          {.gradient = prunus::view(gradients, {count, 1}), .prunable = true});
  movement_scores scores{net, prunus::element};
  static_assert(std::is_same_v<decltype(scores), movement_scores<float>>);
  support::random_source random(10);
  for (int step = 1; step <= 50; ++step) {
    for (float& g : gradients) g = static_cast<float>(random.real(-1, 1));
    scores.step(net);
    for (std::size_t i = 0; i < count; ++i) {
      const auto g = static_cast<double>(gradients[i]);
      first[i] = 0.9 * first[i] + 0.1 * g;
      second[i] = 0.999 * second[i] + 0.001 * g * g;
      expected[i] -= 0.01 * (first[i] / (1 - std::pow(0.9, step))) /
                     (std::sqrt(second[i] / (1 - std::pow(0.999, step))) + 1e-8);
    }
  }
  const auto learned = scores_of(prunus::movement{scores}, net["w"], prunus::element);
  // 50 steps of at most 0.1, each rounded a few times to 2^-24 of what it adds to.
  for (std::size_t i = 0; i < count; ++i)
    REQUIRE(std::abs(static_cast<double>(learned[i]) - expected[i]) < 1e-5);
}

TEST_CASE("movement scores of another scalar or an older format are refused",
          "[criteria][movement]") {
  std::vector<float> weights{1, 2}, gradients{3, 4};
  prunus::model<float> net;
  net.add("conv.weight", prunus::view(weights, {2, 1}),
          {.gradient = prunus::view(gradients, {2, 1}), .prunable = true});
  movement_scores in_float{net, prunus::element};
  in_float.step(net);
  prunus::archive_writer out;
  in_float.save(out);
  std::vector<double> wide{1, 2}, wide_gradients{3, 4};
  prunus::model<double> other;
  other.add("conv.weight", prunus::view(wide, {2, 1}),
            {.gradient = prunus::view(wide_gradients, {2, 1}), .prunable = true});
  movement_scores in_double{other, prunus::element};
  prunus::archive_reader in(out.bytes(), "scores");
  CHECK(code_of<prunus::file_error>([&] { in_double.load(in); }) == prunus::errc::malformed);
  CHECK(in_double.steps() == 0);

  prunus::archive_writer old;
  old.tag("prunus movement 1");
  old.number(std::int64_t{1});
  prunus::archive_reader before(old.bytes(), "scores");
  CHECK(code_of<prunus::file_error>([&] { in_float.load(before); }) == prunus::errc::malformed);
  CHECK(in_float.steps() == 1);
}

TEST_CASE("a run goes on bit for bit from saved statistics of gradients", "[criteria][taylor]") {
  hand_example example;
  taylor_statistics products{example.net, prunus::filter};
  movement_scores learned{example.net, prunus::element};
  products.add(example.net);
  learned.step(example.net);
  taylor_statistics resumed_products =
      saved_and_loaded(products, taylor_statistics{example.net, prunus::filter});
  movement_scores resumed =
      saved_and_loaded(learned, movement_scores{example.net, prunus::element});
  REQUIRE(resumed_products == products);
  example.next_batch();
  for (taylor_statistics* statistics : {&products, &resumed_products}) statistics->add(example.net);
  for (movement_scores<double>* scores : {&learned, &resumed}) scores->step(example.net);
  CHECK(resumed_products == products);
  CHECK(resumed_products.batches() == 2);
  CHECK(scores_of(prunus::movement{resumed}, example.parameter(), prunus::element) ==
        scores_of(prunus::movement{learned}, example.parameter(), prunus::element));
  CHECK(resumed.steps() == 2);

  taylor_statistics halves{example.net, prunus::filter};
  halves.merge(products);
  CHECK(halves == products);
}

TEST_CASE("statistics of gradients refuse what does not fit", "[criteria][taylor]") {
  hand_example example;
  const auto& p = example.parameter();
  taylor_statistics filters{example.net, prunus::filter};
  const prunus::taylor criterion{filters};
  CHECK(code_of<prunus::state_error>([&] { (void)scores_of(criterion, p, prunus::filter); }) ==
        prunus::errc::wrong_order);
  filters.add(example.net);
  CHECK(code_of<prunus::shape_error>([&] { (void)scores_of(criterion, p, prunus::element); }) ==
        prunus::errc::shape_mismatch);
  prunus::parameter<double> stranger = p;
  stranger.name = "stranger";
  CHECK(code_of<prunus::argument_error>([&] {
          (void)scores_of(criterion, stranger, prunus::filter);
        }) == prunus::errc::unknown_name);

  std::vector<double> weights{1, 2, 3, 4};
  const prunus::parameter<double> no_gradient{"w", prunus::view(weights, {2, 2})};
  const support::thrown none = support::error_of<prunus::argument_error>(
      [&] { (void)scores_of(prunus::snip{}, no_gradient, prunus::filter); });
  CHECK(none.code == prunus::errc::null_storage);
  CHECK(none.says("w has no gradient"));
  prunus::model<double> bare, other;
  bare.add("w", no_gradient.weight);
  CHECK(code_of<prunus::argument_error>([&] {
          const taylor_statistics nothing{bare, prunus::filter};
        }) == prunus::errc::empty_model);
  CHECK(code_of<prunus::argument_error>([&] { filters.add(bare); }) == prunus::errc::unknown_name);
  other.add("conv.weight", prunus::view(weights, {4, 1}));
  CHECK(code_of<prunus::argument_error>([&] { filters.add(other); }) == prunus::errc::null_storage);
  CHECK(code_of<prunus::argument_error>([&] {
          const movement_scores scores{example.net, prunus::filter, {.learning_rate = 0}};
        }) == prunus::errc::out_of_range);

  const taylor_statistics elements{example.net, prunus::element},
      groups{example.net, prunus::filter, taylor_term::magnitude};
  CHECK(code_of<prunus::shape_error>([&] { filters.merge(elements); }) ==
        prunus::errc::shape_mismatch);
  CHECK(code_of<prunus::shape_error>([&] { filters.merge(groups); }) ==
        prunus::errc::shape_mismatch);
  const taylor_statistics before = filters;
  for (const taylor_statistics* foreign : {&elements, &groups}) {
    prunus::archive_writer out;
    foreign->save(out);
    prunus::archive_reader in(out.bytes(), "foreign");
    CHECK(code_of<prunus::shape_error>([&] { filters.load(in); }) == prunus::errc::shape_mismatch);
  }
  prunus::archive_writer out;
  filters.save(out);
  const std::string pieces = support::pieces_of(out.bytes());
  const std::string part = support::sealed(pieces.substr(0, pieces.size() - 1));
  prunus::archive_reader in(part, "short");
  CHECK(code_of<prunus::file_error>([&] { filters.load(in); }) == prunus::errc::truncated);
  CHECK(filters == before);
}
