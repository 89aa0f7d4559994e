// SPDX-License-Identifier: MIT
#include <prunus/core/mask.hpp>
#include <prunus/observe/input_correlation.hpp>
#include <prunus/recovery/input_patches.hpp>
#include <prunus/recovery/reconstruct.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/owned_weight.hpp"
#include "support/random_source.hpp"

#include <Eigen/QR>

#include <cmath>   // std::abs
#include <limits>  // std::numeric_limits
#include <span>    // std::span
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::input_correlation;
using prunus::mask;
using prunus::reconstruct;
using prunus::reconstruction_options;
using prunus::reconstruction_report;
using prunus::tile_grid;
using support::code_of;

using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Inputs that go together: few sources, mixed, with a mean and noise. One row a sample.
row_major mixed_inputs(Index samples, Index inputs, std::uint64_t seed) {
  support::random_source random(seed);
  const Index sources = inputs / 2 + 1;
  Eigen::MatrixXd mix(sources, inputs);
  for (Index i = 0; i < mix.size(); ++i) mix.data()[i] = random.real(-1, 1);
  row_major x(samples, inputs);
  for (Index n = 0; n < samples; ++n) {
    Eigen::RowVectorXd s(sources);
    for (Index k = 0; k < sources; ++k) s(k) = random.gaussian();
    x.row(n) = s * mix;
    for (Index i = 0; i < inputs; ++i) x(n, i) += 0.5 + 0.1 * random.gaussian();
  }
  return x;
}
input_correlation<> correlation_of(const row_major& x) {
  input_correlation<> seen(x.cols());
  seen.add(std::span<const double>(x.data(), static_cast<std::size_t>(x.size())));
  return seen;
}
row_major random_matrix(Index rows, Index columns, std::uint64_t seed) {
  support::random_source random(seed);
  row_major w(rows, columns);
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = random.real(-1, 1);
  return w;
}
double mean_square(const Eigen::MatrixXd& y) {
  return y.squaredNorm() / static_cast<double>(y.rows());
}

constexpr reconstruction_options undamped{.damping = 0};

}  // namespace

TEST_CASE("an input that is twice another one is made up for exactly", "[recovery][reconstruct]") {
  // x2 = 2 x1: without x2, w1 + 2 w2 = 3 + 2 * 5.
  row_major x(3, 2);
  x << 1, 2, -2, -4, 0.5, 1;
  row_major w(1, 2);
  w << 3, 5;
  mask keep(tile_grid(prunus::view(w), prunus::element));
  keep.set(1, false);
  const reconstruction_report report =
      reconstruct(prunus::view(w), keep, correlation_of(x), {}, undamped);
  CHECK(w(0, 0) == Approx(13).epsilon(1e-13));
  CHECK(w(0, 1) == 0);
  const double square = (1 + 4 + 0.25) / 3;  // mean of x1^2
  CHECK(report.output == Approx(169 * square));
  CHECK(report.masked == Approx(100 * square));
  CHECK(report.reconstructed < 1e-12);
  CHECK(report.factorizations == 1);
}

TEST_CASE("a bias takes over what a constant input gave", "[recovery][reconstruct]") {
  row_major x(4, 2);
  x << 1, 4, -1, 4, 2, 4, -2, 4;
  row_major w(2, 2);
  w << 3, 5, 1, -1;
  Eigen::VectorXd bias(2);
  bias << 1, 10;
  mask keep(tile_grid(prunus::view(w), prunus::channel));
  keep.set(1, false);
  const reconstruction_report report =
      reconstruct(prunus::view(w), keep, correlation_of(x), prunus::view(bias));
  CHECK(w(0, 0) == Approx(3));
  CHECK(w(1, 0) == Approx(1));
  CHECK(bias(0) == Approx(21));
  CHECK(bias(1) == Approx(6));
  CHECK(report.masked == Approx(400 + 16));
  CHECK(report.reconstructed < 1e-12);
}

