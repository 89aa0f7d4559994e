// SPDX-License-Identifier: MIT
#include <prunus/nn/network.hpp>
#include <prunus/nn/training/distillation.hpp>
#include <prunus/nn/training/hint_loss.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <Eigen/Core>

#include <algorithm>  // std::all_of, std::copy
#include <cmath>      // std::abs
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using prunus::errc;
using prunus::Index;
using prunus::nn::hints;
using prunus::nn::mode;
using support::code_of;
namespace nn = prunus::nn;
using network = nn::network<double>;

constexpr Index batch = 3;

std::vector<double> numbers(Index count, std::uint64_t seed) {
  support::random_source random(seed);
  std::vector<double> result(static_cast<std::size_t>(count));
  for (double& x : result) x = random.real(-2, 2);
  return result;
}

/// A residual block of `width` inner filters; its outputs do not depend on the width.
prunus::graph block(Index width) {
  prunus::graph g;
  g.input("x", {2, 5, 4});
  g.relu("stem", g.convolution("conv0", "x", {.out_channels = 3, .kernel = 3, .padding = 1}));
  g.relu(
      "inner",
      g.batch_norm(
          "bn", g.convolution("conv1", "stem",
                              {.out_channels = width, .kernel = 3, .padding = 1, .bias = false})));
  g.add("sum",
        {g.convolution("conv2", "inner", {.out_channels = 3, .kernel = 3, .padding = 1}), "stem"});
  g.linear("fc", g.flatten("flat", g.relu("out", "sum")), {.out_features = 2});
  return g;
}

/// Half the squares of the outputs and of the inner nodes.
double half_squares(network& net, const std::vector<std::string>& nodes) {
  double loss = 0;
  const auto add = [&](std::span<const double> values) {
    for (const double v : values) loss += v * v / 2;
  };
  const auto out = net.forward(numbers(batch * net.input_size(), 9), batch, mode::training);
  add({out.data(), static_cast<std::size_t>(out.size())});
  for (const std::string& node : nodes) add(net.activation(node));
  return loss;
}

}  // namespace

