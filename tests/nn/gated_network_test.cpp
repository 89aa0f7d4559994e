// SPDX-License-Identifier: MIT
#include <prunus/adaptive/activation_gate.hpp>
#include <prunus/adaptive/feature_boosting.hpp>
#include <prunus/adaptive/static_export.hpp>
#include <prunus/nn/gated_network.hpp>
#include <prunus/nn/training/gated_training.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/structure/compaction.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>    // std::min
#include <cmath>        // std::abs
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace nn = prunus::nn;
using nn::mode;
using prunus::errc;
using prunus::gate_rule;
using prunus::gate_score;
using prunus::gate_source;
using prunus::Index;
using activation_gate = prunus::activation_gate<double>;
using gated_network = nn::gated_network<double, activation_gate>;

namespace {

/// Two gated convolutions with a pooling between them and a residual sum behind, then a linear
/// layer over flattened planes; with a normalisation, with a bias, and with both.
prunus::graph declared() {
  prunus::graph g;
  std::string x = g.input("image", {2, 6, 6});
  x = g.convolution("conv1", x, {.out_channels = 6, .kernel = 3, .padding = 1, .bias = false});
  x = g.relu("relu1", g.batch_norm("bn1", x));
  x = g.max_pooling("pool", x, 2, 2);
  const std::string shortcut = g.convolution("shortcut", x, {.out_channels = 5});
  x = g.convolution("conv2", x, {.out_channels = 8, .kernel = 3, .padding = 1});
  x = g.relu("relu2", x);
  x = g.convolution("conv3", x, {.out_channels = 5, .kernel = 3, .padding = 1});
  x = g.add("sum", {g.batch_norm("bn3", x), shortcut});
  x = g.relu("relu3", x);
  x = g.convolution("conv4", x, {.out_channels = 7, .kernel = 1});
  x = g.relu("relu4", x);
  g.linear("fc", g.flatten("flatten", x), {.out_features = 3});
  return g;
}

std::vector<double> images(Index count) {
  support::random_source random(41);
  std::vector<double> x(static_cast<std::size_t>(count * 72));
  for (double& v : x) v = random.real(-1, 1);
  return x;
}

/// Running statistics and shifts that are not 0 and 1.
void disturb(nn::network<double>& net) {
  support::random_source random(42);
  for (const auto& p : net.model().parameters())
    if (p.weight.rank == 1)
      for (Index i = 0; i < p.weight.size(); ++i) p.weight.data[i] += random.real(0, 0.5);
}

/// Gates whose decisions differ between samples.
auto random_gates(prunus::activation_gate_options options) {
  return [options](std::string_view, Index features, Index channels) {
    activation_gate gate(features, channels, options);
    support::random_source random(static_cast<std::uint64_t>(features * 10 + channels));
    for (double& v : gate.values()) v = random.real(-1.5, 1.5);
    return std::optional(gate);
  };
}
const auto no_gates = [](std::string_view, Index, Index) {
  return std::optional<activation_gate>();
};

double largest_difference(std::span<const double> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}
template <class View>
std::vector<double> copy(const View& view) {
  return {view.data(), view.data() + view.size()};
}

}  // namespace

TEST_CASE("a gated network with new gates or none computes what its backbone does",
          "[nn][gated_network]") {
  nn::network<double> backbone(declared());
  disturb(backbone);
  const std::vector<double> x = images(5);
  const std::vector<double> expected = copy(backbone.forward(x, 5, mode::inference));
  gated_network plain(backbone, no_gates);
  gated_network fresh(backbone, [](std::string_view, Index features, Index channels) {
    return std::optional(activation_gate(features, channels));
  });
  for (gated_network* net : {&plain, &fresh}) {
    CHECK(largest_difference(copy(net->forward(x, 5, mode::inference)), expected) < 1e-12);
    CHECK(net->work().share() == 1);
  }
  CHECK(plain.gates().empty());
  CHECK(fresh.gates().size() == 3);  // of conv1, conv2 and conv4
  CHECK(plain.work().dense_macs ==
        5 * (36 * 6 * 18 + 9 * 5 * 6 + 9 * 8 * 54 + 9 * 5 * 72 + 9 * 7 * 5 + 63 * 3));
}

