// SPDX-License-Identifier: MIT
#pragma once

// Replaces the global operator new by one that counts and fails as support/allocations.hpp says.
// Replacement functions cannot be inline: include this in exactly one file of a test program.

#include "support/allocations.hpp"

#include <cstddef>  // std::size_t
#include <cstdlib>  // std::malloc, std::free
#include <new>      // std::bad_alloc

namespace support {

[[nodiscard]] inline void* counted_memory(std::size_t size) noexcept {
  if (++allocations == failing_allocation) return nullptr;
  return std::malloc(size > 0 ? size : 1);
}

}  // namespace support

// All forms that are not over-aligned, so that none is left to a runtime that would notice the
// mixture.
void* operator new(std::size_t size) {
  if (void* memory = support::counted_memory(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return support::counted_memory(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return support::counted_memory(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