TEST_CASE("the survivors are those of a least squares solution by QR", "[recovery][reconstruct]") {
  const bool with_bias = GENERATE(false, true);
  const bool channels = GENERATE(false, true);
  const Index inputs = 9, outputs = 5, samples = 60;
  const row_major x = mixed_inputs(samples, inputs, 1), old = random_matrix(outputs, inputs, 2);
  row_major w = old;
  Eigen::VectorXd bias = Eigen::VectorXd::LinSpaced(outputs, -1, 1);
  const Eigen::VectorXd old_bias = bias;
  mask keep(tile_grid(prunus::view(w), channels ? prunus::channel : prunus::element));
  support::random_source random(3);
  for (Index t = 0; t < keep.size(); ++t) keep.set(t, random.chance(0.6));
  mask single(tile_grid(prunus::view(w), prunus::element));
  single.remove_where_removed(keep);

  const reconstruction_report report =
      reconstruct(prunus::view(w), keep, correlation_of(x),
                  with_bias ? prunus::view(bias) : prunus::weight_view<double>{}, undamped);
  CHECK(report.factorizations == (channels ? 1 : 5));
  double error = 0, masked = 0, output = 0;
  for (Index o = 0; o < outputs; ++o) {
    std::vector<Index> kept;
    Eigen::RowVectorXd zeroed = old.row(o);
    for (Index i = 0; i < inputs; ++i) {
      if (single[o * inputs + i])
        kept.push_back(i);
      else
        zeroed(i) = 0;
    }
    const Eigen::VectorXd y = x * old.row(o).transpose();
    Eigen::MatrixXd columns(samples, static_cast<Index>(kept.size()) + (with_bias ? 1 : 0));
    for (std::size_t k = 0; k < kept.size(); ++k)
      columns.col(static_cast<Index>(k)) = x.col(kept[k]);
    if (with_bias) columns.rightCols(1).setOnes();
    const Eigen::VectorXd best = columns.colPivHouseholderQr().solve(y);
    for (std::size_t k = 0; k < kept.size(); ++k)
      CHECK(std::abs(w(o, kept[k]) - best(static_cast<Index>(k))) < 1e-9);
    if (with_bias) CHECK(std::abs(bias(o) - old_bias(o) - best(best.size() - 1)) < 1e-9);
    for (Index i = 0; i < inputs; ++i)
      if (!single[o * inputs + i]) CHECK(w(o, i) == 0);
    error += mean_square(columns * best - y);
    masked += mean_square(x * zeroed.transpose() - y);
    output += mean_square(y);
  }
  if (!with_bias) CHECK(bias == old_bias);
  CHECK(report.reconstructed == Approx(error).epsilon(1e-8));
  CHECK(report.masked == Approx(masked).epsilon(1e-10));
  CHECK(report.output == Approx(output).epsilon(1e-10));
}

TEMPLATE_TEST_CASE("the change is never larger than by masking alone", "[recovery][reconstruct]",
                   float, double, Eigen::half) {
  using S = TestType;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    support::random_source random(seed);
    const Index inputs = random.between(1, 8), outputs = random.between(1, 6);
    const row_major x = mixed_inputs(random.between(1, 30), inputs, seed);  // often too few samples
    const row_major values = random_matrix(outputs, inputs, seed + 50);
    std::vector<S> w, b(static_cast<std::size_t>(outputs), S(1.0F));
    for (Index i = 0; i < values.size(); ++i)
      w.push_back(static_cast<S>(static_cast<float>(values.data()[i])));
    Eigen::MatrixXd old(outputs, inputs);
    for (Index i = 0; i < old.size(); ++i)
      old(i / inputs, i % inputs) = static_cast<double>(w[static_cast<std::size_t>(i)]);
    const auto view = prunus::view(w, {outputs, inputs});
    mask keep(tile_grid(view, prunus::element));
    for (Index t = 0; t < keep.size(); ++t) keep.set(t, random.chance(0.5));
    Eigen::MatrixXd masked = old;
    for (Index t = 0; t < keep.size(); ++t)
      if (!keep[t]) masked(t / inputs, t % inputs) = 0;

    const bool with_bias = seed % 2 == 0;
    const reconstruction_report report = reconstruct(
        view, keep, correlation_of(x), with_bias ? prunus::view(b) : prunus::weight_view<S>{});
    CHECK(report.reconstructed <= report.masked);
    Eigen::MatrixXd now(outputs, inputs);
    for (Index i = 0; i < now.size(); ++i)
      now(i / inputs, i % inputs) = static_cast<double>(w[static_cast<std::size_t>(i)]);
    Eigen::MatrixXd change = x * (old - now).transpose();
    for (Index o = 0; o < outputs; ++o)
      change.col(o).array() += 1 - static_cast<double>(b[static_cast<std::size_t>(o)]);
    const double tolerance = 1e-9 * mean_square(x * old.transpose());
    CHECK(mean_square(change) <= mean_square(x * (old - masked).transpose()) + tolerance);
    CHECK(std::abs(mean_square(change) - report.reconstructed) <= tolerance);
  }
}

