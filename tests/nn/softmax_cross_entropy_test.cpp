// SPDX-License-Identifier: MIT
#include <prunus/nn/training/softmax_cross_entropy.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cmath>    // std::log
#include <cstddef>  // std::size_t
#include <vector>   // std::vector

using prunus::errc;
using prunus::nn::softmax_cross_entropy;
using support::code_of;

TEST_CASE("softmax_cross_entropy of two samples by hand", "[nn][loss]") {
  // softmax(0, log 3) = (1/4, 3/4); softmax(0, 0) = (1/2, 1/2)
  const std::vector<double> outputs{0, std::log(3.0), 0, 0};
  std::vector<double> gradient(4);
  const auto result = softmax_cross_entropy<double>(outputs, std::vector<int>{1, 1}, gradient);
  CHECK(result.loss == Approx((std::log(4.0 / 3) + std::log(2.0)) / 2));
  CHECK(result.correct == 1);  // of the equal outputs of the second sample the first counts
  const std::vector<double> expected{0.125, -0.125, 0.25, -0.25};
  for (std::size_t i = 0; i < 4; ++i) CHECK(gradient[i] == Approx(expected[i]));
}

TEST_CASE("softmax_cross_entropy agrees with central differences", "[nn][loss]") {
  std::vector<double> outputs{0.3, -1.2, 2.5, 0.1, 0.2, -0.7};
  const std::vector<int> labels{0, 2};
  std::vector<double> gradient(6);
  softmax_cross_entropy<double>(outputs, labels, gradient);
  for (std::size_t i = 0; i < 6; ++i) {
    const double before = outputs[i], h = 1e-6;
    outputs[i] = before + h;
    const double above = softmax_cross_entropy<double>(outputs, labels, {}).loss;
    outputs[i] = before - h;
    const double below = softmax_cross_entropy<double>(outputs, labels, {}).loss;
    outputs[i] = before;
    CHECK(gradient[i] == Approx((above - below) / (2 * h)).epsilon(1e-6));
  }
}

TEST_CASE("softmax_cross_entropy neither overflows nor underflows", "[nn][loss]") {
  const std::vector<float> outputs{1000, -1000};
  CHECK(softmax_cross_entropy<float>(outputs, std::vector<int>{0}, {}).loss == 0);
  CHECK(softmax_cross_entropy<float>(outputs, std::vector<int>{1}, {}).loss == 2000);
}

TEST_CASE("softmax_cross_entropy reports what does not fit, by code", "[nn][loss]") {
  const std::vector<float> outputs(6);
  std::vector<float> gradient(5);
  const auto call = [&](const std::vector<int>& labels, std::span<float> to) {
    softmax_cross_entropy<float>(outputs, labels, to);
  };
  CHECK(code_of<prunus::argument_error>([&] { call({0, 3}, {}); }) == errc::out_of_range);
  CHECK(code_of<prunus::argument_error>([&] { call({0, -1}, {}); }) == errc::out_of_range);
  CHECK(code_of<prunus::argument_error>([&] { call({}, {}); }) == errc::out_of_range);
  CHECK(code_of<prunus::shape_error>([&] { call({0, 0, 0, 0}, {}); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::shape_error>([&] { call({0, 1}, gradient); }) == errc::shape_mismatch);
}

TEST_CASE("softmax_cross_entropy at the positions of a plane is that of as many samples",
          "[nn][loss]") {
  // Two samples of three classes at four positions, and the same numbers as eight samples.
  std::vector<double> planes(24), rows(24), of_planes(24), of_rows(24);
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t k = 0; k < 3; ++k)
      for (std::size_t p = 0; p < 4; ++p)
        planes[(n * 3 + k) * 4 + p] = rows[(n * 4 + p) * 3 + k] =
            static_cast<double>((n * 7 + k * 5 + p * 3) % 11) / 4;
  const std::vector<int> labels{0, 1, 2, 0, 2, 2, 1, 0};
  const auto a = softmax_cross_entropy<double>(planes, labels, of_planes, 4);
  const auto b = softmax_cross_entropy<double>(rows, labels, of_rows);
  CHECK(a.loss == b.loss);
  CHECK(a.correct == b.correct);
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t k = 0; k < 3; ++k)
      for (std::size_t p = 0; p < 4; ++p)
        CHECK(of_planes[(n * 3 + k) * 4 + p] == of_rows[(n * 4 + p) * 3 + k]);
  CHECK(code_of<prunus::shape_error>(
            [&] { softmax_cross_entropy<double>(planes, labels, {}, 3); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>(
            [&] { softmax_cross_entropy<double>(planes, labels, {}, 0); }) == errc::out_of_range);
}
