// SPDX-License-Identifier: MIT
#include <prunus/adaptive/top_k_outputs.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using prunus::Index;
using prunus::ranked_item;
using prunus::top_k_outputs;
using prunus::top_k_outputs_statistics;
using prunus::view;
using support::random_source;

/// All outputs in double precision, then the k largest: the twin that skips nothing.
template <class Matrix, class S>
std::vector<ranked_item> full_product(const Matrix& weight, const std::vector<S>& bias,
                                      const std::vector<S>& inputs, Index k) {
  std::vector<ranked_item> all;
  for (Index j = 0; j < weight.rows(); ++j) {
    double sum = bias.empty() ? 0 : static_cast<double>(bias[static_cast<std::size_t>(j)]);
    for (Index i = 0; i < weight.cols(); ++i)
      sum += static_cast<double>(weight(j, i)) *
             static_cast<double>(inputs[static_cast<std::size_t>(i)]);
    all.push_back({j, sum});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const ranked_item& a, const ranked_item& b) { return a.score > b.score; });
  all.resize(static_cast<std::size_t>(std::min(k, weight.rows())));
  return all;
}

/// What a layer after a rectifier reads: most inputs 0, the others of very different size.
template <class S>
std::vector<S> sparse_inputs(random_source& random, Index size, double share) {
  std::vector<S> inputs(static_cast<std::size_t>(size), S(0));
  for (S& x : inputs)
    if (random.chance(share)) x = static_cast<S>(std::exp(3 * random.gaussian()));
  return inputs;
}

template <class S>
using row_major = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

TEMPLATE_TEST_CASE("the k largest units are those of the full product, ties included",
                   "[gates][top_k_outputs]", float, double) {
  // Small whole numbers: every sum is exact, and many tie.
  random_source random(1);
  Index ties = 0;
  for (int round = 0; round < 150; ++round) {
    const Index units = random.between(1, 300), inputs = random.between(1, 40);
    row_major<TestType> weight(units, inputs);
    const Index shift = random.chance(0.5) ? 0 : random.between(-8, 8);  // of one sign, too
    for (Index i = 0; i < weight.size(); ++i)
      weight.data()[i] = static_cast<TestType>(shift + random.between(-3, 3));
    std::vector<TestType> bias;
    if (random.chance(0.5))
      for (Index j = 0; j < units; ++j)
        bias.push_back(static_cast<TestType>(random.between(-5, 5)));
    std::vector<TestType> features(static_cast<std::size_t>(inputs), TestType(0));
    const bool negative = random.chance(0.3);
    for (TestType& x : features)
      if (random.chance(0.4))
        x = static_cast<TestType>(random.between(negative ? -20 : 0, 1 << random.between(0, 6)));
    top_k_outputs<TestType> layer(view(weight), bias);
    const Index k = random.chance(0.1) ? units + 5 : random.between(1, std::min<Index>(units, 12));
    const auto found = layer.largest(features, k);
    const auto expected = full_product(weight, bias, features, k);
    REQUIRE(found == expected);
    for (std::size_t i = 1; i < found.size(); ++i) ties += found[i].score == found[i - 1].score;
  }
  CHECK(ties > 100);
}

TEST_CASE("scores and ranks of real weights are those of the full product to the last bit",
          "[gates][top_k_outputs]") {
  // A product of two floats is exact in double precision, so that only the order of sums matters.
  random_source random(2);
  for (int round = 0; round < 40; ++round) {
    const Index units = random.between(100, 1500), inputs = random.between(1, 60);
    Eigen::MatrixXf weight(units, inputs);  // column-major
    const float spread = static_cast<float>(std::exp(random.real(-9, 9)));
    for (Index i = 0; i < weight.size(); ++i)
      weight.data()[i] = spread * static_cast<float>(random.gaussian());
    // Copies of a unit tie, and hundreds nearly do.
    for (Index j = 0; j + 1 < units; j += 7) weight.row(j + 1) = weight.row(j);
    if (random.chance(0.3))
      for (Index j = 1; j < units; ++j)
        weight.row(j) = weight.row(0) + 1e-6F * spread * weight.row(j);
    const auto features = sparse_inputs<float>(random, inputs, random.real(0.1, 1));
    top_k_outputs<float> layer(view(weight));
    const Index k = random.between(1, 20);
    REQUIRE(layer.largest(features, k) == full_product(weight, {}, features, k));
  }
}

