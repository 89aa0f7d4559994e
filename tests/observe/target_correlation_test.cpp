// SPDX-License-Identifier: MIT
#include <prunus/observe/target_correlation.hpp>

#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <limits>  // std::numeric_limits
#include <span>    // std::span
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::target_correlation;
using support::code_of;

std::vector<float> numbers(Index count, std::uint64_t seed) {
  support::random_source random(seed);
  std::vector<float> result(static_cast<std::size_t>(count));
  for (float& x : result) x = static_cast<float>(random.real(-1, 2));
  return result;
}
std::span<const float> part(const std::vector<float>& v, Index from, Index count) {
  return std::span<const float>(v).subspan(static_cast<std::size_t>(from),
                                           static_cast<std::size_t>(count));
}

}  // namespace

TEST_CASE("inputs and targets go together by hand", "[observe][target_correlation]") {
  target_correlation<> seen(2, 1);
  seen.add(std::span<const float>(std::vector<float>{1, 0, 1, 2}),
           std::span<const float>(std::vector<float>{3, 5}));
  CHECK(seen.samples() == 2);
  CHECK(seen.mean()(0) == 4);
  CHECK(seen.mean_square()(0) == 17);
  CHECK(seen.mean_product() == Eigen::RowVector2d(4, 5));
  CHECK(seen.covariance() == Eigen::RowVector2d(0, 1));
  CHECK(seen.of_inputs().mean() == Eigen::Vector2d(1, 1));
}

TEST_CASE("the moments of targets are what loops say, in one batch or in many",
          "[observe][target_correlation]") {
  constexpr Index inputs = 5, outputs = 3, samples = 600;
  const std::vector<float> x = numbers(inputs * samples, 1), y = numbers(outputs * samples, 2);
  target_correlation<> whole(inputs, outputs), first(inputs, outputs), second(inputs, outputs);
  whole.add(part(x, 0, inputs * samples), part(y, 0, outputs * samples));
  first.add(part(x, 0, inputs * 13), part(y, 0, outputs * 13));
  first.add(part(x, 0, 0), part(y, 0, 0));
  second.add(part(x, inputs * 13, inputs * 587), part(y, outputs * 13, outputs * 587));
  first.merge(second);
  CHECK(first.samples() == samples);
  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(outputs, inputs);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(outputs), squares = sum;
  for (Index n = 0; n < samples; ++n)
    for (Index o = 0; o < outputs; ++o) {
      const double t = static_cast<double>(y[static_cast<std::size_t>(n * outputs + o)]);
      sum(o) += t / samples;
      squares(o) += t * t / samples;
      for (Index i = 0; i < inputs; ++i)
        products(o, i) +=
            t * static_cast<double>(x[static_cast<std::size_t>(n * inputs + i)]) / samples;
    }
  for (const auto* seen : {&whole, &first}) {
    CHECK(seen->mean().isApprox(sum, 1e-12));
    CHECK(seen->mean_square().isApprox(squares, 1e-12));
    CHECK(seen->mean_product().isApprox(products, 1e-12));
    CHECK(
        seen->covariance().isApprox(products - sum * seen->of_inputs().mean().transpose(), 1e-12));
  }
  first.reset();
  CHECK(first.samples() == 0);
  first.add(part(x, 0, inputs * samples), part(y, 0, outputs * samples));
  CHECK(first.mean_product() == whole.mean_product());
}

TEST_CASE("moments of targets come back from an archive", "[observe][target_correlation]") {
  target_correlation<> seen(3, 2), loaded(3, 2), other(3, 1), wide(4, 2);
  seen.add(part(numbers(9, 1), 0, 9), part(numbers(6, 2), 0, 6));
  prunus::archive_writer out;
  seen.save(out);
  const auto load = [](target_correlation<>& to, const std::string& bytes) {
    prunus::archive_reader in(bytes, "memory");
    to.load(in);
  };
  const std::string bytes(out.bytes());
  load(loaded, bytes);
  CHECK(loaded.samples() == 3);
  CHECK(loaded.mean_product() == seen.mean_product());
  CHECK(loaded.mean_square() == seen.mean_square());
  CHECK(loaded.of_inputs().mean_product() == seen.of_inputs().mean_product());
  CHECK(code_of<prunus::shape_error>([&] { load(other, bytes); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::shape_error>([&] { load(wide, bytes); }) == errc::shape_mismatch);
  loaded.reset();
  CHECK(code_of<prunus::file_error>([&] { load(loaded, bytes.substr(0, bytes.size() - 4)); }) ==
        errc::truncated);
  CHECK(loaded.samples() == 0);
  std::string negative = support::pieces_of(bytes);
  const std::size_t samples = negative.find("prunus input correlation 1") + 26 + 16;
  negative[samples + 7] = '\x80';
  CHECK(code_of<prunus::file_error>([&] { load(loaded, support::sealed(negative)); }) ==
        errc::malformed);
  CHECK(support::flips_taken(bytes, [&](const std::string& b) { load(loaded, b); }) == 0);
  CHECK(loaded.samples() == 0);
}

TEST_CASE("targets that do not fit are refused and nothing is added",
          "[observe][target_correlation]") {
  CHECK(code_of<prunus::argument_error>([] { target_correlation<> none(2, 0); }) ==
        errc::out_of_range);
  CHECK(code_of<prunus::argument_error>([] { target_correlation<> none(0, 2); }) ==
        errc::out_of_range);
  target_correlation<> seen(2, 1);
  CHECK(code_of<prunus::state_error>([&] { (void)seen.mean(); }) == errc::wrong_order);
  std::vector<float> x(4, 1.0F), y(2, 1.0F);
  const auto add = [&](Index inputs, Index targets) {
    seen.add(part(x, 0, inputs), part(y, 0, targets));
  };
  CHECK(code_of<prunus::shape_error>([&] { add(4, 1); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::shape_error>([&] { add(3, 2); }) == errc::shape_mismatch);
  target_correlation<> other(2, 2);
  CHECK(code_of<prunus::shape_error>([&] { seen.merge(other); }) == errc::shape_mismatch);
  y[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(code_of<prunus::value_error>([&] { add(4, 2); }) == errc::not_finite);
  y[1] = 1, x[3] = std::numeric_limits<float>::infinity();
  CHECK(code_of<prunus::value_error>([&] { add(4, 2); }) == errc::not_finite);
  CHECK(seen.samples() == 0);
}
