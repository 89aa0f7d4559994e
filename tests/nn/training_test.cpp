// SPDX-License-Identifier: MIT
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/nn/training/adam.hpp>
#include <prunus/nn/training/learning_rate.hpp>
#include <prunus/nn/training/minibatches.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cmath>    // std::sqrt
#include <cstddef>  // std::size_t
#include <vector>   // std::vector

namespace {

using prunus::errc;
using prunus::graph;
using prunus::Index;
using support::code_of;
namespace nn = prunus::nn;

/// Images of 8 x 8 noise with a bright quarter; the quarter is the label.
struct toy_problem {
  std::vector<float> images;
  std::vector<int> labels;

  explicit toy_problem(Index samples, std::uint64_t seed = 1) {
    const nn::counter_random random(seed, 0);
    for (Index n = 0; n < samples; ++n) {
      const int label = static_cast<int>(n % 4);
      for (Index i = 0; i < 64; ++i) {
        const bool bright = (i / 8 / 4) * 2 + i % 8 / 4 == label;
        images.push_back(static_cast<float>(
            0.5 * random.normal(static_cast<std::uint64_t>(n * 64 + i)) + bright));
      }
      labels.push_back(label);
    }
  }
};

graph toy_network() {
  graph g;
  g.input("image", {1, 8, 8});
  g.convolution("conv", "image", {.out_channels = 4, .kernel = 3, .padding = 1, .bias = false});
  g.relu("relu", g.batch_norm("bn", "conv"));
  g.flatten("flat", g.max_pooling("pool", "relu", 2, 2));
  g.linear("fc", g.dropout("drop", "flat", 0.1), {.out_features = 4});
  return g;
}

graph one_weight() {
  graph g;
  g.input("x", {1, 1, 1});
  g.linear("fc", "x", {.out_features = 1});
  return g;
}

/// Three updates of a network of one weight and one bias with gradients 1, -2, 0.5, from weight 2
/// and bias 1.
template <class Rule>
std::vector<double> three_updates(const Rule& rule) {
  nn::network<double> net(one_weight());
  nn::optimizer<double, Rule> optimize(net, rule);
  const auto &w = net.model()["fc.weight"], &b = net.model()["fc.bias"];
  w.weight.data[0] = 2;
  b.weight.data[0] = 1;
  std::vector<double> trace;
  for (double g : {1.0, -2.0, 0.5}) {
    w.options.gradient.data[0] = b.options.gradient.data[0] = g;
    optimize.step();
    trace.push_back(w.weight.data[0]);
    trace.push_back(b.weight.data[0]);
  }
  return trace;
}

void check_near(const std::vector<double>& values, const std::vector<double>& expected) {
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    CHECK(values[i] == Approx(expected[i]).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("train_step learns a separable toy problem", "[nn][training]") {
  const toy_problem train(200, 1), test(80, 2);
  nn::network<float> net(toy_network(), {.seed = 1, .threads = 2});
  nn::optimizer<float, nn::sgd> optimize(net, {.learning_rate = 0.05});
  nn::minibatches<float> batches(train.images, train.labels, {.batch = 50});
  const nn::evaluation before = nn::evaluate<float>(net, test.images, test.labels);
  for (std::uint64_t epoch = 0; epoch < 6; ++epoch)
    for (Index b = 0; b < batches.count(); ++b) {
      const auto batch = batches(epoch, b);
      nn::train_step(net, optimize, batch.images, batch.labels, 0.05);
    }
  const nn::evaluation after = nn::evaluate<float>(net, test.images, test.labels, 30);
  CHECK(after.loss < before.loss / 4);
  CHECK(after.accuracy > 0.95);
}

TEST_CASE("train_step calls its hook between the gradients and the update", "[nn][training]") {
  const toy_problem data(20);
  nn::network<float> net(toy_network());
  nn::optimizer<float, nn::sgd> optimize(net, {});
  const auto& p = net.model()["conv.weight"];
  const std::vector<float> before(p.weight.data, p.weight.data + p.weight.size());
  int calls = 0;
  nn::train_step<float>(net, optimize, data.images, data.labels, 0.1, [&] {
    ++calls;
    CHECK(p.options.gradient.data[0] != 0.0f);
    for (Index i = 0; i < p.weight.size(); ++i) p.options.gradient.data[i] = 0;
  });
  CHECK(calls == 1);
  CHECK(before == std::vector<float>(p.weight.data, p.weight.data + p.weight.size()));
}

TEST_CASE("sgd follows its formula", "[nn][optimizer]") {
  // velocities 1, -1.1, -0.49
  check_near(three_updates(nn::sgd{.learning_rate = 0.1, .momentum = 0.9}),
             {1.9, 0.9, 2.01, 1.01, 2.059, 1.059});
  // Nesterov: steps of g + 0.9 v = 1.9, -2.99, 0.059
  check_near(three_updates(nn::sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}),
             {1.81, 0.81, 2.109, 1.109, 2.1031, 1.1031});
  // decay reaches the weight only: g = 1 + 0.5 * 2 = 2, -2 + 0.5 * 1.8 = -1.1, 0.5 + 0.5 * 1.91
  // = 1.455
  check_near(three_updates(nn::sgd{.learning_rate = 0.1, .momentum = 0, .weight_decay = 0.5}),
             {1.8, 0.9, 1.91, 1.1, 1.7645, 1.05});
  const std::vector<double> all = three_updates(
      nn::sgd{.learning_rate = 0.1, .momentum = 0, .weight_decay = 0.5, .decay_all = true});
  CHECK(all[1] == Approx(1 - 0.1 * 1.5));
}

TEST_CASE("adam follows its formula", "[nn][optimizer]") {
  const nn::adam rule{.learning_rate = 0.1, .weight_decay = 0.5};
  const std::vector<double> trace = three_updates(rule);
  double w = 2, b = 1, m = 0, v = 0;
  std::vector<double> expected;
  double step = 0;
  for (double g : {1.0, -2.0, 0.5}) {
    ++step;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const double move =
        0.1 * (m / (1 - std::pow(0.9, step))) / (std::sqrt(v / (1 - std::pow(0.999, step))) + 1e-8);
    w -= 0.1 * 0.5 * w + move;
    b -= move;
    expected.push_back(w);
    expected.push_back(b);
  }
  check_near(trace, expected);
  CHECK(trace[1] == Approx(1 - 0.1));  // the first step is the learning rate, whatever the gradient
}

TEST_CASE("an optimizer shows its buffers in the model and keeps couplings", "[nn][optimizer]") {
  nn::network<float> net(toy_network());
  net.model().couple(
      {{.name = "group",
        .units = 4,
        .members = {
            {.parameter = "conv.weight", .axis = prunus::axis::out, .unit_of = {0, 1, 2, 3}}}}});
  const nn::optimizer<float, nn::adam> optimize(net, {});
  const auto& p = net.model()["conv.weight"];
  REQUIRE(p.options.state.size() == 2);
  CHECK(p.options.state[0].same_shape(p.weight));
  CHECK(net.model()["bn.running_mean"].options.state.empty());
  CHECK(net.model().couplings().size() == 1);
  CHECK(optimize.state().tensors.begin()->name == "conv.weight.first_moment");
}

TEST_CASE("a run that is saved and restored continues bit by bit", "[nn][training]") {
  const toy_problem data(60);
  const nn::cosine_decay rate{.rate = 0.05, .steps = 20, .warm_up = 3};
  const auto train = [&](nn::network<float>& net, nn::optimizer<float, nn::adam>& optimize,
                         int from, int to) {
    nn::minibatches<float> batches(data.images, data.labels, {.batch = 16, .seed = 9});
    for (int step = from; step < to; ++step) {
      const auto batch =
          batches(static_cast<std::uint64_t>(step / batches.count()), step % batches.count());
      nn::train_step(net, optimize, batch.images, batch.labels, rate(step));
    }
  };
  nn::network<float> whole(toy_network(), {.seed = 3});
  nn::optimizer<float, nn::adam> optimize_whole(whole, {});
  train(whole, optimize_whole, 0, 5);
  const auto tensors = whole.tensors();
  const nn::optimizer_state<float> state = optimize_whole.state();
  const std::uint64_t passes = whole.training_passes();
  train(whole, optimize_whole, 5, 10);

  nn::network<float> resumed(toy_network(), tensors, {.seed = 3});
  nn::optimizer<float, nn::adam> optimize_resumed(resumed, {});
  optimize_resumed.restore(state);
  resumed.set_training_passes(passes);
  train(resumed, optimize_resumed, 5, 10);
  const auto expected = whole.tensors(), got = resumed.tensors();
  for (const auto& tensor : expected) {
    CAPTURE(tensor.name);
    CHECK(tensor.values == got[tensor.name].values);
  }
}

TEST_CASE("training reports what does not fit, by code", "[nn][training]") {
  const toy_problem data(8);
  nn::network<float> net(toy_network());
  nn::optimizer<float, nn::sgd> optimize(net, {});
  const auto step = [&](std::vector<int> labels) {
    nn::train_step<float>(net, optimize, data.images, labels, 0.1);
  };
  const auto before = net.tensors()["conv.weight"].values;
  CHECK(code_of<prunus::argument_error>([&] {
          step({0, 1, 2, 3, 0, 1, 2, 4});
        }) == errc::out_of_range);
  CHECK(code_of<prunus::argument_error>([&] {
          step({0, 1, 2, 3, 0, 1, 2, -1});
        }) == errc::out_of_range);
  CHECK(code_of<prunus::shape_error>([&] { step({0, 1, 2}); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>([&] { step({}); }) == errc::out_of_range);
  CHECK(before == net.tensors()["conv.weight"].values);
  CHECK(code_of<prunus::argument_error>([&] {
          static_cast<void>(nn::evaluate<float>(net, data.images, data.labels, 0));
        }) == errc::out_of_range);
  CHECK(code_of<prunus::argument_error>(
            [&] { nn::optimizer<float, nn::sgd>(net, {.momentum = 1}); }) == errc::out_of_range);
  CHECK(code_of<prunus::argument_error>(
            [&] { nn::optimizer<float, nn::adam>(net, {.epsilon = 0}); }) == errc::out_of_range);
  nn::optimizer_state<float> state = optimize.state();
  state.tensors.begin()->name = "other";
  CHECK(code_of<prunus::argument_error>([&] { optimize.restore(state); }) == errc::unknown_name);
}

TEST_CASE("learning rates are the functions they say", "[nn][learning_rate]") {
  CHECK(nn::constant_rate{.rate = 0.3}(99) == 0.3);
  const nn::step_decay steps{.rate = 1, .factor = 0.5, .every = 10};
  CHECK(steps(9) == 1.0);
  CHECK(steps(10) == 0.5);
  CHECK(steps(25) == 0.25);
  const nn::cosine_decay cosine{.rate = 2, .steps = 14, .warm_up = 4, .final_rate = 1};
  CHECK(cosine(0) == 0.5);
  CHECK(cosine(3) == 2.0);
  CHECK(cosine(4) == 2.0);
  CHECK(cosine(9) == Approx(1.5));
  CHECK(cosine(14) == Approx(1.0));
  CHECK(cosine(1000) == Approx(1.0));
}

TEST_CASE("minibatches show every sample once an epoch, in an order of its own",
          "[nn][minibatches]") {
  const std::vector<float> images{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6};
  const std::vector<int> labels{0, 1, 2, 3, 4, 5, 6};
  nn::minibatches<float> batches(images, labels, {.batch = 3, .seed = 5});
  REQUIRE(batches.count() == 3);
  const auto order_of = [&](nn::minibatches<float>& from, std::uint64_t epoch) {
    std::vector<int> order;
    for (Index b = 0; b < from.count(); ++b) {
      const auto batch = from(epoch, b);
      for (std::size_t i = 0; i < batch.labels.size(); ++i) {
        CHECK(batch.images[2 * i] == static_cast<float>(batch.labels[i]));
        order.push_back(batch.labels[i]);
      }
    }
    return order;
  };
  const std::vector<int> first = order_of(batches, 0), second = order_of(batches, 1);
  CHECK(first != second);
  CHECK(order_of(batches, 0) == first);
  std::vector<int> sorted = second;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == labels);
  nn::minibatches<float> in_order(images, labels,
                                  {.batch = 3, .shuffle = false, .drop_last = true});
  CHECK(order_of(in_order, 4) == std::vector<int>{0, 1, 2, 3, 4, 5});

  CHECK(code_of<prunus::argument_error>([&] { static_cast<void>(batches(0, 3)); }) ==
        errc::out_of_range);
  CHECK(code_of<prunus::argument_error>(
            [&] { nn::minibatches<float>(images, labels, {.batch = 0}); }) == errc::out_of_range);
  CHECK(code_of<prunus::shape_error>([&] {
          nn::minibatches<float>(std::span(images).first(13), labels, {});
        }) == errc::shape_mismatch);
}
