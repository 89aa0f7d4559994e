// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "support/catch.hpp"

#include <examples/support/dataset.hpp>

#include <limits>  // std::numeric_limits
#include <vector>  // std::vector

using prunus_examples::channel_statistics;
using prunus_examples::dataset;
using prunus_examples::measure_channels;
using prunus_examples::normalise;

namespace {

// Two images of two channels with two pixels each.
dataset small() {
  return {.name = "small",
          .channels = 2,
          .height = 1,
          .width = 2,
          .classes = 3,
          .images = {0, 1, 5, 5, 2, 3, 5, 5},
          .labels = {0, 2}};
}

}  // namespace

TEST_CASE("dataset gives its images one by one", "[examples][dataset]") {
  const dataset data = small();
  CHECK(data.size() == 2);
  CHECK(data.pixels() == 4);
  const auto second = data.image(1);
  CHECK(std::vector<float>(second.begin(), second.end()) == std::vector<float>{2, 3, 5, 5});
}

TEST_CASE("measure_channels finds mean and deviation of each channel", "[examples][dataset]") {
  const channel_statistics statistics = measure_channels(small());
  REQUIRE(statistics.mean.size() == 2);
  CHECK(statistics.mean[0] == Approx(1.5));
  CHECK(statistics.deviation[0] == Approx(1.118034));  // sqrt(1.25)
  CHECK(statistics.mean[1] == Approx(5));
  CHECK(statistics.deviation[1] == Approx(1));  // constant
}

TEST_CASE("normalise shifts and scales each channel by its own numbers", "[examples][dataset]") {
  dataset data = small();
  normalise(data, {.mean = {1, 3}, .deviation = {2, 0.5F}});
  CHECK(data.images == std::vector<float>{-0.5F, 0, 4, 4, 0.5F, 1, 4, 4});
  const channel_statistics left = measure_channels(data);
  normalise(data, left);
  const channel_statistics after = measure_channels(data);
  CHECK(after.mean[0] == Approx(0).margin(1e-6));
  CHECK(after.deviation[0] == Approx(1));
}

TEST_CASE("normalise refuses statistics that do not fit and changes nothing",
          "[examples][dataset]") {
  dataset data = small();
  const auto code_of = [&](const channel_statistics& statistics) {
    try {
      normalise(data, statistics);
    } catch (const prunus::error& error) {
      return error.code();
    }
    return prunus::errc{};
  };
  CHECK(code_of({.mean = {1}, .deviation = {1, 1}}) == prunus::errc::shape_mismatch);
  CHECK(code_of({.mean = {1, 1}, .deviation = {1}}) == prunus::errc::shape_mismatch);
  CHECK(code_of({.mean = {1, 1}, .deviation = {1, 0}}) == prunus::errc::out_of_range);
  CHECK(code_of({.mean = {1, 1}, .deviation = {std::numeric_limits<float>::quiet_NaN(), 1}}) ==
        prunus::errc::out_of_range);
  CHECK(data.images == small().images);
}

TEST_CASE("measure_channels refuses a set without images", "[examples][dataset]") {
  try {
    static_cast<void>(measure_channels(dataset{.channels = 1, .height = 1, .width = 1}));
    FAIL("no exception");
  } catch (const prunus::argument_error& error) {
    CHECK(error.code() == prunus::errc::empty_model);
  }
}
