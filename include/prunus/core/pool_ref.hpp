// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <concepts>     // std::convertible_to, std::same_as
#include <memory>       // std::addressof
#include <type_traits>  // std::is_lvalue_reference_v, std::remove_const_t

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Runs numbered tasks, maybe several at a time, as thread_pool does: `pool.run(tasks, f)` calls
/// `f(task, worker)` once for every task in [0, tasks), returns when all are done, and throws what
/// the lowest task that failed has thrown; `pool.threads()` says how many run at a time.
template <class P>
concept task_pool = requires(P& pool, const P& seen, Index tasks, void (&f)(Index, Index)) {
  pool.run(tasks, f);
  { seen.threads() } -> std::convertible_to<Index>;
};

/// Where work is done that may be shared out: on the threads of a pool, or, by default, in the
/// caller's own. A view; the pool must outlive it.
///
///     prunus::thread_pool pool(2);
///     prunus::prune(net, pass, 0.9, pool);
///
/// Anything that is a task_pool will do, such as a few lines around the pool that a program has
/// already. Results do not depend on the number of threads.
class pool_ref {
 public:
  pool_ref() = default;
  template <task_pool Pool>
    requires(!std::same_as<Pool, pool_ref>)
  pool_ref(Pool& pool)  // NOLINT(google-explicit-constructor): a pool is where work can be done
      : pool_(std::addressof(pool)),
        threads_(static_cast<Index>(pool.threads())),
        run_([](void* held, Index tasks, void* function, task_call call) {
          static_cast<Pool*>(held)->run(tasks, [=](Index task, Index) { call(function, task); });
        }) {}

  template <task_pool Pool>
    requires(!std::is_lvalue_reference_v<Pool> &&
             !std::same_as<std::remove_const_t<Pool>, pool_ref>)
  pool_ref(Pool&&)
  = delete;  // a temporary pool would dangle: give it a name first

  [[nodiscard]] Index threads() const noexcept { return threads_; }

  /// Calls `f(task)` for every task in [0, tasks), those of low number first, and returns when all
  /// are done. `f` may run in several threads at once.
  /// @throws what `f` throws, for the lowest task of those that failed
  template <class F>
  void run(Index tasks, F&& f) const {
    if (threads_ < 2 || tasks < 2) {
      for (Index task = 0; task < tasks; ++task) f(task);
      return;
    }
    void* const function = const_cast<void*>(static_cast<const void*>(std::addressof(f)));
    run_(pool_, tasks, function,
         [](void* held, Index task) { (*static_cast<std::remove_reference_t<F>*>(held))(task); });
  }

 private:
  using task_call = void (*)(void* function, Index task);

  void* pool_ = nullptr;
  Index threads_ = 1;
  void (*run_)(void*, Index, void*, task_call) = nullptr;
};

}  // namespace v0
}  // namespace prunus
