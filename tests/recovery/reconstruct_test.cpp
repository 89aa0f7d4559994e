// SPDX-License-Identifier: MIT
#include <prunus/core/mask.hpp>
#include <prunus/observe/input_correlation.hpp>
#include <prunus/observe/target_correlation.hpp>
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
using prunus::target_correlation;
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
/// One row a sample.
target_correlation<> moments_of(const row_major& x, const row_major& y) {
  target_correlation<> seen(x.cols(), y.cols());
  seen.add(std::span<const double>(x.data(), static_cast<std::size_t>(x.size())),
           std::span<const double>(y.data(), static_cast<std::size_t>(y.size())));
  return seen;
}
row_major random_matrix(Index rows, Index columns, std::uint64_t seed, double largest = 1) {
  support::random_source random(seed);
  row_major w(rows, columns);
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = random.real(-1, largest);
  return w;
}
/// With a mean that is not zero.
row_major shifted_matrix(Index rows, Index columns, std::uint64_t seed) {
  return random_matrix(rows, columns, seed, 2);
}
double mean_square(const Eigen::MatrixXd& y) {
  return y.squaredNorm() / static_cast<double>(y.rows());
}

constexpr reconstruction_options undamped{.damping = 0};

mask random_mask(const row_major& w, bool channels, std::uint64_t seed) {
  mask keep(tile_grid(prunus::view(w), channels ? prunus::channel : prunus::element));
  support::random_source random(seed);
  for (Index t = 0; t < keep.size(); ++t) keep.set(t, random.chance(0.6));
  return keep;
}

/// Checks that every output's weights, and the bias if any, are the least squares solution by QR
/// over the inputs that `keep` leaves it. Returns the mean squared error of that.
double check_fit_by_qr(const row_major& x, const row_major& y, const row_major& w,
                       const Eigen::VectorXd* bias, const mask& keep, double tolerance) {
  mask single(tile_grid(prunus::view(w), prunus::element));
  single.remove_where_removed(keep);
  double error = 0;
  for (Index o = 0; o < w.rows(); ++o) {
    std::vector<Index> kept;
    for (Index i = 0; i < w.cols(); ++i)
      if (single[o * w.cols() + i])
        kept.push_back(i);
      else
        CHECK(w(o, i) == 0);
    Eigen::MatrixXd columns(x.rows(), static_cast<Index>(kept.size()) + (bias != nullptr ? 1 : 0));
    for (std::size_t k = 0; k < kept.size(); ++k)
      columns.col(static_cast<Index>(k)) = x.col(kept[k]);
    if (bias != nullptr) columns.rightCols(1).setOnes();
    const Eigen::VectorXd best = columns.colPivHouseholderQr().solve(y.col(o));
    for (std::size_t k = 0; k < kept.size(); ++k)
      CHECK(std::abs(w(o, kept[k]) - best(static_cast<Index>(k))) < tolerance);
    if (bias != nullptr) CHECK(std::abs((*bias)(o)-best(best.size() - 1)) < tolerance);
    error += mean_square(columns * best - y.col(o));
  }
  return error;
}
row_major zeroed(row_major w, const mask& keep) {
  keep.apply(prunus::view(w));
  return w;
}

/// What either way to reconstruct refuses of a weight of 2 x 3.
/// @param right of three inputs @param wrong of four @param dependent of a singular three
template <class Seen>
void check_refusals(const Seen& right, const Seen& wrong, const Seen& dependent,
                    const Seen& nothing) {
  row_major w = random_matrix(2, 3, 1);
  const row_major old = w;
  mask keep(tile_grid(prunus::view(w), prunus::channel));
  keep.set(2, false);
  const auto view = prunus::view(w);
  CHECK(code_of<prunus::shape_error>([&] { (void)reconstruct(view, keep, wrong); }) ==
        errc::shape_mismatch);
  Eigen::VectorXd bias = Eigen::VectorXd::Zero(3);
  CHECK(code_of<prunus::shape_error>([&] {
          (void)reconstruct(view, keep, right, prunus::view(bias));
        }) == errc::shape_mismatch);
  row_major other = random_matrix(3, 3, 1);
  const mask of_other(tile_grid(prunus::view(other), prunus::channel));
  CHECK(code_of<prunus::shape_error>([&] { (void)reconstruct(view, of_other, right); }) ==
        errc::shape_mismatch);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (double damping : {-1.0, nan})
    CHECK(code_of<prunus::argument_error>([&] {
            (void)reconstruct(view, keep, right, {}, {.damping = damping});
          }) == errc::out_of_range);
  CHECK(code_of<prunus::argument_error>(
            [&] { (void)reconstruct(view, keep, dependent, {}, undamped); }) == errc::out_of_range);
  CHECK(code_of<prunus::state_error>([&] { (void)reconstruct(view, keep, nothing); }) ==
        errc::wrong_order);
  CHECK(w == old);
  w(0, 0) = nan;
  CHECK(code_of<prunus::value_error>([&] { (void)reconstruct(view, keep, right); }) ==
        errc::not_finite);
}

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
  const mask keep = random_mask(w, channels, 3);
  const reconstruction_report report =
      reconstruct(prunus::view(w), keep, correlation_of(x),
                  with_bias ? prunus::view(bias) : prunus::weight_view<double>{}, undamped);
  CHECK(report.factorizations == (channels ? 1 : 5));
  if (!with_bias) CHECK(bias == old_bias);
  const row_major y = x * old.transpose();
  const Eigen::VectorXd added = bias - old_bias;
  const double error = check_fit_by_qr(x, y, w, with_bias ? &added : nullptr, keep, 1e-9);
  CHECK(report.reconstructed == Approx(error).epsilon(1e-8));
  CHECK(report.masked == Approx(mean_square(x * zeroed(old, keep).transpose() - y)).epsilon(1e-10));
  CHECK(report.output == Approx(mean_square(y)).epsilon(1e-10));
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