TEST_CASE("one large input decides, and most products are skipped", "[gates][top_k_outputs]") {
  random_source random(3);
  row_major<float> weight(4096, 64);
  for (Index i = 0; i < weight.size(); ++i)
    weight.data()[i] = static_cast<float>(random.gaussian());
  std::vector<float> features(64, 0.01F);
  features[5] = 10;
  features[40] = 3;
  top_k_outputs layer(view(weight));
  top_k_outputs_statistics counts;
  const auto found = layer.largest(features, 5, &counts);
  CHECK(found == full_product(weight, {}, features, 5));
  CHECK(counts.products == 4096 * 64);
  CHECK(counts.products_computed < counts.products / 5);
  CHECK(counts.units_scored >= 5);
  CHECK(counts.units_scored < 40);
  // Zeros cost nothing.
  counts = {};
  features.assign(64, 0);
  CHECK(layer.largest(features, 2, &counts) == std::vector<ranked_item>{{0, 0.0}, {1, 0.0}});
  CHECK(counts.products_computed == 0);
}

TEST_CASE("a layer may be used again and copied", "[gates][top_k_outputs]") {
  random_source random(4);
  row_major<float> weight(500, 30);
  for (Index i = 0; i < weight.size(); ++i)
    weight.data()[i] = static_cast<float>(random.gaussian());
  top_k_outputs layer(view(weight));
  top_k_outputs copy = layer;
  for (int round = 0; round < 5; ++round) {
    const auto features = sparse_inputs<float>(random, 30, 0.5);
    const auto expected = full_product(weight, {}, features, 3);
    CHECK(layer.largest(features, 3) == expected);
    CHECK(copy.largest(features, 3) == expected);
  }
}

TEST_CASE("wrong shapes and numbers that are not finite are refused", "[gates][top_k_outputs]") {
  row_major<float> weight = row_major<float>::Ones(4, 3);
  const std::vector<float> bias(5, 0.0F), features(3, 1.0F), few(2, 1.0F);
  std::vector<float> broken(3, std::numeric_limits<float>::quiet_NaN());
  using support::code_of;
  CHECK(code_of<prunus::shape_error>([&] { (void)top_k_outputs<float>(view(weight), bias); }) ==
        prunus::errc::shape_mismatch);
  top_k_outputs layer(view(weight));
  CHECK(code_of<prunus::shape_error>([&] { (void)layer.largest(few, 1); }) ==
        prunus::errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>([&] { (void)layer.largest(features, 0); }) ==
        prunus::errc::out_of_range);
  CHECK(code_of<prunus::value_error>([&] { (void)layer.largest(broken, 1); }) ==
        prunus::errc::not_finite);
  broken.assign(3, std::numeric_limits<float>::max());
  CHECK(code_of<prunus::value_error>([&] { (void)layer.largest(broken, 1); }) ==
        prunus::errc::not_finite);
  CHECK(layer.largest(features, 1).front().score == 3);
  const std::vector<float> images(16, 1.0F);
  CHECK(code_of<prunus::shape_error>([&] {
          (void)top_k_outputs<float>(view(images, {2, 2, 2, 2}));
        }) == prunus::errc::shape_mismatch);
  weight(1, 1) = std::numeric_limits<float>::infinity();
  CHECK(code_of<prunus::value_error>([&] { (void)top_k_outputs<float>(view(weight)); }) ==
        prunus::errc::not_finite);
}