TEST_CASE("losses of inner nodes join the gradients of all that stands before them",
          "[nn][network]") {
  // One consumer, several, in place where it may, before and behind a normalisation.
  const std::vector<std::string> nodes = GENERATE(
      std::vector<std::string>{"out"}, std::vector<std::string>{"stem", "sum"},
      std::vector<std::string>{"conv1", "inner", "bn"}, std::vector<std::string>{"flat", "fc"});
  network net(block(4), {.seed = 3, .threads = 2, .inner_losses = nodes});
  CHECK(half_squares(net, nodes) > 0);
  const std::vector<double> images = numbers(batch * net.input_size(), 9);
  const auto out = net.forward(images, batch, mode::training);
  const std::span<double> seed = net.output_gradient();
  std::copy(out.data(), out.data() + out.size(), seed.begin());
  for (const std::string& node : nodes) {
    const std::span<double> gradient = net.inner_gradient(node);
    if (node != "fc")
      CHECK(std::all_of(gradient.begin(), gradient.end(), [](double g) { return g == 0; }));
    const std::span<const double> values = net.activation(node);
    REQUIRE(gradient.size() == values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      node == "fc" ? gradient[i] = 2 * values[i] : gradient[i] += values[i];
  }
  net.backward();
  std::vector<std::vector<double>> found;
  for (const auto& p : net.model().parameters())
    if (p.options.gradient.data != nullptr)
      found.emplace_back(p.options.gradient.data, p.options.gradient.data + p.weight.size());

  std::size_t at = 0;
  for (const auto& p : net.model().parameters()) {
    if (p.options.gradient.data == nullptr) continue;
    for (Index i = 0; i < p.weight.size(); i += 3) {
      const double before = p.weight.data[i], h = 1e-5;
      p.weight.data[i] = before + h;
      const double above = half_squares(net, nodes);
      p.weight.data[i] = before - h;
      const double below = half_squares(net, nodes);
      p.weight.data[i] = before;
      const double expected = (above - below) / (2 * h);
      CAPTURE(p.name, i, nodes.front());
      CHECK(std::abs(found[at][static_cast<std::size_t>(i)] - expected) <=
            1e-5 * (1 + std::abs(expected)));
    }
    ++at;
  }
}

TEST_CASE("inner losses left alone change nothing", "[nn][network]") {
  network plain(block(4), {.seed = 3, .keep_activations = true}),
      with(block(4), {.seed = 3, .inner_losses = {"stem", "sum"}});
  const std::vector<double> images = numbers(batch * plain.input_size(), 9);
  for (int pass = 0; pass < 2; ++pass)
    for (network* net : {&plain, &with}) {
      const auto out = net->forward(images, batch, mode::training);
      std::copy(out.data(), out.data() + out.size(), net->output_gradient().begin());
      net->backward();
    }
  for (const auto& p : plain.model().parameters())
    if (p.options.gradient.data != nullptr) {
      const auto& other = with.model()[p.name];
      for (Index i = 0; i < p.weight.size(); ++i)
        CHECK(p.options.gradient.data[i] == Approx(other.options.gradient.data[i]).margin(1e-14));
    }
}

TEST_CASE("inner losses that cannot be are refused", "[nn][network]") {
  const auto with = [](std::string node) {
    return [node] { network(block(2), {.inner_losses = {node}}); };
  };
  CHECK(code_of<prunus::argument_error>(with("nowhere")) == errc::unknown_name);
  CHECK(code_of<prunus::argument_error>(with("x")) == errc::unsupported);
  network net(block(2), {.inner_losses = {"stem"}});
  CHECK(code_of<prunus::state_error>([&] { (void)net.inner_gradient("stem"); }) ==
        errc::wrong_order);
  (void)net.forward(numbers(net.input_size() * 2, 1), 2, mode::training);
  CHECK(net.inner_gradient("stem").size() == 2 * 3 * 20);
  CHECK(code_of<prunus::argument_error>([&] { (void)net.inner_gradient("sum"); }) ==
        errc::unknown_name);
}

TEST_CASE("add_hint_loss by hand", "[nn][hint_loss]") {
  prunus::graph g;
  g.linear("fc", g.linear("h", g.flatten("flat", g.input("x", {1, 1, 1})), {.out_features = 2}),
           {.out_features = 1});
  network student(g, {.inner_losses = {"h"}}), teacher(g, {.keep_activations = true});
  const auto set = [](network& net, double first, double second) {
    net.model()["h.weight"].weight.data[0] = first;
    net.model()["h.weight"].weight.data[1] = second;
  };
  set(student, 1, 2);
  set(teacher, 3, -4);
  const std::vector<double> images{1, 2};  // student (1, 2), (2, 4); teacher (3, -4), (6, -8)
  const auto run = [&] {
    (void)teacher.forward(images, 2, mode::inference);
    (void)student.forward(images, 2, mode::training);
  };
  run();
  const hints half{.nodes = {"h"}, .weight = 0.5};
  // (4 + 36 + 16 + 144) / (9 + 16 + 36 + 64) = 1.6
  CHECK(nn::add_hint_loss(student, teacher, half) == Approx(0.8));
  const std::span<double> gradient = student.inner_gradient("h");
  const std::vector<double> expected{-2, 6, -4, 12};  // times 2 * 0.5 / 125
  for (std::size_t i = 0; i < 4; ++i) CHECK(gradient[i] == Approx(expected[i] / 125));
  CHECK(nn::add_hint_loss(student, teacher, half) == Approx(0.8));  // it adds
  CHECK(gradient[1] == Approx(2 * 6.0 / 125));

  set(teacher, 0, 0);
  run();
  CHECK(nn::add_hint_loss(student, teacher, half) == Approx(0.5 * (1 + 4 + 4 + 16)));
}

TEST_CASE("add_hint_loss reports what does not fit, by code", "[nn][hint_loss]") {
  network student(block(2), {.inner_losses = {"out", "inner"}}),
      teacher(block(4), {.keep_activations = true}), fused(block(4));
  const auto loss = [&](network& of, const hints& what) {
    return [&, what] { (void)nn::add_hint_loss(student, of, what); };
  };
  const hints out{.nodes = {"out"}};
  CHECK(code_of<prunus::state_error>(loss(teacher, out)) == errc::wrong_order);
  const std::vector<double> images = numbers(student.input_size() * 2, 1);
  (void)student.forward(images, 2, mode::training);
  (void)fused.forward(images, 2, mode::inference);
  CHECK(code_of<prunus::state_error>(loss(fused, out)) == errc::wrong_order);
  (void)teacher.forward(std::span(images).first(images.size() / 2), 1, mode::inference);
  CHECK(code_of<prunus::shape_error>(loss(teacher, out)) == errc::shape_mismatch);
  (void)teacher.forward(images, 2, mode::inference);
  CHECK(code_of<prunus::shape_error>(loss(teacher, {.nodes = {"out", "inner"}})) ==
        errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>(loss(teacher, {.nodes = {"stem"}})) == errc::unknown_name);
  for (const double wrong : {-1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(code_of<prunus::argument_error>(loss(teacher, {.nodes = {"out"}, .weight = wrong})) ==
          errc::out_of_range);
  const std::span<double> gradient = student.inner_gradient("out");
  CHECK(std::all_of(gradient.begin(), gradient.end(), [](double g) { return g == 0; }));
  CHECK_NOTHROW(loss(teacher, out)());
}

TEST_CASE("a narrow student learns the inside of its teacher", "[nn][hint_loss]") {
  network teacher(block(4), {.seed = 1, .keep_activations = true});
  network student(block(3), {.seed = 2, .inner_losses = {"out"}});
  nn::optimizer<double, nn::sgd> optimizer(student, {.learning_rate = 0.05, .momentum = 0.9});
  const std::vector<double> images = numbers(batch * student.input_size(), 6);
  const std::vector<int> labels(batch, 0);
  const auto step = [&] {
    return nn::distillation_step<double>(student, optimizer, teacher, images, labels, 0.05,
                                         {.temperature = 2, .weight = 1}, {.nodes = {"out"}})
        .loss;
  };
  const double first = step();
  double last = first;
  for (int i = 0; i < 100; ++i) last = step();
  CHECK(last < 0.2 * first);
}
