// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/measure/sensitivity.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/toy_network.hpp"

#include <algorithm>  // std::count
#include <cstddef>    // std::ptrdiff_t
#include <limits>     // std::numeric_limits
#include <stdexcept>  // std::runtime_error
#include <string>     // std::string
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::pass;
using prunus::sensitivity;
using prunus::sensitivity_report;
using support::toy_network;

/// Something that depends on all weights.
template <class S>
double sum_of_squares(toy_network<S>& toy) {
  double sum = 0;
  toy.for_each_value([&](S& x) { sum += static_cast<double>(x) * static_cast<double>(x); });
  return sum;
}

}  // namespace

TEST_CASE("weights and units that go, worked out by hand", "[measure][sensitivity]") {
  // Rows are inputs, columns units.
  std::vector<float> w{.5F, -.12F, .02F, .3F, .2F, -.4F, -.6F, .05F, .1F};
  const std::vector<float> original = w;
  prunus::model<float> net;
  net.add("w", prunus::view(w, {3, 3}, "IO"), {.prunable = true});
  std::vector<std::vector<float>> seen;
  const auto look = [&] {
    seen.push_back(w);
    return 1.0;
  };
  const prunus::uniform down{prunus::rounding::down};  // floor(k n), also where k n is 2.9999
  const prunus::sensitivity_options third{.grid = {1.0 / 3}, .together = false};
  const sensitivity_report weights =
      sensitivity(net, pass{prunus::l2_norm{}, prunus::element, down}, look, third);
  CHECK(seen.back() == std::vector<float>{.5F, -.12F, 0, .3F, .2F, -.4F, -.6F, 0, 0});
  CHECK(weights["w"].points[0].weights_kept == 6);
  const sensitivity_report units =
      sensitivity(net, pass{prunus::l2_norm{}, prunus::filter, down}, look, third);
  CHECK(seen.back() == std::vector<float>{.5F, 0, .02F, .3F, 0, -.4F, -.6F, 0, .1F});
  CHECK(units["w"].points[0].weights_kept == 6);
  CHECK(seen[0] == original);  // the baseline
  CHECK(w == original);
}

TEMPLATE_TEST_CASE("every point is what pruning a fresh network gives", "[measure][sensitivity]",
                   float, double) {
  toy_network<TestType> toy;
  const auto original = toy.weights();
  const auto sweep_of = [&](const auto& way) {
    const sensitivity_report report =
        sensitivity(toy.net, way, [&] { return sum_of_squares(toy); });
    CHECK(toy.weights() == original);
    CHECK(report.baseline == sum_of_squares(toy));
    for (const prunus::sensitivity_curve& c : report.curves) {
      CHECK(c.baseline == report.baseline);
      REQUIRE(c.points.size() == 13);
      for (const prunus::sensitivity_point& p : c.points) {
        toy_network<TestType> fresh;
        auto alone = way;
        if (c.name != "all") alone.scope.include = {c.name};
        if (p.sparsity > 0) (void)prunus::prune(fresh.net, alone, p.sparsity);
        CAPTURE(c.name, p.sparsity);
        REQUIRE(p.quality == sum_of_squares(fresh));
        REQUIRE(p.weights_kept == prunus::detail::nonzero_weights(fresh.net));
      }
    }
    return report.curves.size();
  };
  CHECK(sweep_of(pass{prunus::l1_norm{}, prunus::element, prunus::global{}}) == 4);
  CHECK(sweep_of(pass{prunus::l2_norm{}, prunus::filter}) == 3);
}

TEST_CASE("units of couplings take their biases along", "[measure][sensitivity]") {
  toy_network<float> toy;
  toy.net.couple({{"conv1",
                   8,
                   {{"conv1.weight", prunus::axis::out, {0, 1, 2, 3, 4, 5, 6, 7}, true},
                    {"conv1.bias", prunus::axis::out, {0, 1, 2, 3, 4, 5, 6, 7}, false}}},
                  {"conv2", 6, {{"conv2.weight", prunus::axis::out, {0, 1, 2, 3, 4, 5}, true}}}});
  const auto original = toy.weights();
  std::vector<std::ptrdiff_t> silent;
  (void)sensitivity(
      toy.net, pass{prunus::l2_norm{}, prunus::filter},
      [&] {
        silent.push_back(std::count(toy.conv1_bias.begin(), toy.conv1_bias.end(), 0.0F));
        return 0.0;
      },
      {.grid = {0.5}, .together = false});
  CHECK(silent == std::vector<std::ptrdiff_t>{0, 4, 0});  // baseline, conv1, conv2
  CHECK(toy.weights() == original);
}