TEST_CASE("batch statistics, running statistics and gradients are those of the backbone",
          "[nn][gated_network]") {
  const std::vector<double> x = images(4);
  nn::network<double> backbone(declared()), twin(declared());
  disturb(backbone);
  disturb(twin);
  gated_network net(twin, [](std::string_view, Index features, Index channels) {
    return std::optional(activation_gate(features, channels));
  });
  const std::vector<double> expected = copy(backbone.forward(x, 4, mode::training));
  CHECK(largest_difference(copy(net.forward(x, 4, mode::training)), expected) < 1e-12);
  for (std::size_t i = 0; i < 12; ++i)
    backbone.output_gradient()[i] = net.output_gradient()[i] = static_cast<double>(i) - 5;
  backbone.backward();
  net.backward();
  for (const auto& p : backbone.model().parameters()) {
    CAPTURE(p.name);
    const auto& other = twin.model()[p.name];
    const std::size_t size = static_cast<std::size_t>(p.weight.size());
    CHECK(largest_difference({p.weight.data, size}, {other.weight.data, size}) < 1e-12);
    if (!p.options.gradient.empty())
      CHECK(largest_difference({p.options.gradient.data, size},
                               {other.options.gradient.data, size}) < 1e-9);
  }
}

TEST_CASE("gradients of a gated network agree with differences while the gates hold",
          "[nn][gated_network]") {
  const gate_source source = GENERATE(gate_source::input, gate_source::output);
  const std::vector<double> x = images(3);
  nn::network<double> backbone(declared());
  disturb(backbone);
  // A fixed share opens the largest energies: small steps change no decision; no slope through
  // them.
  gated_network net(
      backbone,
      random_gates({.rule = gate_rule::largest, .open_share = 0.5, .energy_temperature = 1e12}),
      {.source = source});
  const auto loss = [&] {
    const auto y = net.forward(x, 3, mode::training);
    double sum = 0;
    for (Index i = 0; i < 9; ++i) sum += (static_cast<double>(i) - 4) * y.data()[i];
    return sum;
  };
  loss();
  for (std::size_t i = 0; i < 9; ++i) net.output_gradient()[i] = static_cast<double>(i) - 4;
  const double share = net.backward();
  CHECK((share > 0.1 && share < 0.7));
  const auto check = [&](double& value, double gradient) {
    constexpr double step = 1e-6;
    const double kept = value;
    value = kept + step;
    const double above = loss();
    value = kept - step;
    const double below = loss();
    value = kept;
    REQUIRE(std::abs(gradient - (above - below) / (2 * step)) <
            1e-5 * std::max(1.0, std::abs(gradient)));
  };
  for (const auto& p : backbone.model().parameters()) {
    if (p.options.gradient.empty()) continue;
    CAPTURE(p.name);
    for (Index i = 0; i < p.weight.size(); i += 1 + p.weight.size() / 12)
      check(p.weight.data[i], p.options.gradient.data[i]);
  }
  for (activation_gate* gate : net.gates()) {
    const std::vector<double> gradient(gate->gradient().begin(), gate->gradient().end());
    for (std::size_t i = 0; i < gradient.size(); i += 5) check(gate->values()[i], gradient[i]);
  }
}

TEST_CASE("a backward pass leaves nothing behind for the next one", "[nn][gated_network]") {
  const gate_source source = GENERATE(gate_source::input, gate_source::output);
  const std::vector<double> x = images(4);
  nn::network<double> backbone(declared());
  gated_network net(backbone, random_gates({.score = gate_score::head}), {.source = source});
  const auto gradients = [&] {
    net.forward(x, 4, mode::training);
    for (std::size_t i = 0; i < 12; ++i) net.output_gradient()[i] = static_cast<double>(i) - 5;
    net.backward({.lasso = 0.1, .budget = 1, .budget_share = 0.2});
    std::vector<double> found;
    for (const auto& p : backbone.model().parameters())
      if (!p.options.gradient.empty())
        found.insert(found.end(), p.options.gradient.data,
                     p.options.gradient.data + p.weight.size());
    for (activation_gate* gate : net.gates())
      found.insert(found.end(), gate->gradient().begin(), gate->gradient().end());
    return found;
  };
  const std::vector<double> first = gradients();
  CHECK(gradients() == first);
}

