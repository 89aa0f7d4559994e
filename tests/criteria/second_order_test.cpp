// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/second_order.hpp>
#include <prunus/observe/gradient_second_moment.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>

#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/criterion_laws.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <limits>  // std::numeric_limits
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::gradient_second_moment;
using prunus::second_order;
using support::code_of;
using values = std::vector<double>;

/// A linear unit with inputs x, one of them 1 at a time: loss 1/2 (w x - y)^2, mean over samples.
struct linear_unit {
  values weight, gradient;
  prunus::model<double> net;

  explicit linear_unit(values w) : weight(std::move(w)), gradient(weight.size()) {
    const Index size = static_cast<Index>(weight.size());
    net.add("w", prunus::view(weight, {1, size}),
            {.gradient = prunus::view(gradient, {1, size}), .prunable = true});
  }
  linear_unit(const linear_unit&) = delete;
  linear_unit& operator=(const linear_unit&) = delete;
};

/// Gathers the gradient of the subject itself and scores with it.
template <class S>
struct of_own_gradient {
  void score(const prunus::parameter<S>& p, const prunus::tile_grid& grid,
             std::span<prunus::score_of<S>> scores) const {
    prunus::model<S> net;
    net.add(p.name, p.weight, p.options);
    gradient_second_moment<S> curvature;
    curvature.add(net);
    second_order<S>{curvature}.score(p, grid, scores);
  }
};

}  // namespace

TEMPLATE_TEST_CASE("second_order keeps the laws of criteria", "[criteria][second_order]", float,
                   double, Eigen::half) {
  support::check_criterion_laws<TestType>(of_own_gradient<TestType>{},
                                          {.scale = support::scale_law::quadratic});
}

TEST_CASE("second_order is what a quadratic loss gains", "[criteria][second_order]") {
  // Samples: input i is a_i, the others 0, the error is +1 or -1 at the optimum. So the gradient of
  // w_i is +-a_i, the Hessian's diagonal is the mean a_i^2, and there is nothing beside the
  // diagonal.
  const values a{1, 2, 3, 0.5}, w{4, -1, 0.5, 2};
  linear_unit unit(w);
  gradient_second_moment<double> curvature;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (double error : {1.0, -1.0}) {
      unit.gradient.assign(4, 0.0);
      unit.gradient[i] = error * a[i];
      curvature.add(unit.net);
    }
  CHECK(curvature.count() == 8);
  const values expected{0.25, 1, 2.25, 0.0625};  // a^2, one sample in four
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(curvature["w"].values[i] == Approx(expected[i]).epsilon(1e-14));

  const auto loss = [&](const values& weight) {  // mean of 1/2 (error + a (weight - w))^2
    double total = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      for (double error : {1.0, -1.0}) {
        const double e = error + a[i] * (weight[i] - w[i]);
        total += e * e / 2;
      }
    return total / 8;
  };
  const values scores = support::scores_of<double>(second_order{curvature},
                                                   unit.net.parameters()[0], prunus::element);
  for (std::size_t i = 0; i < 4; ++i) {
    values without = w;
    without[i] = 0;
    CHECK(scores[i] == Approx(loss(without) - loss(w)).epsilon(1e-12));
  }
  CHECK(scores[0] == Approx(2.0));      // 1/2 0.25 16
  CHECK(scores[2] == Approx(0.28125));  // 1/2 2.25 0.25
  const values whole =
      support::scores_of<double>(second_order{curvature}, unit.net.parameters()[0], prunus::filter);
  CHECK(whole[0] == Approx(scores[0] + scores[1] + scores[2] + scores[3]));

  // Magnitude would keep w_3 = 2 before w_1 = -1.
  prunus::prune(unit.net, prunus::pass{second_order{curvature}, prunus::element}, 0.5);
  CHECK(unit.weight == values{4, -1, 0, 0});
}

TEMPLATE_TEST_CASE("the second moment is the mean of the squares, in whole or in parts",
                   "[observe][gradient_second_moment]", float, double) {
  support::random_source random(2);
  std::vector<TestType> w(12), g(12), b(3), gb(3);
  prunus::model<TestType> net;
  net.add("w", prunus::view(w, {3, 4}), {.gradient = prunus::view(g, {3, 4})});
  net.add("frozen", prunus::view(b));
  std::vector<double> sum(12);
  gradient_second_moment<TestType> whole, first, second;
  for (int n = 0; n < 30; ++n) {
    for (std::size_t i = 0; i < 12; ++i) {
      g[i] = static_cast<TestType>(random.real(-2, 2));
      sum[i] += static_cast<double>(g[i]) * static_cast<double>(g[i]);
    }
    whole.add(net);
    (n < 11 ? first : second).add(net);
  }
  first.merge(second);
  CHECK(first.count() == 30);
  for (std::size_t i = 0; i < 12; ++i) {
    const auto expected = static_cast<TestType>(sum[i] / 30);
    CHECK(support::nearly(whole["w"].values[i], expected));
    CHECK(support::nearly(first["w"].values[i], expected));
  }
  gradient_second_moment<TestType> empty;
  empty.merge(whole);
  CHECK(empty["w"].values == whole["w"].values);
  empty.merge(gradient_second_moment<TestType>{});
  CHECK(empty.count() == 30);
  CHECK(code_of<prunus::argument_error>([&] { (void)whole["frozen"]; }) == errc::unknown_name);
  whole.reset();
  CHECK(whole.empty());
}