TEST_CASE("the largest sparsity within a tolerance", "[measure][sensitivity]") {
  const prunus::sensitivity_curve curve{
      "conv1", 0.96, {{0, 0.96, 9}, {0.3, 0.95, 6}, {0.5, 0.93, 5}, {0.7, 0.94, 3}, {0.9, 0.5, 1}}};
  CHECK(curve.largest_within(0.02) == 0.7);  // 0.96 - 0.02 is a little more than 0.94 in binary
  CHECK(curve.largest_within(0.01) == 0.3);
  CHECK(curve.largest_within(0) == 0);
  CHECK(curve.largest_within(1) == 0.9);
}

TEST_CASE("progress is told after every point", "[measure][sensitivity]") {
  toy_network<float> toy;
  std::vector<Index> done;
  int evaluations = 0;
  (void)sensitivity(
      toy.net, pass{prunus::l2_norm{}, prunus::filter},
      [&] {
        ++evaluations;
        return 0.0;
      },
      {.grid = {0, 0.5}},
      [&](Index now, Index total) {
        CHECK(total == 6);
        done.push_back(now);
      });
  CHECK(done == std::vector<Index>{1, 2, 3, 4, 5, 6});
  CHECK(evaluations == 1 + 3);  // nothing is run anew at sparsity 0
}

TEST_CASE("weights come back whatever throws", "[measure][sensitivity]") {
  toy_network<float> toy;
  const auto original = toy.weights();
  for (const int last : {0, 1, 5, 20}) {
    int calls = 0;
    const auto evaluate = [&] {
      if (calls++ == last) throw std::runtime_error("no more");
      return 0.5;
    };
    CHECK_THROWS_AS(sensitivity(toy.net, pass{prunus::l2_norm{}, prunus::filter}, evaluate),
                    std::runtime_error);
    CHECK(toy.weights() == original);
  }
  const auto cancel = [](Index done, Index) {
    if (done == 3) throw std::runtime_error("cancelled");
  };
  CHECK_THROWS_AS(
      sensitivity(
          toy.net, pass{prunus::l2_norm{}, prunus::element}, [] { return 0.5; }, {}, cancel),
      std::runtime_error);
  CHECK(toy.weights() == original);
}

TEST_CASE("the report as CSV", "[measure][sensitivity]") {
  const sensitivity_report report{0.96, {{"conv1", 0.96, {{0, 0.96, 9}, {0.5, 0.25, 5}}}}};
  CHECK(to_csv(report) ==
        "layer,sparsity,quality,weights_kept\nconv1,0,0.96,9\nconv1,0.5,0.25,5\n");
  CHECK(support::code_of<prunus::argument_error>([&] { (void)report["conv2"]; }) ==
        errc::unknown_name);
}

TEST_CASE("sweeps that cannot be made are refused", "[measure][sensitivity]") {
  toy_network<float> toy;
  const pass units{prunus::l2_norm{}, prunus::filter};
  const auto code = [&](const prunus::sensitivity_options& options) {
    return support::code_of<prunus::argument_error>([&] {
      (void)sensitivity(
          toy.net, units, [] { return 1.0; }, options);
    });
  };
  CHECK(code({.grid = {0.5, 1.0}}) == errc::out_of_range);
  CHECK(code({.grid = {-0.1}}) == errc::out_of_range);
  CHECK(code({.grid = {}}) == errc::out_of_range);
  CHECK(code({.each_layer = false, .together = false}) == errc::out_of_range);
  const auto diverged = [] { return std::numeric_limits<double>::quiet_NaN(); };
  CHECK(support::code_of<prunus::value_error>(
            [&] { (void)sensitivity(toy.net, units, diverged); }) == errc::not_finite);
  prunus::model<float> empty;
  CHECK(support::code_of<prunus::argument_error>(
            [&] { (void)sensitivity(empty, units, [] { return 1.0; }); }) == errc::empty_model);
}
