// SPDX-License-Identifier: MIT
#include <prunus/search/policy_search.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <array>   // std::array
#include <cmath>   // std::abs
#include <limits>  // std::numeric_limits
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using prunus::errc;
using prunus::policy_criterion;
using prunus::policy_outcome;
using prunus::policy_report;
using prunus::policy_trial;
using table = std::array<std::array<double, 5>, 3>;

const std::vector<policy_criterion> criteria{{"random"}, {"weight"}, {"class ablation"}};
const std::vector<std::string> distributions{"uniform", "increasing", "decreasing", "low-high-low",
                                             "high-low-high"};

/// Accuracy of VGG-16 on CIFAR-10 after fine-tuning, as the authors published it with their code;
/// rows random, weight, SeNPIS-Faster.
constexpr table at_50{{{92.55, 90.26, 92.96, 92.56, 92.20},
                       {93.43, 91.91, 93.95, 93.11, 92.96},
                       {93.01, 91.78, 93.57, 93.43, 93.02}}};
constexpr table at_20{{{94.41, 94.23, 94.65, 94.57, 94.26},
                       {94.46, 94.70, 94.91, 94.80, 94.89},
                       {94.63, 94.73, 94.99, 94.90, 94.82}}};

policy_report search(const table& qualities) {
  return prunus::policy_search(criteria, distributions, [&](const policy_trial& t) {
    return policy_outcome{
        qualities[static_cast<std::size_t>(t.criterion)][static_cast<std::size_t>(t.distribution)],
        1};
  });
}

}  // namespace

TEST_CASE("the published table gives its best policy and its effects", "[search][policy_search]") {
  const policy_report report = search(at_50);
  CHECK(report.best().criterion == 1);
  CHECK(report.best().distribution == 2);
  CHECK(std::abs(report.criterion_effect(0).mean - 92.106) < 1e-9);
  CHECK(std::abs(report.criterion_effect(1).mean - 93.072) < 1e-9);
  CHECK(std::abs(report.criterion_effect(2).mean - 92.962) < 1e-9);
  CHECK(report.criterion_effect(1).median == 93.11);
  CHECK(std::abs(report.criterion_effect(1).spread() - (93.95 - 91.91)) < 1e-9);
  CHECK(std::abs(report.distribution_effect(2).mean - (92.96 + 93.95 + 93.57) / 3) < 1e-9);
  CHECK(report.distribution_effect(1).highest == 91.91);
  CHECK(report.distribution_effect(1).lowest == 90.26);
  CHECK(std::abs(report.spread() - 3.69) < 1e-9);

  const policy_report gentle = search(at_20);
  CHECK(gentle.best().criterion == 2);
  CHECK(gentle.best().distribution == 2);
}

TEST_CASE("of equal qualities the policy with fewer parameters is best, then the earlier one",
          "[search][policy_search]") {
  policy_report report{{"a", "b"}, {"x", "y"}, {{0.9, 30}, {0.9, 20}, {0.9, 20}, {0.8, 1}}};
  CHECK(report.best().criterion == 0);
  CHECK(report.best().distribution == 1);
  report.outcomes[2].parameters = 10;
  CHECK(report.best().criterion == 1);
  CHECK(report.best().distribution == 0);
  CHECK(report.criterion_effect(1).median == (0.9 + 0.8) / 2);
}

TEST_CASE("repeats are tried one by one and averaged", "[search][policy_search]") {
  const std::vector<policy_criterion> some{{"random", 3}, {"weight"}};
  const std::vector<std::string> one{"uniform"};
  std::vector<std::array<Eigen::Index, 3>> seen;
  const policy_report report = prunus::policy_search(some, one, [&](const policy_trial& t) {
    seen.push_back({t.criterion, t.distribution, t.repeat});
    return policy_outcome{static_cast<double>(t.repeat), 10.0 * static_cast<double>(t.repeat)};
  });
  CHECK(seen ==
        std::vector<std::array<Eigen::Index, 3>>{{0, 0, 0}, {0, 0, 1}, {0, 0, 2}, {1, 0, 0}});
  CHECK(report.at(0, 0).quality == 1);
  CHECK(report.at(0, 0).parameters == 10);
  CHECK(to_csv(report) ==
        "criterion,distribution,quality,parameters\nrandom,uniform,1,10\nweight,uniform,0,0\n");
}

TEST_CASE("grids that cannot be tried are refused", "[search][policy_search]") {
  const auto run = [](const policy_trial&) { return policy_outcome{1, 1}; };
  const auto code = [&](const std::vector<policy_criterion>& c, const std::vector<std::string>& d) {
    return support::code_of<prunus::argument_error>(
        [&] { (void)prunus::policy_search(c, d, run); });
  };
  CHECK(code({}, distributions) == errc::out_of_range);
  CHECK(code(criteria, {}) == errc::out_of_range);
  CHECK(code({{"random", 0}}, distributions) == errc::out_of_range);
  const auto diverged = [](const policy_trial& t) {
    return policy_outcome{t.distribution == 2 ? std::numeric_limits<double>::quiet_NaN() : 1.0, 1};
  };
  const support::thrown error = support::error_of<prunus::value_error>(
      [&] { (void)prunus::policy_search(criteria, distributions, diverged); });
  CHECK(error.code == errc::not_finite);
  CHECK(error.says("random with decreasing"));
}
