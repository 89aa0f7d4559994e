// SPDX-License-Identifier: MIT
#include <prunus/criteria/class_ablation.hpp>

#include "support/catch.hpp"
#include "support/criterion_laws.hpp"
#include "support/errors.hpp"

#include <array>      // std::array
#include <bit>        // std::bit_cast
#include <cmath>      // std::abs
#include <cstdint>    // std::uint32_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <stdexcept>  // std::runtime_error
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::class_ablation;
using prunus::errc;
using scores = std::vector<float>;

/// y = v . scale * (W x + b) + shift, one output; the "loss" of a class is |y - wanted| at its
/// sample.
struct two_layers {
  std::vector<float> w{1, 2, 3, 4, 5, 6};  // 3 units x 2 inputs
  std::vector<float> b{0.5F, -1, 2};
  std::vector<float> scale{1, 2, 1}, shift{0, 1, 0};
  std::vector<float> v{1, 0, -2};  // 1 x 3: unit 1 has no say
  prunus::model<float> net;

  two_layers() {
    net.add("w", prunus::view(w, {3, 2}));
    net.add("b", prunus::view(b));
    net.add("scale", prunus::view(scale));
    net.add("shift", prunus::view(shift));
    net.add("v", prunus::view(v, {1, 3}), {.prunable = false});
    const std::vector<Index> each{0, 1, 2};
    net.couple({{"units",
                 3,
                 {{"w", axis::out, each, true},
                  {"b", axis::out, each, false},
                  {"scale", axis::out, each, false, true},
                  {"shift", axis::out, each, false},
                  {"v", axis::in, each, true}}}});
  }
  two_layers(const two_layers&) = delete;
  two_layers& operator=(const two_layers&) = delete;

  [[nodiscard]] double output(double x0, double x1) const {
    double y = 0;
    for (std::size_t u = 0; u < 3; ++u)
      y += static_cast<double>(v[u]) *
           (static_cast<double>(scale[u]) *
                (static_cast<double>(w[2 * u]) * x0 + static_cast<double>(w[2 * u + 1]) * x1 +
                 static_cast<double>(b[u])) +
            static_cast<double>(shift[u]));
    return y;
  }
  /// Two classes, one sample each.
  [[nodiscard]] std::array<double, 2> losses() const { return {output(1, 0), output(0, 1)}; }
  [[nodiscard]] std::vector<float> values() const {
    std::vector<float> all;
    for (const auto* part : {&w, &b, &scale, &shift, &v})
      all.insert(all.end(), part->begin(), part->end());
    return all;
  }
};