TEST_CASE("redundant inputs are recovered whatever is removed, in any layout",
          "[recovery][reconstruct]") {
  // Six inputs of three sources: any three independent ones say all.
  support::random_source random(5);
  row_major sources(40, 3), mix(3, 6);
  for (Index i = 0; i < sources.size(); ++i) sources.data()[i] = random.gaussian();
  for (Index i = 0; i < mix.size(); ++i) mix.data()[i] = random.real(-1, 1);
  const row_major x = sources * mix;
  for (std::string_view order : support::memory_orders) {
    support::owned_weight<double> weight(order, {.out = 4, .in = 3, .height = 1, .width = 2});
    Eigen::MatrixXd old(4, 6);
    for (Index o = 0; o < 4; ++o)
      for (Index i = 0; i < 3; ++i)
        for (Index k = 0; k < 2; ++k)
          old(o, i * 2 + k) = weight.view()(o, i, 0, k) = random.real(-1, 1);
    mask keep(tile_grid(weight.view(), prunus::channel));
    keep.set(1, false);
    const reconstruction_report report =
        reconstruct(weight.view(), keep, correlation_of(x), {}, {.damping = 1e-12});
    CHECK(report.reconstructed < 1e-9 * report.output);
    CHECK(report.masked > 1e-3 * report.output);
    Eigen::MatrixXd now(4, 6);
    for (Index o = 0; o < 4; ++o)
      for (Index i = 0; i < 3; ++i)
        for (Index k = 0; k < 2; ++k) now(o, i * 2 + k) = weight.view()(o, i, 0, k);
    CHECK((x * (now - old).transpose()).norm() < 1e-4 * (x * old.transpose()).norm());
    CHECK(now.middleCols(2, 2).isZero(0));
  }
}

TEST_CASE("nothing removed changes nothing to the bit", "[recovery][reconstruct]") {
  row_major w = random_matrix(3, 4, 1);
  const row_major old = w;
  Eigen::VectorXd bias = Eigen::VectorXd::LinSpaced(3, 0.1, 0.7);
  const Eigen::VectorXd old_bias = bias;
  const mask keep(tile_grid(prunus::view(w), prunus::element));
  const auto report =
      reconstruct(prunus::view(w), keep, correlation_of(mixed_inputs(9, 4, 1)), prunus::view(bias));
  CHECK(w == old);
  CHECK(bias == old_bias);
  CHECK(report.factorizations == 0);
  CHECK(report.masked == 0);
}

TEST_CASE("everything removed leaves zeros and the mean in the bias", "[recovery][reconstruct]") {
  row_major w = random_matrix(2, 4, 1);
  const row_major old = w, x = mixed_inputs(9, 4, 1);
  Eigen::VectorXd bias = Eigen::VectorXd::Zero(2);
  mask keep(tile_grid(prunus::view(w), prunus::layer));
  keep.set(0, false);
  (void)reconstruct(prunus::view(w), keep, correlation_of(x), prunus::view(bias));
  CHECK(w.isZero(0));
  CHECK(bias.isApprox(old * x.colwise().mean().transpose(), 1e-12));
}

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

TEST_CASE("what cannot be reconstructed is refused and nothing is written",
          "[recovery][reconstruct]") {
  row_major w = random_matrix(2, 3, 1);
  const row_major old = w;
  mask keep(tile_grid(prunus::view(w), prunus::channel));
  keep.set(2, false);
  const auto seen = correlation_of(mixed_inputs(9, 3, 1));
  const auto view = prunus::view(w);
  CHECK(code_of<prunus::shape_error>([&] {
          (void)reconstruct(view, keep, correlation_of(mixed_inputs(9, 4, 1)));
        }) == errc::shape_mismatch);
  Eigen::VectorXd bias = Eigen::VectorXd::Zero(3);
  CHECK(code_of<prunus::shape_error>([&] {
          (void)reconstruct(view, keep, seen, prunus::view(bias));
        }) == errc::shape_mismatch);
  row_major other = random_matrix(3, 3, 1);
  const mask of_other(tile_grid(prunus::view(other), prunus::channel));
  CHECK(code_of<prunus::shape_error>([&] { (void)reconstruct(view, of_other, seen); }) ==
        errc::shape_mismatch);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double wrong : {-1.0, nan})
    CHECK(code_of<prunus::argument_error>([&] {
            (void)reconstruct(view, keep, seen, {}, {.damping = wrong});
          }) == errc::out_of_range);
  row_major twice(4, 3);
  twice << 1, 1, 0, 2, 2, 1, 3, 3, 5, 1, 1, 2;
  CHECK(code_of<prunus::argument_error>([&] {
          (void)reconstruct(view, keep, correlation_of(twice), {}, undamped);
        }) == errc::out_of_range);
  CHECK(code_of<prunus::state_error>(
            [&] { (void)reconstruct(view, keep, input_correlation<>(3)); }) == errc::wrong_order);
  CHECK(w == old);
  w(0, 0) = nan;
  CHECK(code_of<prunus::value_error>([&] { (void)reconstruct(view, keep, seen); }) ==
        errc::not_finite);
}
