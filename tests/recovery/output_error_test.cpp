// SPDX-License-Identifier: MIT
#include <prunus/core/mask.hpp>
#include <prunus/observe/target_correlation.hpp>
#include <prunus/recovery/output_error.hpp>
#include <prunus/recovery/reconstruct.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <Eigen/QR>

#include <algorithm>  // std::is_sorted, std::sort
#include <cmath>      // std::abs
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::order_by_output_error;
using prunus::removal_order;
using prunus::target_correlation;
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
/// Error of the least squares fit, with a bias, on some columns.
double error_of_fit(const row_major& x, const row_major& y, const std::vector<Index>& columns) {
  Eigen::MatrixXd known(x.rows(), static_cast<Index>(columns.size()) + 1);
  for (std::size_t k = 0; k < columns.size(); ++k)
    known.col(static_cast<Index>(k)) = x.col(columns[k]);
  known.rightCols(1).setOnes();
  const Eigen::MatrixXd rest = y - known * known.colPivHouseholderQr().solve(y);
  return rest.squaredNorm() / static_cast<double>(x.rows());
}
std::vector<Index> each(Index count) {
  std::vector<Index> result;
  for (Index i = 0; i < count; ++i) result.push_back(i);
  return result;
}

}  // namespace

TEST_CASE("independent inputs go by what they carry, by hand", "[recovery][output_error]") {
  // x1 and x2 are +-1 and independent; y = 3 x1 + 1 x2 + 2.
  row_major x(4, 2), y(4, 1);
  x << 1, 1, 1, -1, -1, 1, -1, -1;
  y << 6, 4, 0, -2;
  const removal_order order = order_by_output_error(moments_of(x, y), each(2), {}, {.damping = 0});
  CHECK(order.output == Approx(10));
  CHECK(std::abs(order.fitted) < 1e-12);
  CHECK(order.units == std::vector<Index>{1, 0});
  CHECK(order.errors[0] == Approx(1));
  CHECK(order.errors[1] == Approx(10));
  CHECK(order.scores()[0] == Approx(10));
  CHECK(order.scores()[1] == Approx(1));
}

TEST_CASE("of two inputs that say the same the second may go, whatever their weights",
          "[recovery][output_error]") {
  // Magnitudes would keep inputs 0 and 1, which are alike, and lose input 2.
  const row_major sources = random_matrix(50, 2, 1);
  row_major x(50, 3);
  x << sources.col(0), sources.col(0) + 0.001 * random_matrix(50, 1, 2), sources.col(1);
  const row_major y = 5 * x.col(0) + 5 * x.col(1) + 0.5 * x.col(2);
  const removal_order order = order_by_output_error(moments_of(x, y), each(3), {}, {.damping = 0});
  CHECK(order.units[0] != 2);
  CHECK(order.units[1] == 2);
  CHECK(order.errors[0] < 1e-4 * order.output);
}

TEST_CASE("every step is the best one of a naive search that refits by QR",
          "[recovery][output_error]") {
  const Index area = GENERATE(1, 3), outputs = 4, samples = 80;
  const std::vector<Index> unit_of{0, 1, 2, 0, 3, 4};  // channels 0 and 3 are coupled
  const row_major x = random_matrix(samples, 6 * area, 3) * random_matrix(6 * area, 6 * area, 4);
  const row_major y = x * random_matrix(6 * area, outputs, 5) + random_matrix(samples, outputs, 6);
  const removal_order order = order_by_output_error(moments_of(x, y), unit_of, {}, {.damping = 0});
  std::vector<Index> left = each(5);
  const auto columns_without = [&](Index unit) {
    std::vector<Index> columns;
    for (Index c = 0; c < 6 * area; ++c) {
      const Index u = unit_of[static_cast<std::size_t>(c / area)];
      if (u != unit && std::find(left.begin(), left.end(), u) != left.end()) columns.push_back(c);
    }
    return columns;
  };
  CHECK(order.fitted == Approx(error_of_fit(x, y, columns_without(-1))).epsilon(1e-7));
  CHECK(order.output == Approx(error_of_fit(x, y, {})).epsilon(1e-9));
  for (std::size_t step = 0; step < 5; ++step) {
    double least = std::numeric_limits<double>::infinity();
    Index best = -1;
    for (const Index u : left)
      if (const double e = error_of_fit(x, y, columns_without(u)); e < least) least = e, best = u;
    CHECK(order.units[step] == best);
    CHECK(order.errors[step] == Approx(least).epsilon(1e-7));
    left.erase(std::find(left.begin(), left.end(), best));
  }
  CHECK(order.errors.back() == Approx(order.output).epsilon(1e-7));
  CHECK(std::is_sorted(order.errors.begin(), order.errors.end()));
}

