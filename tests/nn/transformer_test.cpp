// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/nn/architectures/transformer.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/nn/training/adam.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <array>    // std::array
#include <cmath>    // std::abs, std::log
#include <cstddef>  // std::size_t
#include <limits>   // std::numeric_limits
#include <string>   // std::string
#include <vector>   // std::vector

namespace {

using prunus::argument_error;
using prunus::errc;
using prunus::graph;
using prunus::Index;
using support::code_of;
namespace nn = prunus::nn;

nn::transformer_options small() {
  return {.positions = 6, .vocabulary = 8, .features = 8, .heads = 2, .hidden = 12, .classes = 2};
}

/// Sequences of six tokens; is token 7 among them before token 6?
struct order_problem {
  std::vector<float> tokens;
  std::vector<int> labels;
  explicit order_problem(int samples) {
    const nn::counter_random random(3, 0);
    std::uint64_t at = 0;
    for (int n = 0; n < samples; ++n) {
      std::array<float, 6> sequence{};
      for (float& token : sequence) token = static_cast<float>(random.below(6, at++));
      const auto first = static_cast<std::size_t>(random.below(5, at++));
      const auto second =
          first + 1 +
          static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(5 - first), at++));
      sequence[first] = n % 2 == 0 ? 6.0F : 7.0F;
      sequence[second] = n % 2 == 0 ? 7.0F : 6.0F;
      tokens.insert(tokens.end(), sequence.begin(), sequence.end());
      labels.push_back(n % 2);
    }
  }
};

}  // namespace

TEST_CASE("transformer_encoder has the number of parameters worked out by hand",
          "[nn][transformer]") {
  const prunus::resolved_graph g = prunus::resolve(nn::transformer_encoder(small()));
  const Index attention = 4 * (8 * 8 + 8), feed_forward = 8 * 12 + 12 + 12 * 8 + 8;
  CHECK(prunus::cost_of(g).parameters ==
        8 * 8 + 6 * 8 + 2 * (attention + feed_forward + 2 * 16) + 16 + 8 * 2 + 2);
  CHECK(prunus::cost_of(g).macs == 2 * (6 * (4 * 64 + 2 * 96) + 6 * 6 * (8 + 8)) + 8 * 2);
  CHECK(g.nodes.back().shape == prunus::tensor_shape{2, 1, 1});
  const prunus::resolved_graph of_features = prunus::resolve(
      nn::transformer_encoder({.positions = 32, .input_features = 24, .classes = 10}));
  CHECK(of_features.nodes.front().shape == prunus::tensor_shape{24, 32, 1});
}

TEST_CASE("attention weighs values by the softmax of its scores", "[nn][attention]") {
  graph g;
  g.input("x", {3, 2, 1});  // query, key and value, one feature each
  for (const char* name : {"q", "k", "v"}) g.linear(name, "x", {.out_features = 1, .bias = false});
  g.attention("a", "q", "k", "v", 1);
  nn::network<double> net(g);
  for (Index i = 0; i < 3; ++i) {
    const auto w =
        net.model()[std::array{"q.weight", "k.weight", "v.weight"}[static_cast<std::size_t>(i)]]
            .weight;
    for (Index j = 0; j < 3; ++j) w(0, j) = i == j ? 1 : 0;
  }
  const std::vector<double> x{1, 0, std::log(3.0), 0, 4, 8};
  const auto out = net.forward(x, 1, nn::mode::inference);
  CHECK(out(0, 0) == Approx(0.75 * 4 + 0.25 * 8));
  CHECK(out(0, 1) == Approx(6));
}

TEST_CASE("embedding looks up the row of each token, positions add theirs", "[nn][embedding]") {
  graph g;
  g.input("tokens", {1, 3, 1});
  g.position_embedding("p", g.embedding("e", "tokens", {.vocabulary = 2, .features = 2}));
  nn::network<float> net(g, {.keep_activations = true});
  const auto table = net.model()["e.weight"].weight;
  const std::vector<float> rows{1, 2, 3, 4}, places{10, 20, 30, 40, 50, 60};
  CHECK(table.extent(prunus::axis::out) == 2);
  net.assign("e.weight", prunus::view(rows.data(), {2, 2}, "IO"));  // as PyTorch stores it
  net.assign("p.weight", prunus::view(places.data(), {3, 2}, "IO"));
  const auto out = net.forward(std::vector<float>{1, 0, 1}, 1, nn::mode::inference);
  const std::vector<float> expected{13, 31, 53, 24, 42, 64};
  for (Index i = 0; i < 6; ++i) CHECK(out(0, i) == expected[static_cast<std::size_t>(i)]);
}

