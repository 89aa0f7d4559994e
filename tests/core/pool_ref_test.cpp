// SPDX-License-Identifier: MIT
#include <prunus/core/pool_ref.hpp>

#include "support/backwards_pool.hpp"
#include "support/catch.hpp"

#include <stdexcept>  // std::runtime_error
#include <string>     // std::string
#include <vector>     // std::vector

using prunus::Index;
using prunus::pool_ref;

static_assert(prunus::task_pool<support::backwards_pool>);
static_assert(!prunus::task_pool<int> && !prunus::task_pool<std::vector<int>>);

TEST_CASE("without a pool tasks run one after the other", "[core][pool_ref]") {
  const pool_ref pool;
  CHECK(pool.threads() == 1);
  std::vector<Index> order;
  pool.run(4, [&](Index task) { order.push_back(task); });
  CHECK(order == std::vector<Index>{0, 1, 2, 3});
  pool.run(0, [&](Index task) { order.push_back(task); });
  CHECK(order.size() == 4);
}

TEST_CASE("a pool_ref hands its tasks to any pool", "[core][pool_ref]") {
  support::backwards_pool pool(3);
  pool_ref given = pool;
  pool_ref copy = given;
  CHECK(copy.threads() == 3);
  std::vector<Index> order;
  copy.run(4, [&](Index task) { order.push_back(task); });
  CHECK(order == std::vector<Index>{3, 2, 1, 0});
  CHECK(pool.runs() == 1);
}

TEST_CASE("one task, or a pool of one thread, is not worth a hand-over", "[core][pool_ref]") {
  support::backwards_pool three(3), one(1);
  std::vector<Index> order;
  pool_ref(three).run(1, [&](Index task) { order.push_back(task); });
  pool_ref(one).run(2, [&](Index task) { order.push_back(task); });
  CHECK(order == std::vector<Index>{0, 0, 1});
  CHECK(three.runs() + one.runs() == 0);
}

TEST_CASE("an exception reaches the caller", "[core][pool_ref]") {
  support::backwards_pool pool(2);
  const auto fail = [](Index task) {
    if (task > 0) throw std::runtime_error("task " + std::to_string(task));
  };
  CHECK_THROWS_WITH(pool_ref(pool).run(3, fail), "task 1");
  CHECK_THROWS_WITH(pool_ref().run(3, fail), "task 1");
}
