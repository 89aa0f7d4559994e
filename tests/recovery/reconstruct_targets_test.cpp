// SPDX-License-Identifier: MIT
#include <prunus/core/mask.hpp>
#include <prunus/observe/target_correlation.hpp>
#include <prunus/recovery/input_patches.hpp>
#include <prunus/recovery/reconstruct.hpp>
#include <prunus/recovery/reconstruct_targets.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <Eigen/QR>

#include <cmath>   // std::abs
#include <limits>  // std::numeric_limits
#include <span>    // std::span
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::mask;
using prunus::reconstruct;
using prunus::reconstruction_report;
using prunus::target_correlation;
using prunus::tile_grid;
using support::code_of;

using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

row_major random_matrix(Index rows, Index columns, std::uint64_t seed) {
  support::random_source random(seed);
  row_major w(rows, columns);
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = random.real(-1, 2);
  return w;
}
/// One row a sample.
target_correlation<> moments_of(const row_major& x, const row_major& y) {
  target_correlation<> seen(x.cols(), y.cols());
  seen.add(std::span<const double>(x.data(), static_cast<std::size_t>(x.size())),
           std::span<const double>(y.data(), static_cast<std::size_t>(y.size())));
  return seen;
}
double mean_square(const Eigen::MatrixXd& y) {
  return y.squaredNorm() / static_cast<double>(y.rows());
}

}  // namespace

TEST_CASE("a layer is fitted to targets by hand", "[recovery][reconstruct_targets]") {
  // x1 = +-1, x2 = +-1, independent; y = 2 x1 + 4 x2 + 1; x2 is removed.
  row_major x(4, 2), y(4, 1), w(1, 2);
  x << 1, 1, 1, -1, -1, 1, -1, -1;
  y << 7, -1, 3, -5;
  w << 5, 5;
  Eigen::VectorXd bias = Eigen::VectorXd::Zero(1);
  mask keep(tile_grid(prunus::view(w), prunus::element));
  keep.set(1, false);
  const reconstruction_report report =
      reconstruct(prunus::view(w), keep, moments_of(x, y), prunus::view(bias), {.damping = 0});
  CHECK(w(0, 0) == Approx(2));
  CHECK(w(0, 1) == 0);
  CHECK(bias(0) == Approx(1));
  CHECK(report.output == Approx(21));          // 4 + 16 + 1
  CHECK(report.masked == Approx(9 + 16 + 1));  // (5 - 2)^2 + 4^2 + 1
  CHECK(report.reconstructed == Approx(16));
  CHECK(report.factorizations == 1);
}

TEST_CASE("damping holds the survivors to their old weights by hand",
          "[recovery][reconstruct_targets]") {
  row_major x(2, 1), y(2, 1), w(1, 1);
  x << 1, -1;
  y << 3, -3;
  w << 1;
  const mask keep(tile_grid(prunus::view(w), prunus::element));
  (void)reconstruct(prunus::view(w), keep, moments_of(x, y), {}, {.damping = 1});
  CHECK(w(0, 0) == Approx(2));  // (3 + 1) / (1 + 1)
}