TEST_CASE("what is skipped changes nothing: gathering equals computing all and masking",
          "[nn][gated_network]") {
  const gate_source source = GENERATE(gate_source::input, gate_source::output);
  const std::vector<double> x = images(6);
  nn::network<double> backbone(declared());
  disturb(backbone);
  gated_network net(backbone, random_gates({.score = gate_score::head}), {.source = source});
  net.set_dense_from(0);
  const std::vector<double> dense = copy(net.forward(x, 6, mode::inference));
  CHECK(net.work().macs == net.work().dense_macs);
  net.clear_statistics();
  net.set_dense_from(2);
  CHECK(largest_difference(copy(net.forward(x, 6, mode::inference)), dense) < 1e-12);
  CHECK(net.work().macs < net.work().dense_macs);
  CHECK(net.work().dense == 0);
  std::vector<double> one_by_one;
  for (std::size_t n = 0; n < 6; ++n)
    for (const double v :
         copy(net.forward(std::span<const double>(x).subspan(72 * n, 72), 1, mode::inference)))
      one_by_one.push_back(v);
  CHECK(largest_difference(one_by_one, dense) < 1e-12);

  for (const prunus::gate_statistics& s : net.statistics()) {
    CHECK(s.samples() == 12);
    CHECK((s.mean_open_share() > 0 && s.mean_open_share() < 1));
    CHECK(s.gate_macs() > 0);
  }
}

TEST_CASE("the pressure of a budget is the derivative of the open share", "[nn][gated_network]") {
  const std::vector<double> x = images(2);
  nn::network<double> backbone(declared());
  // Heads that are all a little open: a straight-through slope of 1/4 at pi = 0.
  gated_network net(backbone, [](std::string_view, Index features, Index channels) {
    activation_gate gate(features, channels, {.score = gate_score::head});
    for (Index c = 0; c < channels; ++c)
      gate.values()[gate.values().size() - 1 - static_cast<std::size_t>(c)] = 1e-12;
    return std::optional(gate);
  });
  net.forward(x, 2, mode::training);
  for (double& g : net.output_gradient()) g = 0;
  CHECK(net.backward({.budget = 3, .budget_share = 0.25}) == 1);
  // conv1 makes 36 x 18 a channel and feeds conv2 and the shortcut, 9 x (72 + 5) a channel.
  const double all = 36 * 6 * 18 + 9 * 5 * 6 + 9 * 8 * 54 + 9 * 5 * 72 + 9 * 7 * 5 + 63 * 3;
  const double by_open =
      2 * 3 * 0.75 * (36 * 18 + 9 * (9 * 8 + 5)) / all / 2;  // of one of 2 samples
  const activation_gate& first = *net.gates().front();
  const double found = net.gates().front()->gradient()[first.values().size() - 1];
  CHECK(found == Approx(2 * by_open / 4));
}

TEST_CASE("a budget closes gates and a lasso shrinks coefficients", "[nn][gated_network]") {
  std::vector<double> x = images(12);
  std::vector<int> labels;
  for (int n = 0; n < 12; ++n) labels.push_back(n % 3);
  const auto share_after = [&](const nn::gated_loss& loss, gate_score score) {
    nn::network<double> backbone(declared());
    gated_network net(backbone, [&](std::string_view, Index features, Index channels) {
      return std::optional(activation_gate(features, channels, {.score = score}));
    });
    nn::optimizer<double, nn::sgd> optimizer(backbone, {});
    nn::gate_optimizer<double, activation_gate, nn::sgd> gates(net, nn::sgd{});
    nn::gated_batch_result result;
    for (int step = 0; step < 40; ++step)
      result = nn::train_step<double>(net, optimizer, gates, x, labels, 0.01, 0.1, loss,
                                      prunus::hard_samples{});
    CHECK(result.hard <= 12);
    return result.open_share;
  };
  const double free = share_after({}, gate_score::head);
  CHECK(free > 0.9);
  CHECK(share_after({.budget = 100, .budget_share = 0.3}, gate_score::head) < 0.6);
  // More lasso never opens more.
  double last = 1;
  for (const double lasso : {0.0, 0.03, 0.3}) {
    const double share = share_after({.lasso = lasso}, gate_score::energy);
    CHECK(share <= last + 1e-12);
    last = share;
  }
  CHECK(last < 0.5);
}

