// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/allocation/variable_scale.hpp>

#include "support/allocation_laws.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <cmath>    // std::abs, std::floor, std::pow
#include <cstddef>  // std::size_t
#include <limits>   // std::numeric_limits
#include <string>   // std::string
#include <vector>   // std::vector

namespace {

using prunus::argument_error;
using prunus::errc;
using prunus::Index;
using prunus::scale_driver;
using prunus::variable_scale;
using support::code_of;
using support::ranking;
using counts = std::vector<Index>;

/// Three layers of four weights, each twice as large as the one before.
ranking<double> three_layers() {
  ranking<double> r;
  r.add("l1.weight", {0.1, 0.1, 0.2, 0.2});
  r.add("l2.weight", {0.2, 0.2, 0.4, 0.4});
  r.add("l3.weight", {0.4, 0.4, 0.8, 0.8});
  return r;
}

template <class T, class Allocation>
counts removed_by(ranking<T> r, const Allocation& allocation, double sparsity) {
  r.allocate(allocation, sparsity);
  counts result;
  for (const auto& e : r.entries) result.push_back(e.removed());
  return result;
}

ranking<double> layers_of_means(const std::vector<double>& means, Index size) {
  ranking<double> r;
  for (std::size_t l = 0; l < means.size(); ++l) {
    std::vector<double> scores;
    for (Index u = 0; u < size; ++u)  // spread about the mean
      scores.push_back(means[l] *
                       (0.5 + (static_cast<double>(u) + 0.5) / static_cast<double>(size)));
    r.add("l" + std::to_string(l), std::move(scores));
  }
  return r;
}

}  // namespace

TEMPLATE_TEST_CASE("variable_scale keeps the laws of allocations", "[allocation][variable_scale]",
                   float, double) {
  using enum scale_driver;
  support::check_allocation_laws<TestType>(variable_scale{}, support::count_law::total);
  support::check_allocation_laws<TestType>(variable_scale{.by = location},
                                           support::count_law::total);
  support::check_allocation_laws<TestType>(
      variable_scale{.gamma = 3, .smallest_rate = 0.2, .largest_rate = 0.6},
      support::count_law::total);
  support::check_allocation_laws<TestType>(
      variable_scale{.by = location, .smallest_rate = 0.1, .spread = 1}, support::count_law::total);
}

TEST_CASE("the layers of the worked example lose what was worked out by hand",
          "[allocation][variable_scale]") {
  const auto by = [](scale_driver driver) { return variable_scale{.by = driver, .spread = 0.5}; };
  // Means .15, .30, .60: rates .857, .429, .214; floors 3, 1, 0; the last two to the remainders.
  CHECK(removed_by(three_layers(), by(scale_driver::magnitude), 0.5) == counts{3, 2, 1});
  CHECK(removed_by(three_layers(), by(scale_driver::location), 0.5) == counts{3, 2, 1});
  CHECK(removed_by(three_layers(), prunus::uniform{}, 0.5) == counts{2, 2, 2});
  // By one threshold all of the first layer would go; its last unit stays, and the next one goes.
  CHECK(removed_by(three_layers(), prunus::global{}, 0.5) == counts{3, 3, 0});
}

TEST_CASE("without gamma or spread every layer loses the same share",
          "[allocation][variable_scale]") {
  support::random_source random(9);
  for (int round = 0; round < 30; ++round) {
    ranking<double> r;
    for (int e = 0; e < 4; ++e) {
      std::vector<double> scores;
      for (Index u = random.between(1, 6) * 20; u > 0; --u) scores.push_back(random.real(0, 1 + e));
      r.add("w" + std::to_string(e), std::move(scores));
    }
    const double sparsity = static_cast<double>(random.between(1, 18)) / 20;  // whole numbers go
    const counts same = removed_by(r, prunus::uniform{}, sparsity);
    CAPTURE(round, sparsity);
    CHECK(removed_by(r, variable_scale{.gamma = 0}, sparsity) == same);
    CHECK(removed_by(r, variable_scale{.by = scale_driver::location, .spread = 0}, sparsity) ==
          same);
  }
}

TEST_CASE("rates by magnitude are those of the formula", "[allocation][variable_scale]") {
  support::random_source random(4);
  for (int round = 0; round < 40; ++round) {
    const double gamma = random.real(0, 2), sparsity = random.real(0.1, 0.9);
    std::vector<double> means;
    for (int l = 0; l < 5; ++l) means.push_back(random.real(0.2, 2));
    constexpr Index size = 1000;
    const counts removed =
        removed_by(layers_of_means(means, size), variable_scale{.gamma = gamma}, sparsity);
    // The factor by a search of its own: smallest in steps of 1e-5 that reaches the target.
    double factor = 0;
    const auto rate = [&](double m) { return std::min(0.95, factor * std::pow(m, -gamma)); };
    const auto sum = [&] {
      double all = 0;
      for (double m : means) all += rate(m);
      return all;
    };
    while (sum() < 5 * sparsity) factor += 1e-5;
    CAPTURE(round, gamma, sparsity, factor);
    for (std::size_t l = 0; l < means.size(); ++l)
      CHECK(std::abs(static_cast<double>(removed[l]) - size * rate(means[l])) < 2);
  }
}

