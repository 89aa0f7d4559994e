// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "support/catch.hpp"

#include <examples/support/digits.hpp>

#include <algorithm>  // std::all_of, std::count, std::equal
#include <cmath>      // std::floor, std::lround
#include <cstdint>    // std::uint64_t
#include <limits>     // std::numeric_limits
#include <numeric>    // std::accumulate
#include <thread>     // std::thread
#include <vector>     // std::vector

using prunus_examples::counter_random;
using prunus_examples::data_split;
using prunus_examples::dataset;
using prunus_examples::digit_options;
using prunus_examples::draw_digit;
using prunus_examples::draw_digit_split;
using prunus_examples::draw_digits;

namespace {

constexpr std::size_t pixels = 784;

struct drawing {
  std::vector<float> image = std::vector<float>(pixels);
  int digit = -1;
};

drawing drawn(std::uint64_t index, const digit_options& options = {}) {
  drawing result;
  result.digit = draw_digit(index, result.image, options);
  return result;
}

double ink(const std::vector<float>& image) {
  return std::accumulate(image.begin(), image.end(), 0.0,
                         [](double sum, float pixel) { return sum + static_cast<double>(pixel); });
}

}  // namespace

TEST_CASE("a digit is the same however many are drawn, in whatever order, on whatever thread",
          "[examples][digits]") {
  const dataset many = draw_digits(40);
  const dataset few = draw_digits(7);
  CHECK(std::equal(few.images.begin(), few.images.end(), many.images.begin()));
  CHECK(std::equal(few.labels.begin(), few.labels.end(), many.labels.begin()));
  drawing elsewhere;
  std::thread([&] { elsewhere = drawn(33); }).join();
  const auto same = many.image(33);
  CHECK(std::equal(same.begin(), same.end(), elsewhere.image.begin()));
  CHECK(elsewhere.digit == many.labels[33]);
}

TEST_CASE("digits are the same with every compiler", "[examples][digits]") {
  const dataset data = draw_digits(50);
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a over the grey levels
  for (const float pixel : data.images) {
    hash = (hash ^ static_cast<std::uint64_t>(std::lround(pixel * 255.0F))) * 1099511628211U;
  }
  CHECK(hash == 0xFA45B3C9FD61D1AU);
}

TEST_CASE("ten digits in a row show each digit once", "[examples][digits]") {
  const dataset data = draw_digits(60);
  for (auto first = data.labels.begin(); first != data.labels.end(); first += 10) {
    for (int digit = 0; digit < 10; ++digit) CHECK(std::count(first, first + 10, digit) == 1);
  }
  CHECK(data.labels[0] * 10 + data.labels[1] != data.labels[10] * 10 + data.labels[11]);
}

TEST_CASE("digits are grey levels with ink on a dark ground", "[examples][digits]") {
  const dataset data = draw_digits(50);
  CHECK(data.channels == 1);
  CHECK(data.height == 28);
  CHECK(data.width == 28);
  CHECK(data.classes == 10);
  CHECK(std::all_of(data.images.begin(), data.images.end(), [](float pixel) {
    return pixel >= 0 && pixel <= 1 && std::floor(pixel * 255.0F + 0.5F) / 255.0F == pixel;
  }));
  const double mean = ink(data.images) / static_cast<double>(data.images.size());
  CHECK(mean > 0.08);
  CHECK(mean < 0.22);
  for (std::ptrdiff_t i = 0; i < data.size(); ++i) {
    const auto image = data.image(i);
    CHECK(std::count_if(image.begin(), image.end(), [](float p) { return p > 0.5F; }) > 10);
  }
}

