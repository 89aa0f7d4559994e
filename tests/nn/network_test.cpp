// SPDX-License-Identifier: MIT
#include <prunus/core/named_tensors.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <algorithm>  // std::any_of, std::find_if
#include <array>      // std::array
#include <cmath>      // std::sqrt
#include <cstddef>    // std::size_t
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using prunus::errc;
using prunus::graph;
using prunus::Index;
using support::code_of;
namespace nn = prunus::nn;

template <class S>
std::vector<S> normal_numbers(Index count, std::uint64_t stream) {
  const nn::counter_random random(5, stream);
  std::vector<S> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<S>(random.normal(i));
  return values;
}

/// The same nodes with the last one as the only output.
graph with_one_output(const graph& declared) {
  graph result;
  for (const prunus::graph_node& node : declared.nodes()) result.add_node(node);
  result.output(declared.nodes().back().name);
  return result;
}

/// A small network with everything that training needs: two convolutions, normalisation, pooling,
/// dropout, dense.
graph small_graph() {
  graph g;
  g.input("image", {2, 6, 6});
  g.convolution("conv1", "image", {.out_channels = 4, .kernel = 3, .padding = 1, .bias = false});
  g.relu("relu1", g.batch_norm("bn1", "conv1"));
  g.convolution("conv2", "relu1", {.out_channels = 4, .kernel = 3, .padding = 1});
  g.relu("relu2", g.add("sum", {"conv2", "relu1"}));
  g.flatten("flat", g.max_pooling("pool", "relu2", 2, 2));
  g.linear("fc1", g.dropout("drop", "flat", 0.2), {.out_features = 9});
  g.linear("fc2", g.relu("relu3", "fc1"), {.out_features = 3});
  return g;
}

}  // namespace

TEMPLATE_TEST_CASE("network computes at inference what the loops compute, on random graphs",
                   "[nn][network]", float, double) {
  using S = TestType;
  const double tolerance = sizeof(S) == 4 ? 2e-4 : 1e-11;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    support::random_source random(seed);
    const graph declared = with_one_output(random_graph::builder(random).result());
    const random_graph::network oracle = random_graph::with_random_weights(declared, random);
    const bool keep = seed % 3 == 0;
    nn::network<S> net(declared, {.keep_activations = keep});
    for (const auto& tensor : oracle.tensors) {
      prunus::named_tensor<S> cast{tensor.name, tensor.extents, tensor.axes, tensor.rank, {}};
      for (double v : tensor.values) cast.values.push_back(static_cast<S>(v));
      net.assign(cast.name, cast.view());
    }
    constexpr Index batch = 3;
    std::vector<S> images;
    std::vector<naive::evaluation> expected;
    for (Index n = 0; n < batch; ++n) {
      const naive::named_values inputs = random_graph::random_inputs(oracle.resolved, random);
      for (double v : inputs.at("image")) images.push_back(static_cast<S>(v));
      expected.push_back(naive::evaluate(oracle.resolved, naive::tensors_of(oracle.model), inputs));
    }
    const auto outputs = net.forward(images, batch, nn::mode::inference);
    REQUIRE(outputs.rows() == batch);
    for (Index n = 0; n < batch; ++n) {
      const naive::values& wanted = expected[static_cast<std::size_t>(n)].results.back();
      REQUIRE(outputs.cols() == static_cast<Index>(wanted.size()));
      for (Index k = 0; k < outputs.cols(); ++k) {
        CAPTURE(seed, n, k);
        const double want = wanted[static_cast<std::size_t>(k)];
        REQUIRE(std::abs(static_cast<double>(outputs(n, k)) - want) <=
                tolerance * (1 + std::abs(want)));
      }
    }
  }
}

TEST_CASE("network in training normalises with the batch and moves the running statistics",
          "[nn][network]") {
  graph g;
  g.input("x", {1, 1, 2});
  g.batch_norm("bn", "x", {.epsilon = 0.75, .momentum = 0.25});
  nn::network<double> net(g, {.threads = 2, .shards = 3});
  net.model()["bn.weight"].weight.data[0] = 3;
  net.model()["bn.bias"].weight.data[0] = 1;
  const std::vector<double> images{1, 2, 3, 4, 5, 6, 7, 8};  // mean 4.5, variance 5.25, unbiased 6
  const auto out = net.forward(images, 4, nn::mode::training);
  for (Index i = 0; i < 8; ++i)
    CHECK(out.data()[i] ==
          Approx(3 * (images[static_cast<std::size_t>(i)] - 4.5) / std::sqrt(6.0) + 1));
  CHECK(net.model()["bn.running_mean"].weight.data[0] == Approx(0.25 * 4.5));
  CHECK(net.model()["bn.running_var"].weight.data[0] == Approx(0.75 + 0.25 * 6));
}

