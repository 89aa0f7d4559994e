// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <exception>  // std::exception_ptr

namespace support {

/// What the concept task_pool promises and nothing else, in the worst order: the last task first.
class backwards_pool {
 public:
  explicit backwards_pool(Eigen::Index threads) : threads_(threads) {}
  [[nodiscard]] Eigen::Index threads() const { return threads_; }

  template <class F>
  void run(Eigen::Index tasks, F&& f) {
    ++runs_;
    std::exception_ptr failure;
    for (Eigen::Index task = tasks; task-- > 0;) try {
        f(task, task % threads_);
      } catch (...) {
        failure = std::current_exception();
      }
    if (failure) std::rethrow_exception(failure);
  }

  [[nodiscard]] int runs() const { return runs_; }

 private:
  Eigen::Index threads_;
  int runs_ = 0;
};

}  // namespace support
