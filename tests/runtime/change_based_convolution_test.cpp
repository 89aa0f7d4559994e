// SPDX-License-Identifier: MIT
#include <prunus/runtime/change_based_convolution.hpp>
#include <prunus/runtime/direct_convolution.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::max
#include <cmath>      // std::abs
#include <limits>     // std::numeric_limits
#include <vector>     // std::vector

namespace {

using prunus::change_based_convolution;
using prunus::change_detection_options;
using prunus::change_reference;
using prunus::convolution_shape;
using prunus::errc;
using prunus::Index;

/// Five by five pixels, a kernel of nine ones, padded.
constexpr convolution_shape ones{.height = 5,
                                 .width = 5,
                                 .kernel_height = 3,
                                 .kernel_width = 3,
                                 .padding_height = 1,
                                 .padding_width = 1};

template <class S>
std::vector<S> dense(const convolution_shape& s, const std::vector<S>& x,
                     const std::vector<S>& weights, const prunus::channel_epilogue<S>& epilogue) {
  const prunus::direct_convolution<S> convolution(s);
  std::vector<S> y(static_cast<std::size_t>(s.out_size())),
      scratch(static_cast<std::size_t>(convolution.scratch_size()));
  convolution.forward(x.data(), weights.data(), epilogue, y.data(), 1, scratch.data());
  return y;
}

convolution_shape random_shape(support::random_source& random) {
  convolution_shape s;
  s.in_channels = random.between(1, 4);
  s.out_channels = random.between(1, 11);
  s.kernel_height = random.between(1, 4);
  s.kernel_width = random.between(1, 4);
  s.height = random.between(4, 13);
  s.width = random.between(4, 13);
  s.stride_height = random.between(1, 3);
  s.stride_width = random.between(1, 3);
  s.padding_height = random.between(0, 2);
  s.padding_width = random.between(0, 2);
  return s;
}

}  // namespace

TEST_CASE("one changed pixel recomputes the outputs that read it, worked out by hand",
          "[gates][change]") {
  const std::vector<double> weights(9, 1);
  change_based_convolution<double> convolution(ones, weights.data(), {.threshold = 0.1});
  std::vector<double> frame(25, 1);
  CHECK(convolution.forward(frame.data()).recomputed_outputs == 25);
  frame[0] = 1.5;
  frame[3 * 5 + 3] = 1.05;
  const prunus::change_statistics cost = convolution.forward(frame.data());
  CHECK(cost.changed_pixels == 1);
  CHECK(cost.recomputed_outputs == 4);
  CHECK(cost.macs == 2 * 5 * 9);  // two rows, each as a whole
  CHECK(convolution.output()[0] == 4.5);
  CHECK(convolution.output()[3 * 5 + 3] == 9.0);  // exact would be 9.05
}

TEST_CASE("a slow drift is followed with the last used value and lost with the last frame",
          "[gates][change]") {
  const std::vector<double> weights(9, 1);
  const auto recomputed = [&](change_reference reference, double& largest_error) {
    change_based_convolution<double> convolution(ones, weights.data(),
                                                 {.threshold = 0.125, .reference = reference});
    std::vector<double> frame(25, 1);
    convolution.forward(frame.data());
    Index outputs = 0;
    for (int t = 0; t < 20; ++t) {
      frame[2 * 5 + 2] += 0.0625;
      outputs += convolution.forward(frame.data()).recomputed_outputs;
    }
    largest_error = 0;
    const std::vector<double> exact = dense(ones, frame, weights, {});
    for (std::size_t i = 0; i < exact.size(); ++i)
      largest_error = std::max(largest_error, std::abs(exact[i] - convolution.output()[i]));
    return outputs;
  };
  double error = 0;
  CHECK(recomputed(change_reference::last_used, error) == 6 * 9);
  CHECK(error == 0.125);
  CHECK(recomputed(change_reference::last_frame, error) == 0);
  CHECK(error == 1.25);
}

TEST_CASE("every output that is not said to be recomputed is as it was", "[gates][change]") {
  const std::vector<double> weights(9, 1);
  for (const change_reference reference :
       {change_reference::last_used, change_reference::last_frame}) {
    support::random_source random(77);
    change_based_convolution<double> convolution(ones, weights.data(),
                                                 {.threshold = 0.1, .reference = reference});
    std::vector<double> frame(25, 1);
    convolution.forward(frame.data());
    for (int t = 0; t < 40; ++t) {
      for (double& x : frame) x += random.real(-0.05, 0.05);  // below the threshold, everywhere
      frame[static_cast<std::size_t>(random.between(0, 24))] += 1;
      const std::vector<double> before(convolution.output().begin(), convolution.output().end());
      const Index said = convolution.forward(frame.data()).recomputed_outputs;
      Index flagged = 0;
      for (std::size_t p = 0; p < 25; ++p) {
        flagged += convolution.recomputed()[p];
        if (convolution.recomputed()[p] == 0) REQUIRE(convolution.output()[p] == before[p]);
      }
      REQUIRE(said == flagged);
    }
  }
}