TEST_CASE("the error that is promised is what reconstruct reaches", "[recovery][output_error]") {
  const row_major x = random_matrix(60, 6, 1) * random_matrix(6, 6, 2);
  const row_major y = x * random_matrix(6, 3, 3) + random_matrix(60, 3, 4);
  const auto seen = moments_of(x, y);
  const removal_order order = order_by_output_error(seen, each(6), {}, {.damping = 0});
  row_major w = random_matrix(3, 6, 5);
  Eigen::VectorXd bias = Eigen::VectorXd::Zero(3);
  prunus::mask keep(prunus::tile_grid(prunus::view(w), prunus::channel));
  for (std::size_t k = 0; k < 4; ++k) keep.set(order.units[k], false);
  const auto report =
      prunus::reconstruct(prunus::view(w), keep, seen, prunus::view(bias), {.damping = 0});
  CHECK(report.reconstructed == Approx(order.errors[3]).epsilon(1e-9));
}

TEST_CASE("damping makes inputs harmless that depend on each other", "[recovery][output_error]") {
  row_major x(30, 4);
  const row_major sources = random_matrix(30, 2, 1);
  x << sources, sources.col(0) - sources.col(1), row_major::Zero(30, 1);
  const row_major y = sources * random_matrix(2, 2, 2);
  const auto seen = moments_of(x, y);
  CHECK(code_of<prunus::argument_error>([&] {
          (void)order_by_output_error(seen, each(4), {}, {.damping = 0});
        }) == errc::out_of_range);
  const removal_order order = order_by_output_error(seen, each(4), {}, {.damping = 1e-8});
  CHECK(order.units[0] == 3);  // says nothing
  CHECK(order.errors[1] < 1e-5 * order.output);
  CHECK(order.errors[2] > 1e-2 * order.output);
  std::vector<Index> sorted = order.units;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == each(4));
}

TEST_CASE("outputs count by their factors, by hand", "[recovery][output_error]") {
  // y1 = 3 x1, y2 = x2: alike in magnitude once y2 counts four times as much.
  row_major x(4, 2), y(4, 2);
  x << 1, 1, 1, -1, -1, 1, -1, -1;
  y << 3, 1, 3, -1, -3, 1, -3, -1;
  const auto seen = moments_of(x, y);
  CHECK(order_by_output_error(seen, each(2), {}, {.damping = 0}).units[0] == 1);
  const auto order =
      order_by_output_error(seen, each(2), std::vector<double>{1, -4}, {.damping = 0});
  CHECK(order.units[0] == 0);
  CHECK(order.output == Approx(9 + 16));
  CHECK(order.errors[0] == Approx(9));
  CHECK(order.errors[1] == Approx(25));
}

TEST_CASE("equal units go from the lower one on", "[recovery][output_error]") {
  row_major x(4, 2), y(4, 1);
  x << 1, 1, 1, -1, -1, 1, -1, -1;
  y << 2, 0, 0, -2;
  const auto order = order_by_output_error(moments_of(x, y), each(2), {}, {.damping = 0});
  CHECK(order.units == std::vector<Index>{0, 1});
}

TEST_CASE("what cannot be ordered is refused", "[recovery][output_error]") {
  const auto seen = moments_of(random_matrix(9, 4, 1), random_matrix(9, 2, 2));
  const auto order = [&](std::vector<Index> units, double damping = 1e-4) {
    (void)order_by_output_error(seen, units, {}, {.damping = damping});
  };
  CHECK(code_of<prunus::shape_error>([&] { order({0, 1, 2}); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::shape_error>([&] { order({}); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>([&] { order({0, -1}); }) == errc::out_of_range);
  CHECK(code_of<prunus::argument_error>([&] { order({0, 2}); }) == errc::out_of_range);
  for (double wrong : {-1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK(code_of<prunus::argument_error>([&] { order({0, 1}, wrong); }) == errc::out_of_range);
  const auto weigh = [&](std::vector<double> factors) {
    (void)order_by_output_error(seen, each(4), factors);
  };
  CHECK(code_of<prunus::shape_error>([&] { weigh({1}); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::value_error>([&] {
          weigh({1, std::numeric_limits<double>::infinity()});
        }) == errc::not_finite);
  CHECK(code_of<prunus::state_error>([&] {
          (void)order_by_output_error(target_correlation<>(4, 2), each(4));
        }) == errc::wrong_order);
}
