// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <atomic>              // std::atomic
#include <condition_variable>  // std::condition_variable
#include <cstdint>             // std::uint64_t
#include <exception>           // std::exception_ptr
#include <memory>              // std::addressof
#include <mutex>               // std::mutex
#include <thread>              // std::thread
#include <type_traits>         // std::remove_reference_t
#include <utility>             // std::move
#include <vector>              // std::vector

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// A few threads that work on numbered tasks. Whoever needs one owns one; there is no global pool.
///
///     prunus::thread_pool pool(2);
///     pool.run(8, [&](Index task, Index worker) { results[task] = work_on(task, scratch[worker]);
///     });
///
/// Tasks are handed out one by one in the order of their numbers, so which worker runs which task
/// is left to chance: a result that depends on the task alone does not depend on the number of
/// threads. Between two runs the workers spin for some microseconds, then sleep.
class thread_pool {
 public:
  /// `threads` counts the caller of `run`: a pool of 1 starts no thread and runs everything inline.
  /// @throws argument_error (out_of_range) for fewer than 1 thread; std::system_error when a thread
  /// cannot start
  template <class = compiled_on_use>
  explicit thread_pool(Index threads) {
    if (threads < 1)
      throw argument_error(errc::out_of_range,
                           detail::concat("thread_pool: ", threads,
                                          " threads; it takes at least 1, the caller's own"));
    try {
      for (Index worker = 1; worker < threads; ++worker)
        workers_.emplace_back([this, worker] { serve(worker); });
    } catch (...) {
      stop();
      throw;
    }
  }
  ~thread_pool() { stop(); }
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  [[nodiscard]] Index threads() const noexcept { return static_cast<Index>(workers_.size()) + 1; }

  /// Calls `f(task, worker)` for every task in [0, tasks) and returns when all are done; 0 <=
  /// worker < threads(). No allocation. One run at a time: neither `f` nor another thread may call
  /// `run` meanwhile.
  /// @throws what `f` throws: of several exceptions that of the lowest task; tasks not begun by
  /// then are left out
  template <class F>
  void run(Index tasks, F&& f) {
    if (tasks <= 0) return;
    call_ = [](void* function, Index task, Index worker) {
      (*static_cast<std::remove_reference_t<F>*>(function))(task, worker);
    };
    function_ = const_cast<void*>(static_cast<const void*>(std::addressof(f)));
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    failed_task_ = tasks;
    if (!workers_.empty() && tasks > 1) {
      open(true);
      wake_.notify_all();
      work(0);
      open(false);  // a worker that has not woken up by now is not waited for
      wait_until([this] { return joined_.load(std::memory_order_acquire) == 0; }, done_);
    } else {
      work(0);
    }
    if (failure_) {
      const std::exception_ptr failure = std::move(failure_);
      failure_ = nullptr;
      std::rethrow_exception(failure);
    }
  }

 private:
  /// Rounds of looking at a flag before a thread goes to sleep, some microseconds' worth.
  static constexpr int spins = 2000;

  static void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    __asm__ __volatile__("yield");
#endif
  }

  void open(bool now) {
    const std::lock_guard lock(mutex_);
    open_ = now;
    if (now) round_.fetch_add(1, std::memory_order_release);
  }
  /// True when there is work and this worker has been counted among those who do it.
  [[nodiscard]] bool join() {
    const std::lock_guard lock(mutex_);
    if (open_) joined_.fetch_add(1, std::memory_order_relaxed);
    return open_;
  }

  template <class Condition>
  void wait_until(const Condition& condition, std::condition_variable& signal) {
    for (int i = 0; i < spins; ++i) {
      if (condition()) return;
      relax();
    }
    std::unique_lock lock(mutex_);
    signal.wait(lock, condition);
  }

  void work(Index worker) noexcept {
    for (Index task = 0; (task = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) {
      try {
        call_(function_, task, worker);
      } catch (...) {
        next_.store(tasks_, std::memory_order_relaxed);  // begin nothing more
        const std::lock_guard lock(mutex_);
        if (task < failed_task_) {
          failed_task_ = task;
          failure_ = std::current_exception();
        }
      }
    }
  }

  template <class = compiled_on_use>
  void serve(Index worker) {
    for (std::uint64_t seen = 0;;) {
      wait_until([&] { return round_.load(std::memory_order_acquire) != seen; }, wake_);
      seen = round_.load(std::memory_order_acquire);
      if (stopping_) return;
      if (!join()) continue;
      work(worker);
      if (joined_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const std::lock_guard lock(
            mutex_);  // the caller is either before its look at the count or asleep
        done_.notify_one();
      }
    }
  }

  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      round_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<std::uint64_t> round_{0};
  std::atomic<Index> next_{0}, joined_{0};
  std::atomic<bool> stopping_{false};
  bool open_ = false;
  void (*call_)(void*, Index, Index) = nullptr;
  void* function_ = nullptr;
  Index tasks_ = 0;
  Index failed_task_ = 0;
  std::exception_ptr failure_;
  std::vector<std::thread>
      workers_;  // last: they may look at everything above from their first moment
};

}  // namespace v0
}  // namespace prunus
