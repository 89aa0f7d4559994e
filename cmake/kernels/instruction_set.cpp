// SPDX-License-Identifier: MIT
// Chooses among the kernels. Compiled for the baseline: it runs before anything is chosen.
#include <prunus/core/error.hpp>
#include <prunus/kernels/detail/kernel_table.hpp>
#include <prunus/kernels/instruction_set.hpp>

#include <new>     // std::bad_alloc
#include <string>  // std::string

using kernel_tables_pointer = const prunus::detail::kernel_tables*;
extern "C" {
[[gnu::visibility("hidden")]] kernel_tables_pointer prunus_v0_kernels_baseline() noexcept;
#if defined(__x86_64__)
[[gnu::visibility("hidden")]] kernel_tables_pointer prunus_v0_kernels_avx2() noexcept;
[[gnu::visibility("hidden")]] kernel_tables_pointer prunus_v0_kernels_avx512() noexcept;
#endif
}

namespace prunus {
inline namespace v0 {

bool is_supported(instruction_set instructions) noexcept {
  switch (instructions) {
    case instruction_set::baseline:
      return true;
#if defined(__x86_64__)
    // Exactly what cmake/kernels.cmake compiles for. (The builtin also asks whether the operating
    // system saves the registers.)
    case instruction_set::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case instruction_set::avx512:
      return is_supported(instruction_set::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl");
#else
    default:
      break;
#endif
  }
  return false;
}

instruction_set best_instruction_set() noexcept {
  instruction_set best = instruction_set::baseline;
  for (const instruction_set candidate : all_instruction_sets)
    if (is_supported(candidate)) best = candidate;
  return best;
}

namespace detail {

const kernel_tables& kernels_for(instruction_set instructions) {
  if (!is_supported(instructions))
    throw argument_error(errc::unsupported,
                         concat("kernels: this processor does not run ", name_of(instructions),
                                "; ask is_supported() first, or leave the choice to "
                                "best_instruction_set(), which is ",
                                name_of(best_instruction_set()), " here"));
#if defined(__x86_64__)
  if (instructions == instruction_set::avx512) return *prunus_v0_kernels_avx512();
  if (instructions == instruction_set::avx2) return *prunus_v0_kernels_avx2();
#endif
  return *prunus_v0_kernels_baseline();
}

void raise(const kernel_failure& failure) {
  const std::string message = failure.message.data();
  if (failure.code == errc{}) throw std::bad_alloc();
  if (failure.code == errc::shape_mismatch) throw shape_error(failure.code, message);
  throw argument_error(failure.code, message);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
