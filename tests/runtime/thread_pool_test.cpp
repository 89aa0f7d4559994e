// SPDX-License-Identifier: MIT
#include <prunus/runtime/thread_pool.hpp>

#include "support/catch.hpp"

#include <atomic>     // std::atomic
#include <chrono>     // std::chrono::milliseconds
#include <stdexcept>  // std::runtime_error
#include <string>     // std::string
#include <thread>     // std::this_thread
#include <vector>     // std::vector

using prunus::Index;

TEST_CASE("thread_pool runs every task once, whatever the number of threads",
          "[runtime][thread_pool]") {
  const Index threads = GENERATE(1, 2, 5);
  prunus::thread_pool pool(threads);
  REQUIRE(pool.threads() == threads);
  for (Index tasks : {0, 1, 2, 3, 100}) {
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
    std::atomic<bool> workers_in_range{true};
    pool.run(tasks, [&](Index task, Index worker) {
      ++runs[static_cast<std::size_t>(task)];
      if (worker < 0 || worker >= threads) workers_in_range = false;
    });
    for (const std::atomic<int>& count : runs) CHECK(count == 1);
    CHECK(workers_in_range);
  }
}

TEST_CASE("thread_pool survives many short runs and pauses in which its workers sleep",
          "[runtime][thread_pool]") {
  prunus::thread_pool pool(3);
  std::atomic<Index> sum{0};
  for (int round = 0; round < 300; ++round) {
    pool.run(4, [&](Index task, Index) { sum += task; });
    if (round % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK(sum == 300 * 6);
}

TEST_CASE("thread_pool of one thread runs inline and in order", "[runtime][thread_pool]") {
  prunus::thread_pool pool(1);
  std::vector<Index> order;
  const std::thread::id caller = std::this_thread::get_id();
  pool.run(4, [&](Index task, Index worker) {
    CHECK(worker == 0);
    CHECK(std::this_thread::get_id() == caller);
    order.push_back(task);
  });
  CHECK(order == std::vector<Index>{0, 1, 2, 3});
}

TEST_CASE("thread_pool hands an exception to the caller and works on afterwards",
          "[runtime][thread_pool]") {
  const Index threads = GENERATE(1, 3);
  prunus::thread_pool pool(threads);
  const auto fail = [](Index task, Index) {
    if (task == 2) throw std::runtime_error("task 2");
  };
  std::string message;
  try {
    pool.run(8, fail);
  } catch (const std::runtime_error& e) {
    message = e.what();
  }
  CHECK(message == "task 2");
  std::atomic<int> runs{0};
  pool.run(8, [&](Index, Index) { ++runs; });
  CHECK(runs == 8);
}

TEST_CASE("thread_pool refuses to have no thread", "[runtime][thread_pool]") {
  try {
    prunus::thread_pool pool(0);
    FAIL("a pool without threads was made");
  } catch (const prunus::argument_error& e) {
    CHECK(e.code() == prunus::errc::out_of_range);
  }
}
