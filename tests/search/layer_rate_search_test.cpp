// SPDX-License-Identifier: MIT
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/search/layer_rate_search.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/toy_network.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace {

using prunus::drop_and_saving;
using prunus::errc;
using prunus::Index;
using prunus::layer_rate_report;
using support::toy_network;

const prunus::pass by_filter{prunus::l1_norm{}, prunus::filter};

/// How much of the weights is left, and how many are 0.
struct weight_meter {
  explicit weight_meter(toy_network<float>& measured) : toy(&measured), before(mass()) {}
  [[nodiscard]] double mass() const {
    double sum = 0;
    toy->for_each_value([&](float& x) { sum += static_cast<double>(std::abs(x)); });
    return sum;
  }
  [[nodiscard]] double zeros() const {
    double count = 0;
    toy->for_each_value([&](float& x) { count += x == 0; });
    return count;
  }
  toy_network<float>* toy;
  double before;
};

}  // namespace

TEST_CASE("every candidate measures what its masks do", "[search][layer_rate_search]") {
  toy_network<float> toy;
  const auto original = toy.weights();
  const weight_meter meter(toy);
  Index evaluations = 0;
  const auto quality = [&] {
    ++evaluations;
    return meter.mass() / meter.before;
  };
  const layer_rate_report report =
      search_layer_rates(toy.net, by_filter, quality, [&] { return meter.zeros(); },
                         {.rates = {0.25, 0.5, 0.75}, .largest_drop = 1});
  CHECK(toy.weights() == original);
  CHECK(report.baseline == 1);
  REQUIRE(report.layers == std::vector<std::string>{"conv1.weight", "conv2.weight"});
  REQUIRE(report.candidates.size() > 9);
  CHECK(evaluations == static_cast<Index>(report.candidates.size()));
  CHECK(report.candidates[0].measured == drop_and_saving{0, 0});
  for (std::size_t i = 0; i < report.candidates.size(); ++i) {
    const auto& c = report.candidates[i];
    for (std::size_t j = 0; j < i; ++j) REQUIRE(report.candidates[j].step != c.step);
    for (const prunus::named_mask& m : report.masks(static_cast<Index>(i)))
      m.mask.apply(toy.net[m.name].weight);
    CHECK(c.measured.drop == 1 - meter.mass() / meter.before);
    CHECK(c.measured.saving == meter.zeros());
    toy.set_weights(original);
  }
  // Without a limit the path ends where everything is at its largest rate.
  const auto last = std::vector<Index>(2, 3);
  CHECK(std::any_of(report.candidates.begin(), report.candidates.end(),
                    [&](const auto& c) { return c.step == last; }));
}

TEST_CASE("a layer alone at a rate is pruned as the pass prunes it",
          "[search][layer_rate_search]") {
  toy_network<float> toy, twin;
  const layer_rate_report report = search_layer_rates(
      toy.net, by_filter, [] { return 1.0; }, [] { return 0.0; }, {.rates = {0.5}});
  auto alone = by_filter;
  alone.scope.include = {"conv2.weight"};
  (void)prune(twin.net, alone, 0.5);
  REQUIRE(report.candidates[2].step == std::vector<Index>{0, 1});
  for (const prunus::named_mask& m : report.masks(2)) m.mask.apply(toy.net[m.name].weight);
  CHECK(toy.weights() == twin.weights());
}

TEST_CASE("the path takes first what costs least for what it saves",
          "[search][layer_rate_search]") {
  // conv1 may go without loss, conv2 may not: the path prunes conv1 to the end first.
  toy_network<float> toy;
  const prunus::mask none;
  const auto quality = [&] {
    double lost = 0;
    for (const float x : toy.conv2) lost += x == 0 ? 1.0 : 0.0;
    return 1 - lost / 432;
  };
  const weight_meter meter(toy);
  const layer_rate_report report =
      search_layer_rates(toy.net, by_filter, quality, [&] { return meter.zeros(); },
                         {.rates = {0.25, 0.5, 0.75}, .largest_drop = 0.2});
  std::vector<std::vector<Index>> joint;
  for (const auto& c : report.candidates)
    if (c.step[0] > 0 && c.step[1] > 0 && c.step[0] != c.step[1]) joint.push_back(c.step);
  REQUIRE(joint.size() == 1);
  CHECK(joint[0] == std::vector<Index>{3, 1});
  const auto measured = report.measured();
  CHECK(report.candidates[static_cast<std::size_t>(*prunus::best_within(measured, 0))].step ==
        std::vector<Index>{3, 0});
}

TEST_CASE("weights come back when something throws, and wrong rates are refused",
          "[search][layer_rate_search]") {
  toy_network<float> toy;
  const auto original = toy.weights();
  Index calls = 0;
  const auto fails = [&]() -> double {
    if (++calls == 3) throw std::runtime_error("no");
    return 1;
  };
  const auto nothing = [] { return 0.0; };
  CHECK_THROWS_AS((void)search_layer_rates(toy.net, by_filter, fails, nothing), std::runtime_error);
  CHECK(toy.weights() == original);
  const auto nan = [] { return std::numeric_limits<double>::quiet_NaN(); };
  CHECK(support::code_of<prunus::value_error>([&] {
          (void)search_layer_rates(toy.net, by_filter, nan, nothing);
        }) == errc::not_finite);
  for (const std::vector<double>& rates :
       std::vector<std::vector<double>>{{}, {0}, {0.5, 0.5}, {1}, {0.2, 0.1}})
    CHECK(support::code_of<prunus::argument_error>([&] {
            (void)search_layer_rates(toy.net, by_filter, nothing, nothing, {.rates = rates});
          }) == errc::out_of_range);
  const layer_rate_report report =
      search_layer_rates(toy.net, by_filter, nothing, nothing, {.rates = {0.5}, .largest_drop = 1});
  CHECK(support::code_of<prunus::argument_error>([&] { (void)report.masks(100); }) ==
        errc::out_of_range);
}