TEST_CASE("feature boosting gates train too", "[nn][gated_network]") {
  using boosting = prunus::feature_boosting<float>;
  nn::network<float> backbone(declared());
  nn::gated_network<float, boosting> net(backbone, [](std::string_view, Index in, Index out) {
    return std::optional(boosting(in, out, {.open_share = 0.5, .weight_scale = 0.1}));
  });
  nn::optimizer<float, nn::sgd> optimizer(backbone, {});
  nn::gate_optimizer<float, boosting, nn::sgd> gates(net, nn::sgd{});
  const std::vector<double> wide = images(6);
  const std::vector<float> x(wide.begin(), wide.end());
  const std::vector<int> labels{0, 1, 2, 0, 1, 2};
  const double before = nn::evaluate<float>(net, x, labels, 2).loss;
  for (int step = 0; step < 60; ++step)
    nn::train_step<float>(net, optimizer, gates, x, labels, 0.05, 0.05, {.lasso = 1e-8});
  CHECK(nn::evaluate<float>(net, x, labels, 3).loss < before);
  for (const prunus::gate_statistics& s : net.statistics())
    CHECK(s.mean_open_share() == Approx(0.5).margin(0.08));  // ceil(7 / 2) of 7
}

TEST_CASE("channels that never opened leave without a trace", "[nn][gated_network]") {
  const std::vector<double> x = images(8);
  nn::network<double> backbone(declared());
  disturb(backbone);
  gated_network net(backbone, [](std::string_view name, Index features, Index channels) {
    activation_gate gate(features, channels, {.score = gate_score::head});
    support::random_source random(77);
    for (double& v : gate.values()) v = random.real(-1, 1);
    for (std::size_t c = 0; c < 2; ++c)  // the last two never open
      gate.values()[gate.values().size() - 1 - c] = -100;
    static_cast<void>(name);
    return std::optional(gate);
  });
  const std::vector<double> whole = copy(net.forward(x, 8, mode::inference));
  const auto statistics = net.statistics();
  const prunus::plan plan = prunus::plan_static_export(backbone.graph(), statistics, 1e-9);
  REQUIRE(prunus::kept_outputs(plan, "conv2.weight", 8).size() <= 6);

  nn::network<double> slim(prunus::compact(backbone.graph(), plan),
                           prunus::compact(backbone.model(), plan));
  const auto gate_of = [&](std::string_view name) -> const activation_gate& {
    const std::size_t k = name == "conv1" ? 0 : name == "conv2" ? 1 : 2;
    return *net.gates()[k];
  };
  gated_network small(slim, [&](std::string_view name, Index, Index) {
    const activation_gate& gate = gate_of(name);
    const auto kept = [&](std::string weight, Index channels) {
      return prunus::kept_outputs(plan, weight, channels);
    };
    std::vector<Index> features = name == "conv1"   ? std::vector<Index>{0, 1}
                                  : name == "conv2" ? kept("conv1.weight", 6)
                                                    : kept("conv3.weight", 5);
    return std::optional(
        gate.compacted(features, kept(std::string(name) + ".weight", gate.channels())));
  });
  CHECK(largest_difference(copy(small.forward(x, 8, mode::inference)), whole) < 1e-12);
  CHECK(small.work().dense_macs < net.work().dense_macs);
}

TEST_CASE("gated networks refuse what they cannot compute and calls out of order",
          "[nn][gated_network]") {
  prunus::graph silu;
  silu.activation("silu", silu.input("x", {2, 3, 3}),
                  {.function = prunus::operation::activation_function::silu});
  nn::network<double> odd(silu);
  CHECK(support::code_of<prunus::argument_error>([&] { gated_network(odd, no_gates); }) ==
        errc::unsupported);
  nn::network<double> backbone(declared());
  CHECK(support::code_of<prunus::shape_error>([&] {
          gated_network(backbone, [](std::string_view, Index features, Index) {
            return std::optional(activation_gate(features, 3));
          });
        }) == errc::shape_mismatch);
  gated_network net(backbone, no_gates);
  const std::vector<double> x = images(1);
  CHECK(support::code_of<prunus::state_error>([&] { net.backward(); }) == errc::wrong_order);
  net.forward(x, 1, mode::inference);
  CHECK(support::code_of<prunus::state_error>([&] { net.backward(); }) == errc::wrong_order);
  CHECK(support::code_of<prunus::argument_error>([&] { net.forward(x, 0, mode::inference); }) ==
        errc::out_of_range);
  CHECK(support::code_of<prunus::shape_error>([&] { net.forward(x, 2, mode::inference); }) ==
        errc::shape_mismatch);
  CHECK(support::code_of<prunus::shape_error>([&] {
          static_cast<void>(nn::evaluate<double>(net, x, std::vector<int>{0, 1}));
        }) == errc::shape_mismatch);
}
