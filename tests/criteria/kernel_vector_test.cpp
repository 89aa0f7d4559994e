// SPDX-License-Identifier: MIT
#include <prunus/criteria/kernel_vector.hpp>

#include "support/catch.hpp"
#include "support/criterion_laws.hpp"
#include "support/errors.hpp"

#include <algorithm>  // std::max
#include <cmath>      // std::sqrt, std::abs
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::kernel_norm;
using prunus::kernel_vector;
using support::nearly;
using support::scores_of;

/// Two filters of four kernels of two weights.
std::vector<double> two_filters() {
  return {3, 0, 0, 3, 1, 1, -1, 0,  //
          2, 0, 2, 0, 0, 1, 0,  -1};
}

template <class S>
bool is(const std::vector<S>& scores, const std::vector<double>& expected) {
  bool same = scores.size() == expected.size();
  for (std::size_t i = 0; same && i < scores.size(); ++i)
    same = std::abs(static_cast<double>(scores[i]) - expected[i]) <= 1e-6;
  return same;
}

/// The formula in double, kernel by kernel.
template <class S>
double naive_score(support::criterion_subject<S>& subject, const kernel_vector& c, Index filter,
                   Index input) {
  const auto w = subject.weight.view();
  const auto at = [&](Index i, Index h, Index x) {
    return static_cast<double>(static_cast<float>(w(filter, i, h, x)));
  };
  double dot = 0, vv = 0, kk = 0, l1 = 0;
  for (Index h = 0; h < subject.shape.height; ++h)
    for (Index x = 0; x < subject.shape.width; ++x) {
      double v = 0;
      for (Index i = 0; i < subject.shape.in; ++i) v += at(i, h, x);
      const double k = at(input, h, x);
      dot += v * k, vv += v * v, kk += k * k, l1 += std::abs(k);
    }
  const bool single = subject.shape.height * subject.shape.width == 1;
  const double cosine = single ? 1 : dot / std::max(std::sqrt(vv) * std::sqrt(kk), 1e-6);
  return (c.norm == kernel_norm::l1 ? l1 : std::sqrt(kk)) *
         (c.alpha + (1 - c.alpha) * (c.signed_cosine ? cosine : std::abs(cosine)));
}

}  // namespace

TEMPLATE_TEST_CASE("kernels worked out by hand", "[criteria][kernel_vector]", float, double) {
  std::vector<TestType> values;
  for (double x : two_filters()) values.push_back(static_cast<TestType>(x));
  const prunus::parameter<TestType> p{"w", prunus::view(values, {2, 4, 1, 2})};
  CHECK(is(scores_of(kernel_vector{}, p, prunus::kernel_2d),
           {2.94, 2.97, 1.998994949, 0.98, 2, 2, 0.95, 0.95}));
  const auto half = scores_of(kernel_vector{.alpha = 0.5}, p, prunus::kernel_2d);
  CHECK(is(std::vector<TestType>(half.begin(), half.begin() + 4), {2.4, 2.7, 1.989949494, 0.8}));
  CHECK(is(scores_of(kernel_vector{.signed_cosine = true}, p, prunus::kernel_2d),
           {2.94, 2.97, 1.998994949, 0.92, 2, 2, 0.95, 0.95}));
  CHECK(is(scores_of(kernel_vector{.alpha = 1, .norm = kernel_norm::l2}, p, prunus::kernel_2d),
           {3, 3, std::sqrt(2.0), 1, 2, 2, 1, 1}));
  // The L1 norms 3 3 2 1 2 2 1 1 have the variance 0.6964286: factor 0.8258929.
  CHECK(
      is(scores_of(kernel_vector{.alpha = 1, .variance_weight = 0.25}, p, prunus::kernel_2d),
         {2.4776786, 2.4776786, 1.6517857, 0.8258929, 1.6517857, 1.6517857, 0.8258929, 0.8258929}));
  // Scales 4 -2 1 3: factors 1, 1 - 0.5 * 2/5, 1 - 0.5 * 3/5, 1 - 0.5 * 1/5.
  const kernel_vector scaled{
      .alpha = 1, .scale_weight = 0.5, .input_scales = {{"w", {4, -2, 1, 3}}}};
  CHECK(is(scores_of(scaled, p, prunus::kernel_2d), {3, 2.4, 1.4, 0.9, 2, 1.6, 0.7, 0.9}));
}

TEST_CASE("a large variance does not turn the order around", "[criteria][kernel_vector]") {
  std::vector<double> values = two_filters();
  const prunus::parameter<double> p{"w", prunus::view(values, {2, 4, 1, 2})};
  const auto plain = scores_of(kernel_vector{}, p, prunus::kernel_2d);
  const auto scores = scores_of(kernel_vector{.variance_weight = 100}, p, prunus::kernel_2d);
  for (std::size_t k = 0; k < plain.size(); ++k) CHECK(nearly(scores[k], plain[k] * 1e-3));
}