TEST_CASE("the end of a stack with the smaller weights loses more",
          "[allocation][variable_scale]") {
  const variable_scale ramp{.by = scale_driver::location, .spread = 0.4};
  CHECK(removed_by(layers_of_means({1, 2, 3}, 100), ramp, 0.5) == counts{70, 50, 30});
  CHECK(removed_by(layers_of_means({3, 2, 1}, 100), ramp, 0.5) == counts{30, 50, 70});
  CHECK(removed_by(layers_of_means({2, 2, 2}, 100), ramp, 0.5) == counts{70, 50, 30});
  CHECK(removed_by(layers_of_means({2}, 100), ramp, 0.5) == counts{50});
}

TEST_CASE("every stack has a ramp of its own", "[allocation][variable_scale]") {
  ranking<double> r;
  for (const char* name : {"encoder.1", "encoder.2", "decoder.1", "decoder.2", "other"}) {
    ranking<double> one = layers_of_means({1}, 100);
    r.add(name, one.entries[0].scores);
  }
  for (double& s : r.entries[3].scores) s /= 2;  // the decoder shrinks with depth
  const variable_scale ramps{
      .by = scale_driver::location, .spread = 0.2, .stacks = {"encoder.*", "decoder.*"}};
  CHECK(removed_by(r, ramps, 0.5) == counts{60, 40, 40, 60, 50});
  const variable_scale wrong{.by = scale_driver::location, .stacks = {"encoder.*", "middle.*"}};
  CHECK(code_of<argument_error>([&] { r.allocate(wrong, 0.5); }) == errc::unknown_name);
  CHECK(r.removed() == 0);
}

TEST_CASE("rates stay within their bounds while the target lets them",
          "[allocation][variable_scale]") {
  const ranking<double> r = layers_of_means({1, 10, 100}, 100);
  const variable_scale bounded{.smallest_rate = 0.3, .largest_rate = 0.8};
  CHECK(removed_by(r, bounded, 0.5) == counts{80, 40, 30});
  CHECK(removed_by(r, bounded, 0.8) == counts{80, 80, 80});
  CHECK(removed_by(r, bounded, 0.3) == counts{30, 30, 30});
  const counts beyond = removed_by(r, bounded, 0.9);
  CHECK(beyond[0] + beyond[1] + beyond[2] == 270);
  CHECK(*std::min_element(beyond.begin(), beyond.end()) >= 80);
  const counts below = removed_by(r, bounded, 0.1);
  CHECK(below[0] + below[1] + below[2] == 30);
  CHECK(*std::max_element(below.begin(), below.end()) <= 30);
}

TEST_CASE("a layer of zeros loses first and is not emptied", "[allocation][variable_scale]") {
  ranking<double> r;
  r.add("zero", std::vector<double>(50, 0.0));
  r.add("one", std::vector<double>(50, 1.0));
  CHECK(removed_by(r, variable_scale{.largest_rate = 1}, 0.4) == counts{40, 0});
  CHECK(removed_by(r, variable_scale{.largest_rate = 1}, 0.6) == counts{49, 11});
  ranking<double> zeros;
  zeros.add("a", std::vector<double>(50, 0.0));
  zeros.add("b", std::vector<double>(50, 0.0));
  CHECK(removed_by(zeros, variable_scale{}, 0.4) == counts{20, 20});
}

TEST_CASE("what the limits of one layer hold back, others give", "[allocation][variable_scale]") {
  ranking<double> r = layers_of_means({1, 2}, 100);
  r.entries[0].limits = {.min_kept = 80};
  CHECK(removed_by(r, variable_scale{}, 0.5) == counts{20, 80});
  r.entries[1].limits = {.min_kept = 30};
  CHECK(code_of<argument_error>([&] { r.allocate(variable_scale{}, 0.5); }) ==
        errc::unreachable_target);
  CHECK(r.removed() == 0);
  r.entries[0].limits = {.multiple_of = 8};
  r.entries[1].limits = {};
  r.allocate(variable_scale{}, 0.5);
  CHECK(r.entries[0].kept() % 8 == 0);
}

TEST_CASE("variable_scale refuses options out of their range", "[allocation][variable_scale]") {
  ranking<double> r = three_layers();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const variable_scale& wrong :
       {variable_scale{.gamma = -1}, variable_scale{.gamma = nan},
        variable_scale{.smallest_rate = -0.1}, variable_scale{.largest_rate = 1.1},
        variable_scale{.smallest_rate = 0.6, .largest_rate = 0.5}, variable_scale{.spread = 2},
        variable_scale{.spread = nan}})
    CHECK(code_of<argument_error>([&] { r.allocate(wrong, 0.5); }) == errc::out_of_range);
  CHECK(r.removed() == 0);
}
