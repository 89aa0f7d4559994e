// SPDX-License-Identifier: MIT
#pragma once

// Counts the allocations of the whole program, and fails one of them. Works where one file of the
// program includes support/allocation_counter.hpp, which replaces operator new; this header may be
// included in any number of files.

#include <atomic>   // std::atomic
#include <cstddef>  // std::size_t
#include <new>      // std::bad_alloc

namespace support {

/// Calls of operator new so far. (Eigen's matrices call malloc themselves and are not counted.)
inline std::atomic<std::size_t> allocations{0};

/// Number of the allocation that fails; 0 for none.
inline std::atomic<std::size_t> failing_allocation{0};

/// How many allocations `call` makes.
template <class Call>
[[nodiscard]] std::size_t allocations_of(Call call) {
  const std::size_t before = allocations;
  call();
  return allocations - before;
}

/// Fails the first allocation of `call(scene)`, then, with a fresh scene, the second, and so on,
/// until one call needs no more of them. Allocations of other threads count while it runs.
///
///     support::fail_every_allocation([] { return my_scene(); },
///                                    [](my_scene& s) { s.work(); },
///                                    [](my_scene& s) { CHECK(s.is_as_it_was()); });
///
/// @param make returns a scene
/// @param after is called with the scene of every call that threw std::bad_alloc
/// @return how many allocations were failed; 0 where operator new is not replaced
template <class Make, class Call, class After>
std::size_t fail_every_allocation(Make make, Call call, After after) {
  struct all_succeed {
    ~all_succeed() { failing_allocation = 0; }
  };
  for (std::size_t nth = 1;; ++nth) {
    auto scene = make();
    bool threw = false, reached = false;
    {
      const all_succeed at_the_end{};
      failing_allocation = allocations + nth;
      try {
        call(scene);
      } catch (const std::bad_alloc&) {
        threw = true;
      }
      reached = allocations >= failing_allocation;
    }
    if (!reached) return nth - 1;
    if (threw) after(scene);
  }
}

}  // namespace support