TEST_CASE("the fit is a least squares solution by QR", "[recovery][reconstruct_targets]") {
  const bool with_bias = GENERATE(false, true);
  const bool channels = GENERATE(false, true);
  const Index inputs = 7, outputs = 4, samples = 60;
  const row_major x = random_matrix(samples, inputs, 1) * random_matrix(inputs, inputs, 2);
  const row_major y = random_matrix(samples, outputs, 3) + x * random_matrix(inputs, outputs, 4);
  row_major w = random_matrix(outputs, inputs, 5);
  const row_major old = w;
  Eigen::VectorXd bias = Eigen::VectorXd::LinSpaced(outputs, -1, 1);
  const Eigen::VectorXd old_bias = bias;
  mask keep(tile_grid(prunus::view(w), channels ? prunus::channel : prunus::element));
  support::random_source random(6);
  for (Index t = 0; t < keep.size(); ++t) keep.set(t, random.chance(0.6));
  mask single(tile_grid(prunus::view(w), prunus::element));
  single.remove_where_removed(keep);
  const reconstruction_report report =
      reconstruct(prunus::view(w), keep, moments_of(x, y),
                  with_bias ? prunus::view(bias) : prunus::weight_view<double>{}, {.damping = 0});
  double error = 0, masked = 0;
  for (Index o = 0; o < outputs; ++o) {
    std::vector<Index> kept;
    Eigen::VectorXd zeroed = old.row(o).transpose();
    for (Index i = 0; i < inputs; ++i)
      if (single[o * inputs + i])
        kept.push_back(i);
      else
        zeroed(i) = 0;
    Eigen::MatrixXd columns(samples, static_cast<Index>(kept.size()) + (with_bias ? 1 : 0));
    for (std::size_t k = 0; k < kept.size(); ++k)
      columns.col(static_cast<Index>(k)) = x.col(kept[k]);
    if (with_bias) columns.rightCols(1).setOnes();
    const Eigen::VectorXd best = columns.colPivHouseholderQr().solve(y.col(o));
    for (std::size_t k = 0; k < kept.size(); ++k)
      CHECK(std::abs(w(o, kept[k]) - best(static_cast<Index>(k))) < 1e-8);
    for (Index i = 0; i < inputs; ++i)
      if (!single[o * inputs + i]) CHECK(w(o, i) == 0);
    if (with_bias) CHECK(std::abs(bias(o) - best(best.size() - 1)) < 1e-8);
    error += mean_square(columns * best - y.col(o));
    masked +=
        mean_square(((x * zeroed - y.col(o)).array() + (with_bias ? old_bias(o) : 0.0)).matrix());
  }
  CHECK(report.output == Approx(mean_square(y)));
  CHECK(report.masked == Approx(masked));
  CHECK(report.reconstructed == Approx(error));
}

TEST_CASE("with the layer's own outputs as targets both ways to reconstruct agree",
          "[recovery][reconstruct_targets]") {
  const row_major x = random_matrix(40, 6, 1) * random_matrix(6, 6, 2);
  row_major a = random_matrix(3, 6, 3), b = a;
  Eigen::VectorXd bias_a = Eigen::VectorXd::LinSpaced(3, -1, 1), bias_b = bias_a;
  row_major y = x * a.transpose();
  y.rowwise() += bias_a.transpose();
  const auto seen = moments_of(x, y);
  mask keep(tile_grid(prunus::view(a), prunus::channel));
  keep.set(1, false), keep.set(4, false);
  const auto by_inputs = reconstruct(prunus::view(a), keep, seen.of_inputs(), prunus::view(bias_a));
  const auto by_targets = reconstruct(prunus::view(b), keep, seen, prunus::view(bias_b));
  CHECK(a.isApprox(b, 1e-8));
  CHECK(bias_a.isApprox(bias_b, 1e-8));
  CHECK(by_targets.masked == Approx(by_inputs.masked).epsilon(1e-8));
  CHECK(by_targets.reconstructed == Approx(by_inputs.reconstructed).epsilon(1e-6));
}

TEST_CASE("what is lost before the layer is made up for", "[recovery][reconstruct_targets]") {
  // Its inputs come scaled by 1/2: the fit doubles the weights although nothing is removed here.
  const row_major x = random_matrix(40, 4, 1);
  row_major w = random_matrix(2, 4, 2);
  const row_major old = w, y = x * w.transpose(), halved = 0.5 * x;
  const mask keep(tile_grid(prunus::view(w), prunus::channel));
  const auto report =
      reconstruct(prunus::view(w), keep, moments_of(halved, y), {}, {.damping = 1e-14});
  CHECK(w.isApprox(2 * old, 1e-9));
  CHECK(report.masked == Approx(0.25 * report.output));
  CHECK(report.reconstructed < 1e-12 * report.output);
}