TEST_CASE("network gives the same bits on any number of threads", "[nn][network]") {
  const std::vector<float> images = normal_numbers<float>(37 * 72, 1),
                           slopes = normal_numbers<float>(37 * 3, 2);
  std::array<std::vector<float>, 3> results;
  for (std::size_t run = 0; run < 3; ++run) {
    nn::network<float> net(small_graph(), {.threads = std::array<Index, 3>{1, 2, 5}[run]});
    for (int step = 0; step < 3; ++step) {
      const auto out = net.forward(images, 37, nn::mode::training);
      results[run].insert(results[run].end(), out.data(), out.data() + out.size());
      net.backward(slopes);
      for (const auto& p : net.model().parameters()) {
        if (p.options.gradient.data == nullptr) continue;
        results[run].insert(results[run].end(), p.options.gradient.data,
                            p.options.gradient.data + p.weight.size());
        for (Index i = 0; i < p.weight.size(); ++i)
          p.weight.data[i] -= 0.01f * p.options.gradient.data[i];
      }
    }
    const auto out = net.forward(images, 37, nn::mode::inference);
    results[run].insert(results[run].end(), out.data(), out.data() + out.size());
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("network fuses nothing with keep_activations and computes the same", "[nn][network]") {
  const std::vector<double> images = normal_numbers<double>(10 * 72, 1),
                            slopes = normal_numbers<double>(10 * 3, 2);
  nn::network<double> fused(small_graph()), kept(small_graph(), {.keep_activations = true});
  for (nn::mode how : {nn::mode::training, nn::mode::inference}) {
    const auto a = fused.forward(images, 10, how), b = kept.forward(images, 10, how);
    for (Index i = 0; i < a.size(); ++i) CHECK(a.data()[i] == Approx(b.data()[i]).epsilon(1e-11));
  }
  fused.forward(images, 10, nn::mode::training);
  kept.forward(images, 10, nn::mode::training);
  fused.backward(slopes);
  kept.backward(slopes);
  for (const auto& p : fused.model().parameters()) {
    if (p.options.gradient.data == nullptr) continue;
    CAPTURE(p.name);
    const double* other = kept.model()[p.name].options.gradient.data;
    for (Index i = 0; i < p.weight.size(); ++i)
      CHECK(p.options.gradient.data[i] == Approx(other[i]).margin(1e-13));
  }
  CHECK(kept.activation("conv1").size() == 10 * 144);
  CHECK(kept.activation_gradient("relu3").size() == 10 * 9);
  // The relu's own gradient, cut where its value is zero, is that of its input.
  for (std::size_t i = 0; i < 90; ++i)
    CHECK(kept.activation_gradient("fc1")[i] ==
          (kept.activation("relu3")[i] > 0 ? kept.activation_gradient("relu3")[i] : 0.0));
  CHECK(code_of<prunus::state_error>([&] { static_cast<void>(fused.activation("conv1")); }) ==
        errc::wrong_order);
  CHECK(code_of<prunus::argument_error>([&] { static_cast<void>(kept.activation("conv9")); }) ==
        errc::unknown_name);
}

TEST_CASE("network draws the same weights for the same seed and others for another",
          "[nn][network]") {
  const nn::network<float> a(small_graph(), {.seed = 3}), b(small_graph(), {.seed = 3}),
      c(small_graph(), {.seed = 4});
  const auto values = [](const nn::network<float>& net) {
    return net.tensors()["conv1.weight"].values;
  };
  CHECK(values(a) == values(b));
  CHECK(values(a) != values(c));
}

TEST_CASE("network draws weights of the variance that keeps signals alive", "[nn][network]") {
  graph g;
  g.input("x", {50, 1, 1});
  g.linear("fc1", "x", {.out_features = 200});
  g.linear("fc2", g.relu("relu", "fc1"), {.out_features = 100});
  const nn::network<double> net(g);
  const auto variance = [&](const char* name) {
    const auto w = net.model()[name].weight;
    double sum = 0;
    for (Index i = 0; i < w.size(); ++i) sum += w.data[i] * w.data[i];
    return sum / static_cast<double>(w.size());
  };
  CHECK(variance("fc1.weight") == Approx(2.0 / 50).epsilon(0.05));
  CHECK(variance("fc2.weight") == Approx(1.0 / 200).epsilon(0.05));
  CHECK(variance("fc1.bias") == 0);
}

TEST_CASE("network shows its tensors as a model under the names of the graph", "[nn][network]") {
  nn::network<float> net(small_graph());
  std::vector<std::string> names;
  for (const auto& p : net.model().parameters()) names.push_back(p.name);
  CHECK(names == std::vector<std::string>{"conv1.weight", "bn1.weight", "bn1.bias",
                                          "bn1.running_mean", "bn1.running_var", "conv2.weight",
                                          "conv2.bias", "fc1.weight", "fc1.bias", "fc2.weight",
                                          "fc2.bias"});
  const auto& conv = net.model()["conv1.weight"];
  CHECK(conv.weight.extents == std::array<Index, 4>{4, 2, 3, 3});
  CHECK(conv.options.gradient.same_shape(conv.weight));
  const auto& mean = net.model()["bn1.running_mean"];
  CHECK(mean.options.prunable == false);
  CHECK(mean.options.gradient.data == nullptr);
}

TEST_CASE("network takes back the tensors it gave, in any memory order", "[nn][network]") {
  const std::vector<float> images = normal_numbers<float>(4 * 72, 1);
  nn::network<float> net(small_graph(), {.seed = 1});
  net.forward(images, 4, nn::mode::training);  // moves the running statistics
  prunus::named_tensors<float> tensors = net.tensors();
  for (auto& t : tensors)  // HWIO, as Keras has it
    if (t.name == "conv2.weight") {
      const prunus::named_tensor<float> from = t;
      t.axes = {prunus::axis::height, prunus::axis::width, prunus::axis::in, prunus::axis::out};
      t.extents = {3, 3, 4, 4};
      for (Index o = 0; o < 4; ++o)
        for (Index i = 0; i < 4; ++i)
          for (Index h = 0; h < 3; ++h)
            for (Index w = 0; w < 3; ++w) t.view()(o, i, h, w) = from.view()(o, i, h, w);
    }
  nn::network<float> copy(small_graph(), tensors, {.seed = 2});
  const auto a = net.forward(images, 4, nn::mode::inference),
             b = copy.forward(images, 4, nn::mode::inference);
  CHECK(a == b);
}

TEST_CASE("network reports what does not fit, by code", "[nn][network]") {
  nn::network<float> net(small_graph());
  const std::vector<float> images(2 * 72), slopes(2 * 3);
  const auto forward = [&](Index batch) { net.forward(images, batch, nn::mode::training); };
  CHECK(code_of<prunus::argument_error>([&] { forward(0); }) == errc::out_of_range);
  CHECK(code_of<prunus::shape_error>([&] { forward(3); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::state_error>([&] { net.backward(slopes); }) == errc::wrong_order);
  net.forward(images, 2, nn::mode::inference);
  CHECK(code_of<prunus::state_error>([&] { net.backward(slopes); }) == errc::wrong_order);
  forward(2);
  CHECK(code_of<prunus::shape_error>([&] { net.backward(std::span(slopes).first(5)); }) ==
        errc::shape_mismatch);
  net.backward(slopes);
  CHECK(code_of<prunus::state_error>([&] { net.backward(slopes); }) == errc::wrong_order);

  CHECK(code_of<prunus::argument_error>(
            [&] { net.assign("conv9.weight", prunus::view(slopes)); }) == errc::unknown_name);
  CHECK(code_of<prunus::shape_error>([&] { net.assign("conv1.weight", prunus::view(slopes)); }) ==
        errc::shape_mismatch);
  const prunus::named_tensors<float> all = net.tensors();
  prunus::named_tensors<float> tensors;
  for (const auto& t : all)
    if (t.name != "fc2.bias") tensors.push_back(t);
  REQUIRE(tensors.size() + 1 == all.size());
  CHECK(code_of<prunus::argument_error>([&] { nn::network<float>(small_graph(), tensors); }) ==
        errc::unknown_name);

  CHECK(code_of<prunus::argument_error>(
            [] { nn::network<float>(small_graph(), {.threads = 0}); }) == errc::out_of_range);
  graph two = small_graph();
  two.output("fc2");
  two.output("pool");
  CHECK(code_of<prunus::argument_error>([&] { nn::network<float> refused(two); }) ==
        errc::unsupported);
  graph single;
  single.input("x", {3, 1, 1});
  single.batch_norm("bn", "x");
  nn::network<float> lonely(single);
  CHECK(code_of<prunus::argument_error>([&] {
          lonely.forward(std::vector<float>(3), 1, nn::mode::training);
        }) == errc::out_of_range);
}

TEST_CASE("network leaves out what its output does not depend on", "[nn][network]") {
  graph g;
  g.input("x", {3, 1, 1});
  g.linear("fc", "x", {.out_features = 2});
  g.linear("aside", "x", {.out_features = 5});
  g.output("fc");
  nn::network<double> net(g);
  const std::vector<double> images{1, 2, 3};
  CHECK(net.forward(images, 1, nn::mode::training).cols() == 2);
  net.backward(std::vector<double>{1, 1});
  const auto gradient = net.model()["aside.weight"].options.gradient;
  for (Index i = 0; i < gradient.size(); ++i) CHECK(gradient.data[i] == 0);
  CHECK(net.model()["fc.weight"].options.gradient.data[1] == 2);
}

TEST_CASE("a network knows which of its filters live and die together", "[nn][network]") {
  prunus::graph g;
  g.input("image", {2, 6, 6});
  g.convolution("conv1", "image", {.out_channels = 4, .kernel = 3, .padding = 1});
  g.convolution("conv2", "image", {.out_channels = 4, .kernel = 1});
  g.linear("fc", g.flatten("flat", g.add("sum", {"conv1", "conv2"})), {.out_features = 3});
  const prunus::nn::network<float> net(g);
  const std::vector<prunus::coupling>& couplings = net.model().couplings();
  const auto names_conv2 = [](const prunus::coupling& c) {
    return std::any_of(c.members.begin(), c.members.end(), [](const prunus::coupling::member& m) {
      return m.parameter == "conv2.weight" && m.axis == prunus::axis::out && m.scored;
    });
  };
  const auto found = std::find_if(couplings.begin(), couplings.end(), names_conv2);
  REQUIRE(found != couplings.end());
  CHECK(found->name == "conv1");
  CHECK(found->units == 4);
  CHECK(found->prunable());
}

TEST_CASE("a network whose parameters have names of their own computes the same", "[nn][network]") {
  const prunus::network_structure named(small_graph(), {{"conv1.weight", "stem.kernel"},
                                                        {"conv2.bias", "second.offset"},
                                                        {"fc1.weight", "head.matrix"}});
  nn::network<double> plain(small_graph(), {.seed = 3}), renamed(named, {.seed = 3});
  REQUIRE(renamed.model().find("stem.kernel") != nullptr);
  CHECK(renamed.model().find("conv1.weight") == nullptr);
  support::random_source random(4);
  std::vector<double> images(static_cast<std::size_t>(3 * plain.input_size()));
  for (double& x : images) x = random.real(-1, 1);
  const auto outputs = [&](nn::network<double>& net) {
    return Eigen::MatrixXd(net.forward(images, 3, nn::mode::training));
  };
  CHECK(outputs(plain) == outputs(renamed));
  for (nn::network<double>* net : {&plain, &renamed}) {
    std::fill(net->output_gradient().begin(), net->output_gradient().end(), 0.5);
    net->backward();
  }
  const auto gradient = [](const nn::network<double>& net, const char* name) {
    const auto& g = net.model()[name].options.gradient;
    return std::vector<double>(g.data, g.data + g.size());
  };
  CHECK(gradient(plain, "conv1.weight") == gradient(renamed, "stem.kernel"));
  CHECK(gradient(plain, "fc1.weight") == gradient(renamed, "head.matrix"));
  const nn::network<double> copy(named, renamed.tensors());
  CHECK(copy.tensors()["second.offset"].values == renamed.tensors()["second.offset"].values);
}

TEST_CASE("an operation that no layer computes is refused by name", "[nn][network]") {
  graph g;
  g.input("x", {2, 1, 1});
  g.opaque("sorted", {"x"}, {.name = "sort", .shape = {2, 1, 1}});
  g.linear("fc", "sorted", {.out_features = 1});
  try {
    nn::network<float> net(g);
    FAIL("a network was made");
  } catch (const prunus::argument_error& refused) {
    CHECK(refused.code() == errc::unsupported);
    CHECK(std::string(refused.what()).find("sorted") != std::string::npos);
    CHECK(std::string(refused.what()).find("opaque") != std::string::npos);
  }
}