TEST_CASE("another seed draws other digits, and the test set is not the training set",
          "[examples][digits]") {
  CHECK(drawn(4, {.seed = 1}).image != drawn(4, {.seed = 2}).image);
  const data_split data = draw_digit_split(30, 20, {.seed = 9});
  CHECK(data.train.size() == 30);
  CHECK(data.test.size() == 20);
  CHECK(data.train.images == draw_digits(30, {.seed = 9}).images);
  for (std::ptrdiff_t i = 0; i < data.test.size(); ++i) {
    const auto unseen = data.test.image(i);
    for (std::ptrdiff_t k = 0; k < data.train.size(); ++k) {
      const auto seen = data.train.image(k);
      CHECK_FALSE(std::equal(unseen.begin(), unseen.end(), seen.begin()));
    }
  }
}

TEST_CASE("difficulty scales the distortion and leaves the digit", "[examples][digits]") {
  // Without difficulty only the form and the pen differ: the ground is black, the ink full.
  const drawing clean = drawn(3, {.difficulty = 0});
  CHECK(clean.digit == drawn(3, {.difficulty = 2}).digit);
  CHECK(clean.image.front() == 0.0F);
  CHECK(*std::max_element(clean.image.begin(), clean.image.end()) == 1.0F);
  CHECK(clean.image != drawn(3, {.difficulty = 1}).image);
}

TEST_CASE("a clean one is drawn where it should be", "[examples][digits]") {
  // Some one among the first images is a plain bar: ink in the middle, none beside it.
  int ones = 0;
  for (std::uint64_t index = 0; index < 40; ++index) {
    const drawing one = drawn(index, {.difficulty = 0});
    if (one.digit != 1) continue;
    ++ones;
    const auto at = [&](std::size_t row, std::size_t column) {
      return one.image[row * 28 + column];
    };
    CHECK(at(13, 13) + at(13, 14) > 1.0F);
    CHECK(at(13, 5) == 0.0F);
    CHECK(at(13, 22) == 0.0F);
    CHECK(at(1, 14) == 0.0F);
    CHECK(at(26, 14) == 0.0F);
  }
  CHECK(ones == 4);
}

TEST_CASE("every digit has its forms", "[examples][digits]") {
  std::size_t total = 0;
  for (int digit = 0; digit < 10; ++digit) {
    const auto forms = prunus_examples::detail::forms_of(digit);
    CHECK(forms.size() >= 2);
    total += forms.size();
    for (const auto& form : forms) {
      CHECK(form.strokes.size() >= 1);
      for (const auto& stroke : form.strokes) CHECK(stroke.size() >= 2);
    }
  }
  CHECK(total == prunus_examples::detail::digit_forms.size());
}

TEST_CASE("draw_digit refuses images and options that do not fit", "[examples][digits]") {
  const auto code_of = [](auto&& call) {
    try {
      call();
    } catch (const prunus::error& error) {
      return error.code();
    }
    return prunus::errc{};
  };
  std::vector<float> small(783);
  std::vector<float> image(pixels);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(code_of([&] { draw_digit(0, small); }) == prunus::errc::shape_mismatch);
  CHECK(code_of([&] { draw_digit(0, image, {.difficulty = 2.5}); }) == prunus::errc::out_of_range);
  CHECK(code_of([&] { draw_digit(0, image, {.difficulty = nan}); }) == prunus::errc::out_of_range);
  CHECK(code_of([&] { static_cast<void>(draw_digits(-1)); }) == prunus::errc::out_of_range);
  CHECK(std::all_of(image.begin(), image.end(), [](float pixel) { return pixel == 0.0F; }));
}

TEST_CASE("counter_random is a fixed function of seed and stream", "[examples][counter_random]") {
  counter_random first(1, 0);
  counter_random again(1, 0);
  counter_random other(1, 1);
  const auto bits = first.bits();
  CHECK(bits == again.bits());
  CHECK(bits != other.bits());
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 4000; ++i) {
    const double value = first.bell();
    sum += value;
    squares += value * value;
    const double uniform = first.uniform(2, 3);
    CHECK((uniform >= 2 && uniform < 3));
    const int below = first.below(7);
    CHECK((below >= 0 && below < 7));
  }
  CHECK(sum / 4000 == Approx(0).margin(0.05));
  CHECK(squares / 4000 == Approx(1).margin(0.07));
}
