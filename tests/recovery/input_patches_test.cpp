// SPDX-License-Identifier: MIT
#include <prunus/observe/input_correlation.hpp>
#include <prunus/observe/target_correlation.hpp>
#include <prunus/recovery/input_patches.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <limits>  // std::numeric_limits
#include <span>    // std::span
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::input_correlation;
using prunus::target_correlation;
using support::code_of;

}  // namespace

TEST_CASE("patches are what a convolution reads", "[recovery][input_patches]") {
  const prunus::convolution_shape shape{.in_channels = 2,
                                        .out_channels = 3,
                                        .height = 5,
                                        .width = 4,
                                        .kernel_height = 3,
                                        .kernel_width = 2,
                                        .stride_height = 2,
                                        .stride_width = 1,
                                        .padding_height = 1,
                                        .padding_width = 1};
  const Index batch = 30;  // more than 256 patches
  support::random_source random(4);
  std::vector<float> images(static_cast<std::size_t>(batch * shape.in_size()));
  for (float& v : images) v = static_cast<float>(random.real(-1, 1));
  input_correlation<> seen(shape.row_size());
  prunus::add_patches(seen, std::span<const float>(images), batch, shape);
  CHECK(seen.samples() == batch * shape.out_height() * shape.out_width());

  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(12, 12);
  for (Index n = 0; n < batch; ++n)
    for (Index r = 0; r < shape.out_height(); ++r)
      for (Index c = 0; c < shape.out_width(); ++c) {
        Eigen::VectorXd patch(12);
        for (Index k = 0; k < 12; ++k) {
          const Index plane = k / 6, y = 2 * r - 1 + k % 6 / 2, xx = c - 1 + k % 2;
          const bool inside = y >= 0 && y < 5 && xx >= 0 && xx < 4;
          patch(k) = inside
                         ? static_cast<double>(
                               images[static_cast<std::size_t>(((n * 2 + plane) * 5 + y) * 4 + xx)])
                         : 0;
        }
        products += patch * patch.transpose();
      }
  CHECK(seen.mean_product().isApprox(products / static_cast<double>(seen.samples()), 1e-12));

  const std::span<const float> all(images);
  prunus::convolution_shape grouped = shape;
  grouped.groups = 2, grouped.out_channels = 4;
  CHECK(code_of<prunus::argument_error>([&] { prunus::add_patches(seen, all, batch, grouped); }) ==
        errc::unsupported);
  CHECK(code_of<prunus::shape_error>([&] { prunus::add_patches(seen, all, 29, shape); }) ==
        errc::shape_mismatch);
  input_correlation<> small(4);
  CHECK(code_of<prunus::shape_error>([&] { prunus::add_patches(small, all, batch, shape); }) ==
        errc::shape_mismatch);
  images.back() = std::numeric_limits<float>::infinity();
  const Index before = seen.samples();
  CHECK(code_of<prunus::value_error>([&] { prunus::add_patches(seen, all, batch, shape); }) ==
        errc::not_finite);
  CHECK(seen.samples() == before);
}

TEST_CASE("patches and their targets are what a convolution reads and writes",
          "[recovery][input_patches]") {
  const prunus::convolution_shape shape{.in_channels = 2,
                                        .out_channels = 3,
                                        .height = 5,
                                        .width = 4,
                                        .kernel_height = 3,
                                        .kernel_width = 3,
                                        .stride_height = 2,
                                        .padding_height = 1,
                                        .padding_width = 1};
  const Index batch = 40, positions = shape.out_height() * shape.out_width();  // more than 256
  support::random_source random(4);
  std::vector<float> images(static_cast<std::size_t>(batch * shape.in_size()));
  std::vector<float> targets(static_cast<std::size_t>(batch * shape.out_size()));
  for (float& v : images) v = static_cast<float>(random.real(-1, 1));
  for (float& v : targets) v = static_cast<float>(random.real(-1, 1));
  const std::span<const float> x(images), y(targets);
  target_correlation<> seen(shape.row_size(), 3);
  prunus::add_patches(seen, x, y, batch, shape);
  CHECK(seen.samples() == batch * positions);
  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(3, 18);
  for (Index n = 0; n < batch; ++n)
    for (Index p = 0; p < positions; ++p)
      for (Index o = 0; o < 3; ++o)
        for (Index k = 0; k < 18; ++k) {
          const Index row = 2 * (p / 4) - 1 + k % 9 / 3, column = p % 4 - 1 + k % 3;
          if (row < 0 || row >= 5 || column < 0 || column >= 4) continue;
          products(o, k) +=
              static_cast<double>(y[static_cast<std::size_t>((n * 3 + o) * positions + p)]) *
              static_cast<double>(
                  x[static_cast<std::size_t>(((n * 2 + k / 9) * 5 + row) * 4 + column)]);
        }
  CHECK(seen.mean_product().isApprox(products / static_cast<double>(seen.samples()), 1e-12));

  CHECK(code_of<prunus::shape_error>([&] {
          prunus::add_patches(seen, x, y.subspan(1), batch, shape);
        }) == errc::shape_mismatch);
  target_correlation<> narrow(shape.row_size(), 2);
  CHECK(code_of<prunus::shape_error>([&] { prunus::add_patches(narrow, x, y, batch, shape); }) ==
        errc::shape_mismatch);
  const Index before = seen.samples();
  targets.back() = std::numeric_limits<float>::quiet_NaN();
  CHECK(code_of<prunus::value_error>([&] { prunus::add_patches(seen, x, y, batch, shape); }) ==
        errc::not_finite);
  CHECK(seen.samples() == before);
}