TEST_CASE("a layer is fitted to targets by hand", "[recovery][reconstruct][targets]") {
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
          "[recovery][reconstruct][targets]") {
  row_major x(2, 1), y(2, 1), w(1, 1);
  x << 1, -1;
  y << 3, -3;
  w << 1;
  const mask keep(tile_grid(prunus::view(w), prunus::element));
  (void)reconstruct(prunus::view(w), keep, moments_of(x, y), {}, {.damping = 1});
  CHECK(w(0, 0) == Approx(2));  // (3 + 1) / (1 + 1)
}

TEST_CASE("a fit to targets is a least squares solution by QR",
          "[recovery][reconstruct][targets]") {
  const bool with_bias = GENERATE(false, true);
  const bool channels = GENERATE(false, true);
  const Index inputs = 7, outputs = 4, samples = 60;
  const row_major x = shifted_matrix(samples, inputs, 1) * shifted_matrix(inputs, inputs, 2);
  const row_major y = shifted_matrix(samples, outputs, 3) + x * shifted_matrix(inputs, outputs, 4);
  row_major w = shifted_matrix(outputs, inputs, 5);
  const row_major old = w;
  Eigen::VectorXd bias = Eigen::VectorXd::LinSpaced(outputs, -1, 1);
  const Eigen::VectorXd old_bias = with_bias ? bias : Eigen::VectorXd::Zero(outputs).eval();
  const mask keep = random_mask(w, channels, 6);
  const reconstruction_report report =
      reconstruct(prunus::view(w), keep, moments_of(x, y),
                  with_bias ? prunus::view(bias) : prunus::weight_view<double>{}, undamped);
  const double error = check_fit_by_qr(x, y, w, with_bias ? &bias : nullptr, keep, 1e-8);
  Eigen::MatrixXd off = x * zeroed(old, keep).transpose() - y;
  off.rowwise() += old_bias.transpose();
  CHECK(report.output == Approx(mean_square(y)));
  CHECK(report.masked == Approx(mean_square(off)));
  CHECK(report.reconstructed == Approx(error));
}

TEST_CASE("with the layer's own outputs as targets both ways to reconstruct agree",
          "[recovery][reconstruct][targets]") {
  const row_major x = shifted_matrix(40, 6, 1) * shifted_matrix(6, 6, 2);
  row_major a = shifted_matrix(3, 6, 3), b = a;
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

TEST_CASE("what is lost before the layer is made up for", "[recovery][reconstruct][targets]") {
  // Its inputs come scaled by 1/2: the fit doubles the weights although nothing is removed here.
  const row_major x = shifted_matrix(40, 4, 1);
  row_major w = shifted_matrix(2, 4, 2);
  const row_major old = w, y = x * w.transpose(), halved = 0.5 * x;
  const mask keep(tile_grid(prunus::view(w), prunus::channel));
  const auto report =
      reconstruct(prunus::view(w), keep, moments_of(halved, y), {}, {.damping = 1e-14});
  CHECK(w.isApprox(2 * old, 1e-9));
  CHECK(report.masked == Approx(0.25 * report.output));
  CHECK(report.reconstructed < 1e-12 * report.output);
}

TEMPLATE_TEST_CASE("the error of a fit to targets is never larger than by masking alone",
                   "[recovery][reconstruct][targets]", float, Eigen::half) {
  using S = TestType;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    support::random_source random(seed);
    const Index inputs = random.between(1, 7), outputs = random.between(1, 4);
    const Index samples = random.between(1, 20);  // often too few
    const row_major x = shifted_matrix(samples, inputs, seed),
                    y = shifted_matrix(samples, outputs, seed + 20),
                    values = shifted_matrix(outputs, inputs, seed + 40);
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

TEST_CASE("what cannot be reconstructed is refused and nothing is written",
          "[recovery][reconstruct]") {
  row_major twice(4, 3);
  twice << 1, 1, 0, 2, 2, 1, 3, 3, 5, 1, 1, 2;
  const row_major y = shifted_matrix(9, 2, 2);
  check_refusals(correlation_of(mixed_inputs(9, 3, 1)), correlation_of(mixed_inputs(9, 4, 1)),
                 correlation_of(twice), input_correlation<>(3));
  check_refusals(moments_of(shifted_matrix(9, 3, 1), y), moments_of(shifted_matrix(9, 4, 1), y),
                 moments_of(twice, shifted_matrix(4, 2, 1)), target_correlation<>(3, 2));

  row_major w = random_matrix(2, 3, 1);
  const mask keep(tile_grid(prunus::view(w), prunus::channel));
  const auto of_one_output = moments_of(shifted_matrix(9, 3, 1), shifted_matrix(9, 1, 2));
  CHECK(code_of<prunus::shape_error>([&] {
          (void)reconstruct(prunus::view(w), keep, of_one_output);
        }) == errc::shape_mismatch);
}
