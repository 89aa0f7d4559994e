// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/pool_ref.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <span>     // std::span

namespace prunus {
inline namespace v0 {
namespace detail {

/// Calls `f(task)` once for every entry of `done`, all of them 0 at first, on the threads of
/// `pool`, and in the caller's own thread for what the pool leaves undone because it throws: so
/// that what has begun to be written is written to its end.
/// @pre f throws nothing; where the pool throws, none of its tasks is running any more
template <class F>
void run_to_end(pool_ref pool, std::span<std::uint8_t> done, const F& f) noexcept {
  try {
    pool.run(static_cast<Index>(done.size()), [&](Index task) {
      f(static_cast<std::size_t>(task));
      done[static_cast<std::size_t>(task)] = 1;
    });
  } catch (...) {  // NOLINT(bugprone-empty-catch): the rest is done below
  }
  for (std::size_t task = 0; task < done.size(); ++task)
    if (done[task] == 0) f(task);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