TEST_CASE("a token that the table has not is refused", "[nn][embedding]") {
  nn::network<float> net(nn::transformer_encoder(small()));
  for (float wrong : {-1.0F, 8.0F, 1.5F, std::numeric_limits<float>::quiet_NaN(), 1e30F}) {
    CAPTURE(wrong);
    std::vector<float> tokens(12, 3.0F);
    tokens[7] = wrong;
    CHECK(code_of<argument_error>([&] { net.forward(tokens, 2, nn::mode::inference); }) ==
          errc::out_of_range);
  }
}

TEMPLATE_TEST_CASE("a transformer computes what the loops compute", "[nn][transformer]", float,
                   double) {
  using S = TestType;
  const double tolerance = sizeof(S) == 4 ? 1e-4 : 1e-11;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    support::random_source random(seed);
    nn::transformer_options options = small();
    if (seed % 2 == 0) options.vocabulary = 0, options.input_features = 3;
    const random_graph::network oracle =
        random_graph::with_random_weights(nn::transformer_encoder(options), random);
    nn::network<S> net(oracle.graph, {.keep_activations = seed > 2});
    for (const auto& tensor : oracle.tensors) {
      prunus::named_tensor<S> cast{tensor.name, tensor.extents, tensor.axes, tensor.rank, {}};
      for (double v : tensor.values) cast.values.push_back(static_cast<S>(v));
      net.assign(cast.name, cast.view());
    }
    const naive::named_values inputs = random_graph::random_inputs(oracle.resolved, random);
    std::vector<S> sequence;
    for (double v : inputs.at("sequence")) sequence.push_back(static_cast<S>(v));
    const naive::values wanted =
        naive::evaluate(oracle.resolved, naive::tensors_of(oracle.model), inputs).results.back();
    const auto out = net.forward(sequence, 1, nn::mode::inference);
    for (Index k = 0; k < out.cols(); ++k) {
      CAPTURE(seed, k);
      const double want = wanted[static_cast<std::size_t>(k)];
      CHECK(std::abs(static_cast<double>(out(0, k)) - want) <= tolerance * (1 + std::abs(want)));
    }
  }
}

TEST_CASE("the gradients of a transformer agree with central differences", "[nn][transformer]") {
  nn::network<double> net(nn::transformer_encoder(small()), {.shards = 3});
  std::vector<double> tokens;
  for (int i = 0; i < 4 * 6; ++i) tokens.push_back(i * 5 % 8);
  const std::vector<int> labels{0, 1, 1, 0};
  const auto loss = [&] {
    const auto out = net.forward(tokens, 4, nn::mode::training);
    return nn::softmax_cross_entropy<double>({out.data(), static_cast<std::size_t>(out.size())},
                                             labels, net.output_gradient())
        .loss;
  };
  loss();
  net.backward();
  for (const auto& p : net.model().parameters()) {
    const Index step = std::max<Index>(1, p.weight.size() / 4);
    for (Index i = 0; i < p.weight.size(); i += step) {
      CAPTURE(p.name, i);
      const double gradient = p.options.gradient.data[i], before = p.weight.data[i];
      constexpr double h = 1e-5;
      p.weight.data[i] = before + h;
      const double above = loss();
      p.weight.data[i] = before - h;
      const double below = loss();
      p.weight.data[i] = before;
      CHECK(std::abs(gradient - (above - below) / (2 * h)) < 1e-8 + 1e-5 * std::abs(gradient));
    }
  }
}

