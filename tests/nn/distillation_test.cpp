// SPDX-License-Identifier: MIT

#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/nn/training/distillation.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <cmath>    // std::exp, std::log
#include <cstddef>  // std::size_t
#include <limits>   // std::numeric_limits
#include <span>     // std::span
#include <vector>   // std::vector

namespace {

using prunus::errc;
using prunus::Index;
using prunus::nn::distillation;
using prunus::nn::distillation_loss;
using support::code_of;
namespace nn = prunus::nn;

std::vector<double> numbers(std::size_t count, std::uint64_t seed) {
  support::random_source random(seed);
  std::vector<double> result(count);
  for (double& x : result) x = random.real(-3, 3);
  return result;
}

/// softmax(x / temperature) of the classes of one sample and position.
std::vector<double> softmax(std::vector<double> x, double temperature) {
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v / temperature);
  for (double& v : x) v /= sum;
  return x;
}

}  // namespace

TEST_CASE("distillation_loss of one sample by hand", "[nn][distillation]") {
  // T = 2: teacher (3/4, 1/4), student (1/2, 1/2).
  const std::vector<double> teacher{2 * std::log(3.0), 0}, student{1, 1};
  const std::vector<int> labels{1};
  std::vector<double> gradient(2);
  const auto result = distillation_loss<double>(student, teacher, labels, gradient,
                                                {.temperature = 2, .weight = 0.75});
  const double divergence = 0.75 * std::log(0.75 / 0.5) + 0.25 * std::log(0.25 / 0.5);
  CHECK(result.loss == Approx(0.25 * std::log(2.0) + 0.75 * 4 * divergence));
  CHECK(result.correct == 0);  // of equal outputs the first counts
  // Labels: (1/2, -1/2) / 4; teacher: 3/4 * 2 * (1/2 - 3/4, 1/2 - 1/4).
  CHECK(gradient[0] == Approx(0.125 - 0.375));
  CHECK(gradient[1] == Approx(-0.125 + 0.375));
}

TEST_CASE("a student that says what its teacher says has nothing to learn", "[nn][distillation]") {
  const std::vector<double> outputs = numbers(12, 1);
  std::vector<double> shifted = outputs;  // softmax does not see what is added to all
  for (double& x : shifted) x += 7;
  std::vector<double> gradient(12, 5);
  const auto result = distillation_loss<double>(shifted, outputs, std::vector<int>{0, 1, 2},
                                                gradient, {.weight = 1});
  CHECK(std::abs(result.loss) < 1e-14);
  for (const double g : gradient) CHECK(std::abs(g) < 1e-14);
}

TEST_CASE("without a teacher it is softmax_cross_entropy to the bit", "[nn][distillation]") {
  const std::vector<double> outputs = numbers(12, 2), teacher = numbers(12, 3);
  const std::vector<int> labels{3, 0, 1};
  std::vector<double> gradient(12), plain(12);
  const auto result = distillation_loss<double>(outputs, teacher, labels, gradient, {.weight = 0});
  const auto expected = nn::softmax_cross_entropy<double>(outputs, labels, plain);
  CHECK(result.loss == expected.loss);
  CHECK(result.correct == expected.correct);
  CHECK(gradient == plain);
}

