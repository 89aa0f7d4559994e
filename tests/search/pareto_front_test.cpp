// SPDX-License-Identifier: MIT
#include <prunus/search/pareto_front.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <limits>
#include <optional>
#include <vector>

using prunus::best_within;
using prunus::drop_and_saving;
using prunus::Index;
using prunus::pareto_front;

TEST_CASE("the front and the three networks worked out by hand", "[search][pareto_front]") {
  const std::vector<drop_and_saving> candidates{{.5, 10},  {.9, 18},  {3.5, 30},
                                                {3.9, 28}, {7.5, 45}, {9, 50}};
  CHECK(pareto_front(candidates) == std::vector<Index>{0, 1, 2, 4, 5});
  CHECK(best_within(candidates, 1) == 1);
  CHECK(best_within(candidates, 4) == 2);
  CHECK(best_within(candidates, 8) == 4);
  CHECK(best_within(candidates, 7.5) == 4);
  CHECK(best_within(candidates, .4) == std::nullopt);
  CHECK(pareto_front({}).empty());
}

TEST_CASE("the front is what no other candidate beats", "[search][pareto_front]") {
  support::random_source random(1);
  for (int round = 0; round < 100; ++round) {
    std::vector<drop_and_saving> all;
    for (Index i = random.between(1, 40); i > 0; --i)
      all.push_back(
          {static_cast<double>(random.between(-2, 8)), static_cast<double>(random.between(0, 8))});
    std::vector<bool> on_front(all.size(), false);
    for (const Index i : pareto_front(all)) on_front[static_cast<std::size_t>(i)] = true;
    for (std::size_t i = 0; i < all.size(); ++i) {
      bool beaten = false;
      for (std::size_t j = 0; j < all.size(); ++j) {
        const bool as_good = all[j].drop <= all[i].drop && all[j].saving >= all[i].saving;
        beaten = beaten || (as_good && (!(all[j] == all[i]) || j < i));
      }
      REQUIRE(on_front[i] == !beaten);
    }
  }
}

TEST_CASE("candidates that are not finite are refused", "[search][pareto_front]") {
  const std::vector<drop_and_saving> broken{{0, 1}, {std::numeric_limits<double>::quiet_NaN(), 2}};
  CHECK(support::code_of<prunus::value_error>([&] { (void)pareto_front(broken); }) ==
        prunus::errc::not_finite);
}