TEMPLATE_TEST_CASE("kernel scores agree with the formula on any layout",
                   "[criteria][kernel_vector]", float, double, Eigen::half) {
  support::random_source random(91);
  for (int round = 0; round < 16; ++round) {
    const support::shape4 shape{random.between(1, 6), random.between(1, 7), random.between(1, 3),
                                random.between(1, 3)};
    const auto order = support::memory_orders[static_cast<std::size_t>(round % 8)];
    support::criterion_subject<TestType> subject(order, shape, random.bits());
    const kernel_vector c{.alpha = random.real(0, 1),
                          .norm = random.chance(0.5) ? kernel_norm::l1 : kernel_norm::l2,
                          .signed_cosine = random.chance(0.5)};
    const auto scores = scores_of(c, subject.parameter(), prunus::kernel_2d);
    const support::naive_grid grid(subject.weight.view(), prunus::kernel_2d);
    for (Index f = 0; f < shape.out; ++f)
      for (Index i = 0; i < shape.in; ++i) {
        const double expected = naive_score(subject, c, f, i);
        CAPTURE(round, order, f, i);
        REQUIRE(
            std::abs(static_cast<double>(scores[static_cast<std::size_t>(grid.at(f, i, 0, 0))]) -
                     expected) <= 2e-5 * (1 + std::abs(expected)));
      }
  }
}

TEST_CASE("single weights score their magnitude", "[criteria][kernel_vector]") {
  std::vector<float> values{3, -1, 0.5F, 0, 2, -4};
  const prunus::parameter<float> p{"w", prunus::view(values, {2, 3, 1, 1})};
  CHECK(is(scores_of(kernel_vector{}, p, prunus::kernel_2d), {3, 1, 0.5, 0, 2, 4}));
}

TEST_CASE("single weights that cancel out score their magnitude", "[criteria][kernel_vector]") {
  std::vector<double> values{0.5, -0.5, 1, -3};
  const prunus::parameter<double> p{"w", prunus::view(values, {2, 2, 1, 1})};
  for (const bool with_sign : {false, true})
    CHECK(is(scores_of(kernel_vector{.signed_cosine = with_sign}, p, prunus::kernel_2d),
             {0.5, 0.5, 1, 3}));
}

TEST_CASE("the largest single weights can be put out of reach", "[criteria][kernel_vector]") {
  // Magnitudes 5 1 4 4 2 2000 0 3: of eight, a share of 0.4 protects three: 2000, 5 and the higher
  // of the two 4.
  std::vector<float> values{5, -1, 4, -4, 2, 2000, 0, 3};
  const prunus::parameter<float> p{"w", prunus::view(values, {2, 4, 1, 1})};
  CHECK(is(scores_of(kernel_vector{.protected_share = 0.4}, p, prunus::kernel_2d),
           {1000, 1, 4, 1000, 2, 2000, 0, 3}));
  CHECK(is(scores_of(kernel_vector{.protected_share = 0.12}, p, prunus::kernel_2d),
           {5, 1, 4, 4, 2, 2000, 0, 3}));  // rounded down to none
  // The factor of the layer comes after it: Var of the magnitudes is beyond 1, so 0.001.
  CHECK(is(
      scores_of(kernel_vector{.variance_weight = 1, .protected_share = 0.25}, p, prunus::kernel_2d),
      {1, 0.001, 0.004, 0.004, 0.002, 2, 0, 0.003}));
  // Kernels of several weights are not protected.
  const prunus::parameter<float> q{"w", prunus::view(values, {2, 2, 1, 2})};
  CHECK(scores_of(kernel_vector{.protected_share = 0.5}, q, prunus::kernel_2d) ==
        scores_of(kernel_vector{}, q, prunus::kernel_2d));
}

TEST_CASE("NaN in a kernel is not hidden", "[criteria][kernel_vector]") {
  std::vector<float> values(36, 1);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  const prunus::parameter<float> p{"w", prunus::view(values, {2, 2, 3, 3})};
  const auto scores = scores_of(kernel_vector{}, p, prunus::kernel_2d);
  CHECK_FALSE(std::isfinite(scores[0]));
  CHECK(std::isfinite(scores[2]));
  CHECK(std::isfinite(scores[3]));
}

TEST_CASE("kernel_vector refuses what it cannot score", "[criteria][kernel_vector]") {
  std::vector<float> values(36, 1);
  const prunus::parameter<float> p{"conv.weight", prunus::view(values, {2, 2, 3, 3})};
  for (const prunus::tile& tile : {prunus::filter, prunus::element, prunus::channel}) {
    const support::thrown error = support::error_of<prunus::argument_error>(
        [&] { (void)scores_of(kernel_vector{}, p, tile); });
    CHECK(error.code == errc::unsupported);
    CHECK(error.says("conv.weight"));
  }
  for (const kernel_vector& wrong :
       {kernel_vector{.alpha = -0.1}, kernel_vector{.alpha = 1.1},
        kernel_vector{.variance_weight = -1}, kernel_vector{.scale_weight = -1},
        kernel_vector{.protected_share = -0.1}, kernel_vector{.protected_share = 1}})
    CHECK(support::code_of<prunus::argument_error>(
              [&] { (void)scores_of(wrong, p, prunus::kernel_2d); }) == errc::out_of_range);
  CHECK(support::code_of<prunus::shape_error>([&] {
          (void)scores_of(kernel_vector{.input_scales = {{"conv.weight", {1, 2, 3}}}}, p,
                          prunus::kernel_2d);
        }) == errc::shape_mismatch);
}