TEST_CASE("saved second moments are the same to the bit, damaged ones are refused",
          "[observe][gradient_second_moment]") {
  linear_unit unit({1, 2, 3});
  unit.gradient = {.1, .2, .3};
  gradient_second_moment<double> seen, loaded;
  seen.add(unit.net);
  unit.gradient = {.7, .2, 1. / 3};
  seen.add(unit.net);
  prunus::archive_writer out;
  seen.save(out);
  loaded.add(unit.net);
  const values before = loaded["w"].values;
  const std::string pieces = support::pieces_of(out.bytes());
  for (std::size_t length = 0; length < pieces.size(); ++length) {
    const std::string part = support::sealed(pieces.substr(0, length));
    prunus::archive_reader in(part, "moments");
    REQUIRE(code_of<prunus::file_error>([&] { loaded.load(in); }) == errc::truncated);
    REQUIRE(loaded["w"].values == before);
  }
  prunus::archive_reader in(out.bytes(), "moments");
  loaded.load(in);
  CHECK(in.at_end());
  CHECK(loaded["w"].values == seen["w"].values);
  CHECK(loaded.count() == 2);
  seen.add(unit.net);
  loaded.add(unit.net);
  CHECK(loaded["w"].values == seen["w"].values);

  const auto refused = [&](std::size_t at, char value) {
    std::string changed = pieces;
    changed[at] = value;
    const std::string bytes = support::sealed(changed);
    prunus::archive_reader of_harm(bytes, "moments");
    return code_of<prunus::file_error>([&] { loaded.load(of_harm); }) == errc::malformed;
  };
  const std::size_t count = 8 + 22 + 8, extents = count + 8 + 8 + 8 + 1, axes = extents + 32,
                    rank = axes + 4;
  CHECK(refused(count + 7, '\x80'));       // a negative number of gradients
  CHECK(refused(count + 7, '\x7f'));       // a huge one
  CHECK(refused(count + 8 + 7, '\x80'));   // a negative number of parameters
  CHECK(refused(extents + 7, '\x80'));     // a negative extent
  CHECK(refused(extents + 7, '\x7f'));     // more weights than can be counted
  CHECK(refused(extents, '\0'));           // an extent of 0
  CHECK(refused(axes, pieces[axes + 1]));  // an axis twice
  CHECK(refused(axes + 2, '\4'));          // no axis
  CHECK(refused(rank, '\6'));              // more axes than a weight has
  CHECK(refused(rank + 4, '\1'));          // 2^32 more
  CHECK(support::flips_taken(out.bytes(), [&](const std::string& bytes) {
          prunus::archive_reader flipped(bytes, "flipped");
          loaded.load(flipped);
        }) == 0);
  CHECK(loaded["w"].values == seen["w"].values);

  gradient_second_moment<float> other;
  prunus::archive_reader again(out.bytes(), "moments");
  CHECK(code_of<prunus::file_error>([&] { other.load(again); }) == errc::malformed);
}

TEST_CASE("what does not fit the second moments is refused", "[observe][gradient_second_moment]") {
  linear_unit unit({1, 2, 3}), longer({1, 2, 3, 4});
  gradient_second_moment<double> seen;
  unit.gradient = {1, 1, 1};
  seen.add(unit.net);
  CHECK(code_of<prunus::shape_error>([&] { seen.add(longer.net); }) == errc::shape_mismatch);
  unit.gradient[1] = std::numeric_limits<double>::infinity();
  CHECK(code_of<prunus::value_error>([&] { seen.add(unit.net); }) == errc::not_finite);
  CHECK(seen.count() == 1);
  CHECK(seen["w"].values == values{1, 1, 1});

  values w{1};
  prunus::model<double> without, another;
  without.add("w", prunus::view(w));
  CHECK(code_of<prunus::argument_error>([&] { seen.add(without); }) == errc::empty_model);
  values v{1, 2, 3}, g{1, 2, 3};
  another.add("v", prunus::view(v, {1, 3}), {.gradient = prunus::view(g, {1, 3})});
  CHECK(code_of<prunus::argument_error>([&] { seen.add(another); }) == errc::unknown_name);
  gradient_second_moment<double> of_another;
  of_another.add(another);
  CHECK(code_of<prunus::argument_error>([&] { seen.merge(of_another); }) == errc::unknown_name);

  const auto score = [&](const linear_unit& of) {
    (void)support::scores_of<double>(second_order{seen}, of.net.parameters()[0], prunus::element);
  };
  CHECK(code_of<prunus::shape_error>([&] { score(longer); }) == errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>([&] {
          (void)support::scores_of<double>(second_order{seen}, another.parameters()[0],
                                           prunus::element);
        }) == errc::unknown_name);
}
