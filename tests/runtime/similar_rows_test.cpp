// SPDX-License-Identifier: MIT
#include <prunus/runtime/detail/similar_rows.hpp>

#include "support/catch.hpp"
#include "support/random_source.hpp"

#include <algorithm>  // std::is_permutation
#include <cstdint>    // std::int32_t
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using order = std::vector<std::int32_t>;
using prunus::detail::rows_in_order;
using prunus::detail::similar_rows;

TEST_CASE("rows that have inputs in common come together, what is left over last",
          "[runtime][sparse]") {
  const std::vector<float> weights{1, 1, 0,  0,  //
                                   0, 0, 1,  0,  //
                                   0, 0, -2, 3,  //
                                   5, 0, 0,  0,  //
                                   0, 0, 0,  7};
  CHECK(similar_rows(weights.data(), 5, 4, 2) == order{0, 3, 1, 2, 4});
  CHECK(similar_rows(weights.data(), 5, 4, 3) == order{0, 3, 1, 2, 4});
  // Row 4 shares nothing with row 1 alone, but with what rows 1 and 2 take together.
  CHECK(similar_rows(weights.data() + 4, 4, 4, 3) == order{0, 1, 3, 2});
}

TEST_CASE("of rows that share equally much the first is taken", "[runtime][sparse]") {
  const std::vector<double> none(6 * 5, 0), all(6 * 5, 1);
  for (const auto* weights : {&none, &all})
    CHECK(similar_rows(weights->data(), 6, 5, 4) == rows_in_order(6));
}

TEST_CASE("every row is there once, and each is the best that was left", "[runtime][sparse]") {
  support::random_source random(21);
  for (int round = 0; round < 30; ++round) {
    const Index rows = random.between(1, 30), terms = random.between(1, 200), together = 4;
    std::vector<float> weights(static_cast<std::size_t>(rows * terms));
    for (float& w : weights) w = random.chance(0.3) ? 1.0F : 0.0F;
    const auto at = [&](Index r, Index k) {
      return weights[static_cast<std::size_t>(r * terms + k)] != 0;
    };
    const order found = similar_rows(weights.data(), rows, terms, together);
    const order all = rows_in_order(rows);
    REQUIRE(std::is_permutation(found.begin(), found.end(), all.begin(), all.end()));
    for (Index i = 0; i < rows / together * together; ++i) {
      const auto shared = [&](Index r) {
        Index count = 0;
        for (Index k = 0; k < terms; ++k) {
          bool taken = false;
          for (Index j = i / together * together; j < i; ++j)
            taken = taken || at(found[static_cast<std::size_t>(j)], k);
          count += taken && at(r, k) ? 1 : 0;
        }
        return count;
      };
      const Index chosen = found[static_cast<std::size_t>(i)];
      for (auto later = static_cast<std::size_t>(i + 1); later < found.size(); ++later) {
        const Index other = found[later];
        REQUIRE((shared(chosen) > shared(other) ||
                 (shared(chosen) == shared(other) && chosen < other)));
      }
    }
  }
}

}  // namespace