TEMPLATE_TEST_CASE("with a threshold of 0 every frame equals the dense convolution",
                   "[gates][change]", float, double) {
  support::random_source random(31);
  for (int round = 0; round < 60; ++round) {
    const convolution_shape s = random_shape(random);
    std::vector<TestType> weights(static_cast<std::size_t>(s.weight_size())),
        frame(static_cast<std::size_t>(s.in_size())),
        shift(static_cast<std::size_t>(s.out_channels));
    for (auto& w : weights) w = static_cast<TestType>(random.between(-4, 4));
    for (auto& b : shift) b = static_cast<TestType>(random.between(-4, 4));
    const prunus::channel_epilogue<TestType> epilogue{.shift = shift.data(), .relu = true};
    change_based_convolution<TestType> convolution(s, weights.data());
    for (int t = 0; t < 4; ++t) {
      for (auto& x : frame)
        if (t == 0 || random.chance(0.05)) x = static_cast<TestType>(random.between(-4, 4));
      convolution.forward(frame.data(), epilogue);
      const auto y = convolution.output();
      REQUIRE(std::vector<TestType>(y.begin(), y.end()) == dense(s, frame, weights, epilogue));
    }
  }
}

TEST_CASE("the error never exceeds the threshold times the sum of the weights", "[gates][change]") {
  support::random_source random(32);
  int kept = 0;
  for (int round = 0; round < 40; ++round) {
    const convolution_shape s = random_shape(random);
    std::vector<double> weights(static_cast<std::size_t>(s.weight_size())),
        frame(static_cast<std::size_t>(s.in_size()));
    for (double& w : weights) w = random.gaussian();
    const double threshold = random.real(0, 0.5);
    change_based_convolution<double> convolution(s, weights.data(), {.threshold = threshold});
    for (int t = 0; t < 12; ++t) {
      for (double& x : frame) x += random.chance(0.3) ? 0.3 * random.gaussian() : 0;
      const auto cost = convolution.forward(frame.data(), {.relu = true});
      kept += cost.recomputed_outputs < s.out_height() * s.out_width() ? 1 : 0;
      const std::vector<double> exact = dense(s, frame, weights, {.relu = true});
      const Index plane = s.out_height() * s.out_width();
      for (Index o = 0; o < s.out_channels; ++o) {
        double bound = 1e-12;
        for (Index k = 0; k < s.row_size(); ++k)
          bound += threshold * std::abs(weights[static_cast<std::size_t>(o * s.row_size() + k)]);
        for (Index q = o * plane; q < (o + 1) * plane; ++q)
          REQUIRE(std::abs(exact[static_cast<std::size_t>(q)] -
                           convolution.output()[static_cast<std::size_t>(q)]) <= bound);
      }
    }
  }
  CHECK(kept > 100);  // of 480 frames: there was something to be wrong about
}

TEST_CASE("cells forgive noise that single pixels would not", "[gates][change]") {
  const std::vector<double> weights(9, 1);
  change_based_convolution<double> convolution(ones, weights.data(), {.threshold = 0.1, .cell = 2});
  std::vector<double> frame(25, 1);
  convolution.forward(frame.data());
  frame[0] = 1.25;  // a mean of 0.0625 over four pixels
  CHECK(convolution.forward(frame.data()).recomputed_outputs == 0);
  frame[1] = 1.25;  // now of 0.125
  const auto cost = convolution.forward(frame.data());
  CHECK(cost.changed_pixels == 4);
  CHECK(cost.recomputed_outputs == 9);
  frame[24] = 1.2;  // alone in the last, smaller cell
  CHECK(convolution.forward(frame.data()).changed_pixels == 1);
}

TEST_CASE("changes that are known need no comparison", "[gates][change]") {
  const std::vector<double> weights(9, 1);
  const convolution_shape point{.in_channels = 1, .out_channels = 2, .height = 5, .width = 5};
  const std::vector<double> factors{2, -1};
  change_based_convolution<double> first(ones, weights.data(), {.threshold = 0.1});
  change_based_convolution<double> second(point, factors.data(), {.threshold = 100});
  std::vector<double> frame(25, 1);
  first.forward(frame.data());
  CHECK(second.forward(first.output().data(), first.recomputed()).recomputed_outputs == 25);
  frame[12] = 2;
  first.forward(frame.data());
  CHECK(second.forward(first.output().data(), first.recomputed()).recomputed_outputs == 9);
  for (std::size_t q = 0; q < 25; ++q) {
    CHECK(second.output()[q] == 2 * first.output()[q]);
    CHECK(second.output()[25 + q] == -first.output()[q]);
  }
}

TEST_CASE("a reset computes everything, NaN counts as changed", "[gates][change]") {
  const std::vector<double> weights(9, 1);
  change_based_convolution<double> convolution(ones, weights.data(), {.threshold = 0.1});
  std::vector<double> frame(25, 1);
  convolution.forward(frame.data());
  CHECK(convolution.forward(frame.data()).recomputed_outputs == 0);
  convolution.reset();
  CHECK(convolution.forward(frame.data()).recomputed_outputs == 25);
  frame[0] = std::numeric_limits<double>::quiet_NaN();
  CHECK(convolution.forward(frame.data()).recomputed_outputs == 4);
  frame[0] = 1;
  CHECK(convolution.forward(frame.data()).recomputed_outputs == 4);
  CHECK(convolution.output()[0] == 4);
}

TEST_CASE("options of a change-based convolution that make no sense are refused",
          "[gates][change]") {
  const std::vector<double> weights(9, 1);
  const auto refusal = [&](const convolution_shape& s, const change_detection_options& options) {
    return support::code_of<prunus::error>(
        [&] { (void)change_based_convolution<double>(s, weights.data(), options); });
  };
  CHECK(refusal(ones, {.threshold = -1}) == errc::out_of_range);
  CHECK(refusal(ones, {.threshold = std::numeric_limits<double>::quiet_NaN()}) ==
        errc::out_of_range);
  CHECK(refusal(ones, {.cell = 0}) == errc::out_of_range);
  CHECK(refusal({.in_channels = 2, .out_channels = 2, .groups = 2}, {}) == errc::unsupported);
}