TEST_CASE("distillation_loss agrees with its formula and with central differences",
          "[nn][distillation]") {
  const Index positions = GENERATE(1, 2);
  const std::size_t plane = static_cast<std::size_t>(positions), classes = 3, samples = 4;
  std::vector<double> outputs = numbers(samples * classes * plane, 4);
  const std::vector<double> teacher = numbers(outputs.size(), 5);
  std::vector<int> labels;
  for (std::size_t i = 0; i < samples * plane; ++i) labels.push_back(static_cast<int>(i % classes));
  const distillation how{.temperature = 3, .weight = 0.6};
  std::vector<double> gradient(outputs.size());
  const auto result = distillation_loss<double>(outputs, teacher, labels, gradient, how, positions);

  double expected = 0;
  for (std::size_t n = 0; n < samples; ++n)
    for (std::size_t q = 0; q < plane; ++q) {
      std::vector<double> said, taught;
      for (std::size_t k = 0; k < classes; ++k) {
        said.push_back(outputs[(n * classes + k) * plane + q]);
        taught.push_back(teacher[(n * classes + k) * plane + q]);
      }
      expected -= 0.4 * std::log(softmax(said, 1)[std::size_t(labels[n * plane + q])]);
      said = softmax(said, 3), taught = softmax(taught, 3);
      for (std::size_t k = 0; k < classes; ++k)
        expected += 0.6 * 9 * taught[k] * std::log(taught[k] / said[k]);
    }
  CHECK(result.loss == Approx(expected / static_cast<double>(labels.size())));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const double before = outputs[i], h = 1e-6;
    outputs[i] = before + h;
    const double above =
        distillation_loss<double>(outputs, teacher, labels, {}, how, positions).loss;
    outputs[i] = before - h;
    const double below =
        distillation_loss<double>(outputs, teacher, labels, {}, how, positions).loss;
    outputs[i] = before;
    CHECK(std::abs(gradient[i] - (above - below) / (2 * h)) < 1e-8);
  }
}

TEST_CASE("distillation_loss neither overflows nor underflows", "[nn][distillation]") {
  const std::vector<float> outputs{1000, -1000}, teacher{-1000, 1000};
  std::vector<float> gradient(2);
  const std::vector<int> labels{0};
  const distillation how{.temperature = 1, .weight = 1};
  CHECK(distillation_loss<float>(outputs, outputs, labels, gradient, how).loss == 0);
  CHECK(distillation_loss<float>(outputs, teacher, labels, gradient, how).loss == 2000);
  CHECK(gradient == std::vector<float>{1, -1});
}

TEST_CASE("distillation_loss reports what does not fit, by code", "[nn][distillation]") {
  const std::vector<float> outputs(6);
  const std::vector<int> labels{0, 1};
  std::vector<float> gradient(6, 7.0F);
  const auto call = [&](std::span<const float> teacher, const distillation& how) {
    distillation_loss<float>(outputs, teacher, labels, gradient, how);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(code_of<prunus::shape_error>([&] { call(std::vector<float>(5), {}); }) ==
        errc::shape_mismatch);
  for (const distillation& wrong :
       {distillation{.temperature = 0}, distillation{.temperature = nan},
        distillation{.temperature = std::numeric_limits<double>::infinity()},
        distillation{.weight = -0.1}, distillation{.weight = 1.1}, distillation{.weight = nan}})
    CHECK(code_of<prunus::argument_error>([&] { call(outputs, wrong); }) == errc::out_of_range);
  CHECK(gradient == std::vector<float>(6, 7.0F));
}

TEST_CASE("a student learns its teacher without a label that helps", "[nn][distillation]") {
  prunus::graph g;
  g.linear("fc", g.flatten("flat", g.input("x", {3, 1, 1})), {.out_features = 4});
  nn::network<double> teacher(g, {.seed = 1}), student(g, {.seed = 2});
  nn::optimizer<double, nn::sgd> optimizer(student, {.learning_rate = 0.5, .momentum = 0.9});
  const std::vector<double> images = numbers(3 * 32, 6);
  const std::vector<int> labels(32, 0);  // of no use
  const auto outputs = teacher.forward(images, 32, nn::mode::inference);
  const std::vector<double> taught(outputs.data(), outputs.data() + outputs.size());
  const distillation how{.temperature = 2, .weight = 1};
  int updates = 0;
  const auto step = [&] {
    return nn::distillation_step<double>(student, optimizer, images, labels, taught, 0.5, how,
                                         [&] { ++updates; })
        .loss;
  };
  const double first = step();
  double last = first;
  for (int i = 0; i < 200; ++i) last = step();
  CHECK(updates == 201);
  CHECK(first > 0.1);
  CHECK(last < 1e-6);
}