TEMPLATE_TEST_CASE("the error is never larger than by masking alone",
                   "[recovery][reconstruct_targets]", float, Eigen::half) {
  using S = TestType;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    support::random_source random(seed);
    const Index inputs = random.between(1, 7), outputs = random.between(1, 4);
    const Index samples = random.between(1, 20);  // often too few
    const row_major x = random_matrix(samples, inputs, seed),
                    y = random_matrix(samples, outputs, seed + 20),
                    values = random_matrix(outputs, inputs, seed + 40);
    std::vector<S> w, b(static_cast<std::size_t>(outputs), S(0.5F));
    for (Index i = 0; i < values.size(); ++i)
      w.push_back(static_cast<S>(static_cast<float>(values.data()[i])));
    const auto view = prunus::view(w, {outputs, inputs});
    mask keep(tile_grid(view, prunus::element));
    for (Index t = 0; t < keep.size(); ++t) keep.set(t, random.chance(0.5));
    const auto report = reconstruct(view, keep, moments_of(x, y), prunus::view(b, {outputs}));
    CHECK(report.reconstructed <= report.masked);
    Eigen::MatrixXd rest = -y;
    for (Index o = 0; o < outputs; ++o)
      for (Index n = 0; n < samples; ++n) {
        rest(n, o) += static_cast<double>(b[static_cast<std::size_t>(o)]);
        for (Index i = 0; i < inputs; ++i)
          rest(n, o) += x(n, i) * static_cast<double>(w[static_cast<std::size_t>(o * inputs + i)]);
      }
    CHECK(std::abs(mean_square(rest) - report.reconstructed) <= 1e-9 * (1 + mean_square(y)));
  }
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

TEST_CASE("targets that cannot be fitted are refused and nothing is written",
          "[recovery][reconstruct_targets]") {
  row_major w = random_matrix(2, 3, 1);
  const row_major old = w;
  mask keep(tile_grid(prunus::view(w), prunus::channel));
  keep.set(2, false);
  const auto view = prunus::view(w);
  const auto seen = moments_of(random_matrix(9, 3, 1), random_matrix(9, 2, 2));
  const auto other_inputs = moments_of(random_matrix(9, 4, 1), random_matrix(9, 2, 2));
  const auto other_outputs = moments_of(random_matrix(9, 3, 1), random_matrix(9, 1, 2));
  CHECK(code_of<prunus::shape_error>([&] { (void)reconstruct(view, keep, other_inputs); }) ==
        errc::shape_mismatch);
  CHECK(code_of<prunus::shape_error>([&] { (void)reconstruct(view, keep, other_outputs); }) ==
        errc::shape_mismatch);
  Eigen::VectorXd bias = Eigen::VectorXd::Zero(3);
  CHECK(code_of<prunus::shape_error>([&] {
          (void)reconstruct(view, keep, seen, prunus::view(bias));
        }) == errc::shape_mismatch);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double wrong : {-1.0, nan})
    CHECK(code_of<prunus::argument_error>([&] {
            (void)reconstruct(view, keep, seen, {}, {.damping = wrong});
          }) == errc::out_of_range);
  row_major twice(4, 3);
  twice << 1, 1, 0, 2, 2, 1, 3, 3, 5, 1, 1, 2;
  CHECK(code_of<prunus::argument_error>([&] {
          (void)reconstruct(view, keep, moments_of(twice, random_matrix(4, 2, 1)), {},
                            {.damping = 0});
        }) == errc::out_of_range);
  CHECK(code_of<prunus::state_error>([&] {
          (void)reconstruct(view, keep, target_correlation<>(3, 2));
        }) == errc::wrong_order);
  CHECK(w == old);
  w(0, 0) = nan;
  CHECK(code_of<prunus::value_error>([&] { (void)reconstruct(view, keep, seen); }) ==
        errc::not_finite);
}
