// SPDX-License-Identifier: MIT
#include <prunus/core/pool_ref.hpp>

#include "support/backwards_pool.hpp"
#include "support/catch.hpp"

#include <stdexcept>  // std::runtime_error
#include <string>     // std::string
#include <vector>     // std::vector

using prunus::executor;
using prunus::Index;

static_assert(prunus::task_pool<support::backwards_pool>);
static_assert(!prunus::task_pool<int> && !prunus::task_pool<std::vector<int>>);

TEST_CASE("without a pool tasks run one after the other", "[core][executor]") {
  const executor on;
  CHECK(on.threads() == 1);
  std::vector<Index> order;
  on.run(4, [&](Index task) { order.push_back(task); });
  CHECK(order == std::vector<Index>{0, 1, 2, 3});
  on.run(0, [&](Index task) { order.push_back(task); });
  CHECK(order.size() == 4);
}

TEST_CASE("an executor hands its tasks to any pool", "[core][executor]") {
  support::backwards_pool pool(3);
  executor on = pool;
  executor copy = on;
  CHECK(copy.threads() == 3);
  std::vector<Index> order;
  copy.run(4, [&](Index task) { order.push_back(task); });
  CHECK(order == std::vector<Index>{3, 2, 1, 0});
  CHECK(pool.runs() == 1);
}

TEST_CASE("one task, or a pool of one thread, is not worth a hand-over", "[core][executor]") {
  support::backwards_pool three(3), one(1);
  std::vector<Index> order;
  executor(three).run(1, [&](Index task) { order.push_back(task); });
  executor(one).run(2, [&](Index task) { order.push_back(task); });
  CHECK(order == std::vector<Index>{0, 0, 1});
  CHECK(three.runs() + one.runs() == 0);
}

TEST_CASE("an exception reaches the caller", "[core][executor]") {
  support::backwards_pool pool(2);
  const auto fail = [](Index task) {
    if (task > 0) throw std::runtime_error("task " + std::to_string(task));
  };
  CHECK_THROWS_WITH(executor(pool).run(3, fail), "task 1");
  CHECK_THROWS_WITH(executor().run(3, fail), "task 1");
}