template <class Criterion>
scores unit_scores(const Criterion& criterion, const two_layers& toy) {
  scores result(3, 77.0F);
  criterion.score(prunus::detail::weights_of(toy.net, toy.net.couplings().front()),
                  std::span<float>(result));
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("class ablation keeps the laws of criteria", "[criteria][class_ablation]", float,
                   double, Eigen::half, Eigen::bfloat16) {
  const class_ablation criterion{[] { return std::vector<double>{1, 2}; }};
  support::check_criterion_laws<TestType>(
      criterion, {.scale = support::scale_law::undeclared, .reads_values = false});
}

TEST_CASE("the change of the class losses worked out by hand", "[criteria][class_ablation]") {
  two_layers toy;
  const class_ablation criterion{[&] { return toy.losses(); }};
  const auto before = toy.values();
  // Unit 0 gives 1 * (1 + .5) and 1 * (2 + .5); unit 2 gives -2 * (5 + 2) and -2 * (6 + 2).
  CHECK(unit_scores(criterion, toy) == scores{2, 0, 15});
  CHECK(toy.values() == before);
  // The weights alone, without the bias: 1 and 2, 0 and 0, 10 and 12.
  CHECK(support::scores_of(criterion, toy.net["w"], prunus::filter) == scores{1.5F, 0, 11});
  // Single weights: each is seen by one class of two.
  CHECK(support::scores_of(criterion, toy.net["w"], prunus::element) ==
        scores{0.5F, 1, 0, 0, 5, 6});
  CHECK(toy.values() == before);
}

TEST_CASE("a unit that nobody reads scores lowest", "[criteria][class_ablation]") {
  two_layers toy;
  const scores s = unit_scores(class_ablation{[&] { return toy.losses(); }}, toy);
  CHECK(s[1] == 0);
  CHECK(s[0] > 0);
  CHECK(s[2] > 0);
}

TEST_CASE("ablation agrees with a network that lacks the unit", "[criteria][class_ablation]") {
  support::random_source random(5);
  for (int round = 0; round < 20; ++round) {
    two_layers toy;
    for (auto* part : {&toy.w, &toy.b, &toy.scale, &toy.shift, &toy.v})
      for (float& x : *part) x = static_cast<float>(random.real(-1, 1));
    const scores s = unit_scores(class_ablation{[&] { return toy.losses(); }}, toy);
    const auto reference = toy.losses();
    for (std::size_t u = 0; u < 3; ++u) {
      const float v = toy.v[u];
      toy.v[u] = 0;  // nothing of the unit comes through
      const auto now = toy.losses();
      toy.v[u] = v;
      const double expected =
          (std::abs(now[0] - reference[0]) + std::abs(now[1] - reference[1])) / 2;
      REQUIRE(std::abs(static_cast<double>(s[u]) - expected) < 1e-6);
    }
  }
}

TEST_CASE("weights come back bit for bit when the callback throws", "[criteria][class_ablation]") {
  two_layers toy;
  toy.w[1] = -0.0F;
  toy.w[2] = std::numeric_limits<float>::quiet_NaN();
  const auto bits = [&] {
    std::vector<std::uint32_t> result;
    for (float x : toy.values()) result.push_back(std::bit_cast<std::uint32_t>(x));
    return result;
  };
  const auto before = bits();
  for (int last = 0; last < 4; ++last) {
    int calls = 0;
    const class_ablation criterion{[&] {
      if (calls++ == last) throw std::runtime_error("out of memory");
      return std::vector<double>{1};
    }};
    CHECK_THROWS_AS(unit_scores(criterion, toy), std::runtime_error);
    CHECK(bits() == before);
    calls = 0;
    CHECK_THROWS_AS(support::scores_of(criterion, toy.net["w"], prunus::filter),
                    std::runtime_error);
    CHECK(bits() == before);
  }
}

TEST_CASE("losses that cannot be compared are refused", "[criteria][class_ablation]") {
  two_layers toy;
  const auto before = toy.values();
  const class_ablation none{[] { return std::vector<double>{}; }};
  CHECK(support::code_of<prunus::shape_error>([&] { (void)unit_scores(none, toy); }) ==
        errc::shape_mismatch);
  std::size_t calls = 0;
  const class_ablation growing{[&] { return std::vector<double>(++calls, 1.0); }};
  CHECK(support::code_of<prunus::shape_error>([&] { (void)unit_scores(growing, toy); }) ==
        errc::shape_mismatch);
  const class_ablation diverged{[] {
    return std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()};
  }};
  const support::thrown error =
      support::error_of<prunus::value_error>([&] { (void)unit_scores(diverged, toy); });
  CHECK(error.code == errc::not_finite);
  CHECK(error.says("units"));
  CHECK(toy.values() == before);
}

TEST_CASE("a coupling that is only read is ablated where it is read",
          "[criteria][class_ablation]") {
  std::vector<float> v{1, 2, 4};
  prunus::model<float> net;
  net.add("v", prunus::view(v, {1, 3}));
  net.couple({{"image", 3, {{"v", axis::in, {0, 1, 2}, true}}}});
  const class_ablation criterion{
      [&] { return std::vector<float>{v[0] + v[1] + v[2]}; }};  // of any number type
  scores s(3);
  criterion.score(prunus::detail::weights_of(net, net.couplings().front()), std::span<float>(s));
  CHECK(s == scores{1, 2, 4});
}