TEST_CASE("adam trains a transformer to tell orders apart", "[nn][transformer]") {
  const order_problem train(96), test(101);
  nn::transformer_options options = small();
  options.blocks = 1;
  nn::network<float> net(nn::transformer_encoder(options));
  nn::optimizer<float, nn::adam> optimize(net, {});
  for (int step = 0; step < 80; ++step)
    nn::train_step<float>(net, optimize, train.tokens, train.labels, 0.01);
  CHECK(nn::evaluate<float>(net, test.tokens, test.labels).accuracy > 0.95);
}

TEST_CASE("a transformer gives the same bits on any number of threads", "[nn][transformer]") {
  const order_problem data(30);
  std::array<std::vector<float>, 2> results;
  for (std::size_t run = 0; run < 2; ++run) {
    nn::network<float> net(nn::transformer_encoder(small()),
                           {.threads = std::array<Index, 2>{1, 3}[run]});
    nn::optimizer<float, nn::adam> optimize(net, {});
    for (int step = 0; step < 2; ++step)
      nn::train_step<float>(net, optimize, data.tokens, data.labels, 0.01);
    for (const auto& tensor : net.tensors())
      results[run].insert(results[run].end(), tensor.values.begin(), tensor.values.end());
  }
  CHECK(results[0] == results[1]);
}

TEST_CASE("a network without its pruned heads and hidden units computes the same",
          "[nn][transformer]") {
  const order_problem data(20);
  nn::network<float> net(nn::transformer_encoder(small()));
  nn::optimizer<float, nn::adam> optimize(net, {});
  for (int step = 0; step < 3; ++step)
    nn::train_step<float>(net, optimize, data.tokens, data.labels, 0.01);
  prunus::prune(
      net.model(),
      prunus::pass{prunus::l2_norm{}, prunus::filter}.within(
          {.include = {"*.query.weight", "*.key.weight", "*.value.weight", "*.expand.weight"}}),
      0.5);
  const prunus::plan plan = prunus::plan_removal(net.graph(), net.model());
  CHECK(plan.removed.size() == 2 * (1 + 6));
  nn::network<float> smaller(prunus::compact(net.graph(), plan),
                             prunus::compact(net.model(), plan));
  CHECK(prunus::cost_of(smaller.resolved()) == plan.after);
  const auto a = net.forward(data.tokens, 20, nn::mode::inference);
  const auto b = smaller.forward(data.tokens, 20, nn::mode::inference);
  for (Index i = 0; i < a.size(); ++i)
    CHECK(std::abs(a.data()[i] - b.data()[i]) <= 1e-5F * (1 + std::abs(a.data()[i])));
}

TEST_CASE("the tile head zeroes all features of the same head of query, key and value",
          "[nn][transformer]") {
  nn::network<float> net(nn::transformer_encoder(small()));
  // Positions have two axes and follow their channels all the same: no tile takes them alone.
  const prunus::pass elements{prunus::l2_norm{}, prunus::element};
  CHECK_FALSE(elements.prepare(net.model()).find("positions.weight"));
  const std::vector<std::string> projections{"block1.query.weight", "block1.key.weight",
                                             "block1.value.weight"};
  const prunus::pruned result = prunus::prune(
      net.model(),
      prunus::pass{prunus::l2_norm{}, prunus::head(4)}.within({.include = projections}), 0.5);
  for (const std::string& name : projections) {
    CAPTURE(name);
    CHECK(result.masks[name].kept() == 1);
    CHECK(result.masks[name] == result.masks[projections.front()]);
    const auto weight = net.model()[name].weight;
    int zeros = 0;
    for (Index first : {0, 4}) {
      bool dead = true;
      for (Index o = first; o < first + 4; ++o)
        for (Index i = 0; i < 8; ++i) dead = dead && weight(o, i) == 0;
      zeros += dead;
    }
    CHECK(zeros == 1);
  }
  CHECK(result.report.parameters.size() == 3);
  // One projection alone cannot lose a head: what it is coupled with lies outside of the scope.
  CHECK(support::code_of<prunus::argument_error>([&] {
          prunus::prune(net.model(),
                        prunus::pass{prunus::l2_norm{}, prunus::head(4)}.within(
                            {.include = {"block1.value.weight"}}),
                        0.5);
        }) == prunus::errc::empty_model);
}
