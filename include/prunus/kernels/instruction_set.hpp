// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <string_view>  // std::string_view

namespace prunus {
inline namespace v0 {

/// What `prunus::kernels` was compiled for, from the least to the most that a processor can offer.
enum class instruction_set {
  baseline,  ///< what every processor of the architecture has: SSE2 on x86-64, NEON on AArch64
  avx2,      ///< x86-64 with AVX2 and FMA: Intel since 2013, AMD since 2015
  avx512,    ///< x86-64 with AVX-512 F, DQ, BW and VL
};

inline constexpr std::array all_instruction_sets = {instruction_set::baseline,
                                                    instruction_set::avx2, instruction_set::avx512};

[[nodiscard]] constexpr std::string_view name_of(instruction_set instructions) noexcept {
  switch (instructions) {
    case instruction_set::baseline:
      return "baseline";
    case instruction_set::avx2:
      return "avx2";
    case instruction_set::avx512:
      return "avx512";
  }
  return "?";
}

/// Whether the library holds code for it and this processor, with this operating system, runs it.
[[nodiscard]] bool is_supported(instruction_set instructions) noexcept;

/// The last that is supported. Depends on the processor alone; the environment is not asked.
[[nodiscard]] instruction_set best_instruction_set() noexcept;

}  // namespace v0
}  // namespace prunus
