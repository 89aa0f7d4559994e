// SPDX-License-Identifier: MIT
#include <prunus/adaptive/difficulty.hpp>
#include <prunus/adaptive/image_features.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using Catch::Matchers::WithinAbs;
using prunus::difficulty_estimator;
using prunus::errc;
using prunus::image_features;
using prunus::Index;
using prunus::measure_image;
using support::code_of;
using support::random_source;

template <class S>
image_features measured(const std::vector<S>& pixels, Index channels, Index height, Index width,
                        const prunus::image_feature_options& options = {}) {
  return measure_image(std::span<const S>(pixels), channels, height, width, options);
}

/// Difficulties that follow from two of three features, with noise.
struct calibration {
  explicit calibration(Index inputs, double noise, std::uint64_t seed = 1) {
    random_source random(seed);
    for (Index i = 0; i < inputs; ++i) {
      const double a = random.gaussian(), b = 100 + 20 * random.gaussian(), c = random.gaussian();
      features.insert(features.end(), {a, b, c});
      const double sum = 0.5 + 1.5 * a - (b - 100) / 20 + noise * random.gaussian();
      difficulties.push_back(1 / (1 + std::exp(-sum)));
    }
  }
  [[nodiscard]] std::span<const double> input(std::size_t i) const {
    return std::span(features).subspan(3 * i, 3);
  }
  std::vector<double> features, difficulties;
};

}  // namespace

TEST_CASE("half black and half white is one bit, one colour is nothing",
          "[gates][image_features]") {
  std::vector<float> half(64, 0.0F);
  std::fill(half.begin() + 32, half.end(), 1.0F);
  const image_features found = measured(half, 1, 8, 8);
  CHECK(found.entropy == 1);
  CHECK(found.contrast == 0.5);
  // Rows 3 and 4 of the inner rows 1 to 6 touch the edge, with a gradient of 4.
  CHECK_THAT(found.edge_density, WithinAbs(2.0 / 6, 1e-12));
  // The Laplacian is +1 above and -1 below the edge.
  CHECK_THAT(found.sharpness, WithinAbs(2.0 / 6, 1e-12));
  CHECK(measured(half, 1, 8, 8, {.edge = 4}).edge_density == 0);

  const std::vector<float> grey(64, 0.4F);
  CHECK(measured(grey, 1, 8, 8).values() == std::array<double, 4>{});
}

TEST_CASE("channels are averaged and pixels are scaled", "[gates][image_features]") {
  random_source random(2);
  const Index height = 5, width = 7;
  std::vector<double> one, three(105), bytes;
  for (std::size_t i = 0; i < 35; ++i) {
    one.push_back(random.real(0, 1));
    const double shift = random.real(-0.1, 0.1);
    three[i] = one[i] + shift;
    three[i + 35] = one[i] - shift;
    three[i + 70] = one[i];
    bytes.push_back(255 * one[i] + 3);
  }
  const image_features expected = measured(one, 1, height, width);
  const auto same = [&](const image_features& found) {
    for (std::size_t f = 0; f < 4; ++f)
      CHECK_THAT(found.values()[f], WithinAbs(expected.values()[f], 1e-9));
  };
  same(measured(three, 3, height, width));
  same(measured(bytes, 1, height, width, {.black = 3, .white = 258}));
}

TEST_CASE("an image without inner pixels has no edges", "[gates][image_features]") {
  const std::vector<float> pixels{0, 1, 0, 1};
  const image_features found = measured(pixels, 1, 2, 2);
  CHECK(found.edge_density == 0);
  CHECK(found.sharpness == 0);
  CHECK(found.entropy == 1);
}

