// SPDX-License-Identifier: MIT
#include <prunus/nn/training/hard_samples.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cmath>   // std::log
#include <limits>  // std::numeric_limits
#include <span>    // std::span
#include <vector>  // std::vector

using prunus::errc;
using prunus::hard_samples;

TEMPLATE_TEST_CASE("wrong and doubtful samples get more weight", "[gates][hard_samples]", float,
                   double) {
  using S = TestType;
  // Softmax of (log 3, 0) is (0.75, 0.25); of (0, 0, ...) it is flat.
  const S sure = static_cast<S>(std::log(3.0));
  const std::vector<S> outputs{sure, 0, 0, sure, 0, 0};
  const std::vector<int> labels{0, 0, 0};
  std::vector<S> gradient(6, S(1));
  CHECK(hard_samples{.confidence = 0.6, .extra = 2}.weigh<S>(outputs, labels, gradient) == 2);
  CHECK(gradient == std::vector<S>{1, 1, 3, 3, 3, 3});
  // A confidence of 0.8 makes the first one doubtful too, one of 0.4 none.
  CHECK(hard_samples{.confidence = 0.8}.is_hard<S>(std::span<const S>(outputs).first(2), 0));
  CHECK(!hard_samples{.confidence = 0.4}.is_hard<S>(std::span<const S>(outputs).last(2), 0));
  const std::vector<S> broken(2, std::numeric_limits<S>::quiet_NaN());
  CHECK(hard_samples{}.is_hard<S>(broken, 0));
}

TEST_CASE("hard_samples refuses what does not fit and then scales nothing",
          "[gates][hard_samples]") {
  const std::vector<double> outputs(4);
  std::vector<double> gradient(4, 1.0);
  const auto argument = [&](const hard_samples& h, const std::vector<int>& labels) {
    return support::code_of<prunus::argument_error>(
        [&] { h.weigh<double>(outputs, labels, gradient); });
  };
  CHECK(argument({.confidence = 1.5}, {0, 1}) == errc::out_of_range);
  CHECK(argument({.extra = -1}, {0, 1}) == errc::out_of_range);
  CHECK(argument({}, {}) == errc::out_of_range);
  CHECK(argument({}, {1, 2}) == errc::out_of_range);
  CHECK(support::code_of<prunus::shape_error>([&] {
          hard_samples{}.weigh<double>(outputs, std::vector<int>{0, 0, 0}, gradient);
        }) == errc::shape_mismatch);
  CHECK(gradient == std::vector<double>(4, 1.0));
}
