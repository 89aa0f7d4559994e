// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/thread_pool.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::min

namespace prunus {
inline namespace v0 {
namespace detail {

/// Some samples of a batch, one task.
struct shard {
  Index number = 0;
  Index begin = 0, end = 0;  ///< samples
  Index worker = 0;          ///< whose memory it may use
  [[nodiscard]] Index size() const noexcept { return end - begin; }
};

/// Cuts batches into shards and lets threads work on them. How a batch is cut depends on its size
/// alone, so results do not depend on the number of threads.
class sample_shards {
 public:
  sample_shards(Index threads, Index shards) : pool_(threads), shards_(shards) {}

  [[nodiscard]] Index threads() const noexcept { return pool_.threads(); }
  [[nodiscard]] Index shards() const noexcept { return shards_; }
  [[nodiscard]] Index shards_of(Index batch) const noexcept { return std::min(shards_, batch); }

  /// Calls `f` with every shard of a batch.
  template <class F>
  void run(Index batch, const F& f) {
    const Index count = shards_of(batch);
    pool_.run(count, [&](Index k, Index worker) {
      f(shard{k, k * batch / count, (k + 1) * batch / count, worker});
    });
  }
  /// Calls `f` with every number below `count`: work that the samples do not share out.
  template <class F>
  void run_each(Index count, const F& f) {
    pool_.run(count, [&](Index i, Index) { f(i); });
  }

 private:
  thread_pool pool_;
  Index shards_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
