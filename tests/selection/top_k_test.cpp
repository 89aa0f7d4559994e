// SPDX-License-Identifier: MIT
#include <prunus/selection/top_k.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

using prunus::Index;
using prunus::ranked_item;
using prunus::top_k;

TEST_CASE("the k best of a stream are those of a stable sort, in whatever order they come",
          "[gates][top_k]") {
  support::random_source random(1);
  for (int round = 0; round < 200; ++round) {
    const Index size = random.between(0, 60), k = random.between(1, 20);
    std::vector<ranked_item> all;
    for (Index i = 0; i < size; ++i) all.push_back({i, static_cast<double>(random.between(-4, 4))});
    top_k best(k);
    if (random.chance(0.5)) {
      for (const Index i : random.permutation(size))
        best.push(i, all[static_cast<std::size_t>(i)].score);
    } else {
      for (const ranked_item& item : all) {
        const bool predicted = best.enters(item.score);
        CHECK(best.push(item.item, item.score) == predicted);
      }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const ranked_item& a, const ranked_item& b) { return a.score > b.score; });
    all.resize(static_cast<std::size_t>(std::min(k, size)));
    CHECK(best.threshold() ==
          (size >= k ? all.back().score : -std::numeric_limits<double>::infinity()));
    CHECK(std::move(best).sorted() == all);
  }
}

TEST_CASE("scores that are NaN do not enter, infinite ones rank", "[gates][top_k]") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  top_k best(2);
  CHECK_FALSE(best.push(0, std::nan("")));
  CHECK(best.push(1, -infinity));
  CHECK(best.push(2, 3));
  CHECK_FALSE(best.push(3, std::nan("")));
  CHECK(best.push(4, infinity));
  CHECK(std::move(best).sorted() == std::vector<ranked_item>{{4, infinity}, {2, 3.0}});
}

TEST_CASE("no items at all cannot be asked for", "[gates][top_k]") {
  CHECK(support::code_of<prunus::argument_error>([] { (void)top_k(0); }) ==
        prunus::errc::out_of_range);
}
