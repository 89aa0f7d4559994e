// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <examples/support/corrosion.hpp>

#include <algorithm>  // std::count
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <vector>     // std::vector

using namespace prunus_examples;
using support::code_of;

TEST_CASE("drawn corrosion is the same for the same seed and holds every class",
          "[examples][corrosion]") {
  const segmentation_set a = corrosion::draw_set(20, 16, 1), b = corrosion::draw_set(20, 16, 1),
                         other = corrosion::draw_set(20, 16, 2);
  CHECK(a.size() == 20);
  CHECK(a.image(3).size() == 3 * 256);
  CHECK(a.labels_of(3).size() == 256);
  CHECK(a.images == b.images);
  CHECK(a.labels == b.labels);
  CHECK(a.labels != other.labels);
  for (int k = 0; k < 3; ++k) {
    const auto share = std::count(a.labels.begin(), a.labels.end(), k);
    CHECK(share > 20 * 256 / 20);
    CHECK(share < 20 * 256 * 9 / 10);
  }
  for (float pixel : a.images) REQUIRE((pixel >= 0 && pixel <= 1));
}

TEST_CASE("deep corrosion is darker than surface rust, and rust redder than metal",
          "[examples][corrosion]") {
  const segmentation_set set = corrosion::draw_set(30, 16, 5);
  std::array<double, 3> red{}, blue{}, count{};
  for (std::ptrdiff_t n = 0; n < set.size(); ++n)
    for (std::size_t p = 0; p < 256; ++p) {
      const auto k = static_cast<std::size_t>(set.labels_of(n)[p]);
      red[k] += static_cast<double>(set.image(n)[p]);
      blue[k] += static_cast<double>(set.image(n)[512 + p]);
      ++count[k];
    }
  for (std::size_t k = 0; k < 3; ++k) red[k] /= count[k], blue[k] /= count[k];
  CHECK(red[2] < red[1] - 0.1);
  CHECK(red[1] - blue[1] > red[0] - blue[0] + 0.2);
  CHECK(red[2] - blue[2] > red[0] - blue[0] + 0.1);
}

TEST_CASE("overlap is intersection over union, by image and by class", "[examples][corrosion]") {
  // Image 1: 3 of 4 right: 3 / 5. Image 2: all right: 1.
  const std::vector<int> truth{0, 0, 1, 1, 2, 2, 2, 2}, predicted{0, 1, 1, 1, 2, 2, 2, 2};
  const overlap o = measure_overlap(predicted, truth, 4, 3);
  CHECK(o.per_image == Approx((0.6 + 1) / 2));
  CHECK(o.per_class == Approx((1.0 / 2 + 2.0 / 3 + 1) / 3));
  CHECK(o.pixels == Approx(7.0 / 8));
  CHECK(measure_overlap(predicted, truth, 4, 5).per_class ==
        Approx(o.per_class));  // two never occur
}

TEST_CASE("what makes no images and no overlap is refused", "[examples][corrosion]") {
  CHECK(code_of<prunus::argument_error>([] { static_cast<void>(corrosion::draw_set(0, 16, 1)); }) ==
        prunus::errc::out_of_range);
  CHECK(code_of<prunus::argument_error>([] { static_cast<void>(corrosion::draw_set(1, 7, 1)); }) ==
        prunus::errc::out_of_range);
  const std::vector<int> six(6), four(4);
  CHECK(code_of<prunus::shape_error>([&] {
          static_cast<void>(measure_overlap(six, four, 2, 2));
        }) == prunus::errc::shape_mismatch);
  CHECK(code_of<prunus::shape_error>([&] { static_cast<void>(measure_overlap(six, six, 4, 2)); }) ==
        prunus::errc::shape_mismatch);
}