TEST_CASE("images of the wrong size or with NaN are refused", "[gates][image_features]") {
  std::vector<float> pixels(12, 0.5F);
  CHECK(code_of<prunus::shape_error>([&] { (void)measured(pixels, 1, 3, 5); }) ==
        errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>([&] {
          (void)measured(pixels, 1, 3, 4, {.black = 1, .white = 1});
        }) == errc::out_of_range);
  pixels[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK(code_of<prunus::value_error>([&] { (void)measured(pixels, 1, 3, 4); }) == errc::not_finite);
}

TEST_CASE("an estimator finds what makes inputs difficult", "[gates][difficulty]") {
  const calibration exact(400, 0);
  const auto estimator =
      difficulty_estimator::fit(exact.features, 3, exact.difficulties, {.ridge = 1e-7});
  for (std::size_t i = 0; i < 400; i += 17)
    CHECK_THAT(estimator.difficulty(exact.input(i)), WithinAbs(exact.difficulties[i], 1e-3));
  CHECK(estimator.weights()[0] > 0);
  CHECK(estimator.weights()[1] < 0);
  CHECK(std::abs(estimator.weights()[2]) < 1e-3);
}

TEST_CASE("a fit is where the gradient of the penalised cross-entropy is 0",
          "[gates][difficulty]") {
  const calibration noisy(150, 1.5, 3);
  const double ridge = 0.05;
  const auto estimator =
      difficulty_estimator::fit(noisy.features, 3, noisy.difficulties, {.ridge = ridge});
  for (std::size_t f = 0; f < 3; ++f) {
    double mean = 0, square = 0, gradient = 0;
    for (std::size_t i = 0; i < 150; ++i) mean += noisy.input(i)[f] / 150;
    for (std::size_t i = 0; i < 150; ++i)
      square += (noisy.input(i)[f] - mean) * (noisy.input(i)[f] - mean) / 150;
    for (std::size_t i = 0; i < 150; ++i)
      gradient += (estimator.difficulty(noisy.input(i)) - noisy.difficulties[i]) *
                  (noisy.input(i)[f] - mean) / std::sqrt(square) / 150;
    CHECK_THAT(gradient + ridge * estimator.weights()[f], WithinAbs(0, 1e-7));
  }
}

TEST_CASE("levels share the calibration inputs out evenly", "[gates][difficulty]") {
  const calibration noisy(300, 0.5, 4);
  for (const Index levels : {1, 2, 3, 5}) {
    const auto estimator =
        difficulty_estimator::fit(noisy.features, 3, noisy.difficulties, {.levels = levels});
    CHECK(estimator.levels() == levels);
    std::vector<Index> counts(static_cast<std::size_t>(levels), 0);
    for (std::size_t i = 0; i < 300; ++i) {
      const Index level = estimator.level(noisy.input(i));
      ++counts[static_cast<std::size_t>(level)];
      // Harder inputs have higher levels.
      const double d = estimator.difficulty(noisy.input(i));
      if (level > 0) REQUIRE(d >= estimator.limits()[static_cast<std::size_t>(level) - 1]);
      if (level + 1 < levels) REQUIRE(d < estimator.limits()[static_cast<std::size_t>(level)]);
    }
    for (const Index count : counts) CHECK(count == 300 / levels);
  }
}

TEST_CASE("inputs that cannot be told apart, or not at all, count as hard", "[gates][difficulty]") {
  const std::vector<double> features(20, 0.7), difficulties{0, 1, 0, 1, 1, 0, 0, 0, 1, 0};
  const auto estimator = difficulty_estimator::fit(features, 2, difficulties);
  CHECK_THAT(estimator.difficulty(std::vector<double>{0.7, 0.7}), WithinAbs(0.4, 1e-6));
  CHECK(estimator.level(std::vector<double>{0.7, 0.7}) == 2);
  CHECK(estimator.level(std::vector<double>{std::nan(""), 0.7}) == 2);
  // Difficulties that are all 0 or all 1 do not run away.
  const std::vector<double> ones(10, 1.0);
  CHECK(difficulty_estimator::fit(features, 2, ones).difficulty(std::vector<double>{1.0, 1.0}) >
        0.99);
}

TEST_CASE("what is expected of three networks, worked out by hand", "[gates][difficulty]") {
  const std::vector<double> shares{.5, .3, .2}, cost{55, 70, 82}, drop{7.5, 3.5, .9};
  CHECK_THAT(prunus::expected_value(shares, cost), WithinAbs(64.9, 1e-12));
  CHECK_THAT(prunus::expected_value(shares, drop), WithinAbs(4.98, 1e-12));
  CHECK(code_of<prunus::shape_error>([&] {
          (void)prunus::expected_value(shares, std::vector<double>{1.0});
        }) == errc::shape_mismatch);
}

TEST_CASE("fits of nothing, of wrong sizes and numbers are refused", "[gates][difficulty]") {
  const std::vector<double> features{1, 2, 3, 4}, good{0, 1}, bad{0, 1.5}, three{0, 1, 1};
  const auto code = [&](const std::vector<double>& x, Index count, const std::vector<double>& d,
                        prunus::difficulty_options options = {}) {
    return code_of<prunus::argument_error>(
        [&] { (void)difficulty_estimator::fit(x, count, d, options); });
  };
  CHECK(code({}, 2, {}) == errc::empty_model);
  CHECK(code(features, 0, good) == errc::empty_model);
  CHECK(code(features, 2, bad) == errc::out_of_range);
  CHECK(code(features, 2, good, {.levels = 0}) == errc::out_of_range);
  CHECK(code(features, 2, good, {.ridge = 0}) == errc::out_of_range);
  CHECK(code_of<prunus::shape_error>(
            [&] { (void)difficulty_estimator::fit(features, 2, three); }) == errc::shape_mismatch);
  const std::vector<double> broken{1, 2, std::nan(""), 4};
  CHECK(code_of<prunus::value_error>([&] { (void)difficulty_estimator::fit(broken, 2, good); }) ==
        errc::not_finite);
  const auto estimator = difficulty_estimator::fit(features, 2, good);
  CHECK(code_of<prunus::shape_error>([&] { (void)estimator.level(three); }) ==
        errc::shape_mismatch);
}
