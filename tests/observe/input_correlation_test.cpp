// SPDX-License-Identifier: MIT
#include <prunus/observe/input_correlation.hpp>

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
using prunus::input_correlation;
using support::code_of;

template <class S>
std::vector<S> random_vectors(Index count, std::uint64_t seed) {
  support::random_source random(seed);
  std::vector<S> result(static_cast<std::size_t>(count));
  for (S& x : result) x = static_cast<S>(random.real(-1, 2));
  return result;
}

template <class S>
std::span<const S> part(const std::vector<S>& v, std::size_t from, std::size_t count) {
  return std::span<const S>(v).subspan(from, count);
}

}  // namespace

TEST_CASE("the correlation of two vectors by hand", "[observe][input_correlation]") {
  input_correlation<> seen(2);
  seen.add(std::span<const float>(std::vector<float>{1, 0, 1, 2}));
  CHECK(seen.samples() == 2);
  Eigen::Matrix2d products, covariance;
  products << 1, 1, 1, 2;
  covariance << 0, 0, 0, 1;
  CHECK(seen.mean_product().isApprox(products));
  CHECK(seen.mean() == Eigen::Vector2d(1, 1));
  CHECK((seen.covariance() - covariance).norm() < 1e-15);
}

TEMPLATE_TEST_CASE("the correlation is what loops say, in one batch or in many",
                   "[observe][input_correlation]", float, double) {
  constexpr Index inputs = 7, samples = 600;
  const std::vector<TestType> x = random_vectors<TestType>(inputs * samples, 1);
  input_correlation<> whole(inputs), first(inputs), second(inputs);
  whole.add(std::span<const TestType>(x));
  first.add(part(x, 0, 7 * 13));
  first.add(part(x, 7 * 13, 0));
  second.add(part(x, 7 * 13, 7 * 300));
  second.add(part(x, 7 * 313, 7 * 287));
  first.merge(second);
  CHECK(first.samples() == samples);

  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(inputs, inputs);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(inputs);
  for (Index n = 0; n < samples; ++n)
    for (Index i = 0; i < inputs; ++i) {
      const double a = static_cast<double>(x[static_cast<std::size_t>(n * inputs + i)]);
      sum(i) += a;
      for (Index j = 0; j < inputs; ++j)
        products(i, j) += a * static_cast<double>(x[static_cast<std::size_t>(n * inputs + j)]);
    }
  CHECK(whole.mean_product().isApprox(products / samples, 1e-12));
  CHECK(first.mean_product().isApprox(products / samples, 1e-12));
  CHECK(whole.mean().isApprox(sum / samples, 1e-12));
  CHECK(first.mean().isApprox(sum / samples, 1e-12));
  Eigen::MatrixXd centred = products / samples;
  centred -= sum * sum.transpose() / (double(samples) * samples);
  CHECK(whole.covariance().isApprox(centred, 1e-10));

  input_correlation<float> single(inputs);
  single.add(std::span<const TestType>(x));
  CHECK(single.mean_product().cast<double>().isApprox(products / samples, 1e-5));
}

TEST_CASE("a saved correlation is the same to the bit, a damaged one is refused",
          "[observe][input_correlation]") {
  const std::vector<float> x = random_vectors<float>(5 * 20, 2);
  input_correlation<> seen(5), loaded(5);
  seen.add(part(x, 0, 50));
  prunus::archive_writer out;
  seen.save(out);
  loaded.add(part(x, 5, 5));
  const Eigen::MatrixXd before = loaded.mean_product();
  const std::string pieces = support::pieces_of(out.bytes());
  for (std::size_t length = 0; length < pieces.size(); ++length) {
    const std::string bytes = support::sealed(pieces.substr(0, length));
    prunus::archive_reader in(bytes, "correlation");
    REQUIRE(code_of<prunus::file_error>([&] { loaded.load(in); }) == errc::truncated);
    REQUIRE(loaded.mean_product() == before);
  }
  prunus::archive_reader in(out.bytes(), "correlation");
  loaded.load(in);
  CHECK(in.at_end());
  seen.add(part(x, 50, 50));
  loaded.add(part(x, 50, 50));
  CHECK(loaded.mean_product() == seen.mean_product());
  CHECK(loaded.mean() == seen.mean());
  CHECK(loaded.samples() == 20);

  input_correlation<> other(4);
  prunus::archive_reader again(out.bytes(), "correlation");
  CHECK(code_of<prunus::shape_error>([&] { other.load(again); }) == errc::shape_mismatch);
  input_correlation<float> narrow(5);
  prunus::archive_reader once_more(out.bytes(), "correlation");
  CHECK(code_of<prunus::shape_error>([&] { narrow.load(once_more); }) == errc::shape_mismatch);
}

TEST_CASE("what makes no correlation is refused", "[observe][input_correlation]") {
  CHECK(code_of<prunus::argument_error>([] { input_correlation<>(0); }) == errc::out_of_range);
  input_correlation<> seen(3);
  CHECK(code_of<prunus::state_error>([&] { (void)seen.mean(); }) == errc::wrong_order);
  CHECK(code_of<prunus::state_error>([&] { (void)seen.covariance(); }) == errc::wrong_order);
  std::vector<double> x(6, 1.0);
  CHECK(code_of<prunus::shape_error>([&] { seen.add(part(x, 0, 4)); }) == errc::shape_mismatch);
  x[5] = std::numeric_limits<double>::quiet_NaN();
  CHECK(code_of<prunus::value_error>([&] { seen.add(part(x, 0, 6)); }) == errc::not_finite);
  CHECK(seen.samples() == 0);
  CHECK(code_of<prunus::shape_error>([&] { seen.merge(input_correlation<>(4)); }) ==
        errc::shape_mismatch);
  seen.add(part(x, 0, 3));
  seen.reset();
  CHECK(seen.samples() == 0);
}
