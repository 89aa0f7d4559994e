// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>  // std::uint64_t

#if defined(__x86_64__) || defined(_M_X64) || defined(__SSE3__)
#include <pmmintrin.h>  // _MM_DENORMALS_ZERO_MASK
#include <xmmintrin.h>  // _mm_getcsr, _mm_setcsr, _MM_FLUSH_ZERO_MASK
#endif

namespace prunus {
inline namespace v0 {
namespace detail {

#if defined(__x86_64__) || defined(_M_X64) || defined(__SSE3__)

inline constexpr bool can_flush_denormals = true;
inline constexpr std::uint64_t flush_denormals_mask = _MM_FLUSH_ZERO_MASK | _MM_DENORMALS_ZERO_MASK;
[[nodiscard]] inline std::uint64_t floating_point_control() noexcept { return _mm_getcsr(); }
inline void set_floating_point_control(std::uint64_t control) noexcept {
  _mm_setcsr(static_cast<unsigned int>(control));
}

#elif defined(__aarch64__) && defined(__GNUC__)

inline constexpr bool can_flush_denormals = true;
inline constexpr std::uint64_t flush_denormals_mask = std::uint64_t{1} << 24;  // FPCR.FZ
[[nodiscard]] inline std::uint64_t floating_point_control() noexcept {
  std::uint64_t control = 0;
  __asm__ __volatile__("mrs %0, fpcr" : "=r"(control));
  return control;
}
inline void set_floating_point_control(std::uint64_t control) noexcept {
  __asm__ __volatile__("msr fpcr, %0" : : "r"(control));
}

#else

inline constexpr bool can_flush_denormals = false;
inline constexpr std::uint64_t flush_denormals_mask = 0;
[[nodiscard]] inline std::uint64_t floating_point_control() noexcept { return 0; }
inline void set_floating_point_control(std::uint64_t) noexcept {}

#endif

}  // namespace detail

/// While it lives, denormal numbers count as zero on this thread.
///
/// Weights that decay towards zero, as soft pruning makes them, pass through the denormal range
/// (below 1.2e-38 in float), where many processors compute ten to a hundred times slower. A
/// measurement would then time the denormals instead of the network.
///
/// Sets flush-to-zero and denormals-are-zero on x86 (MXCSR) and FZ on AArch64 (FPCR); elsewhere it
/// does nothing and `supported` is false. The destructor gives back what was set before and leaves
/// the rest of the control word (rounding mode, exception flags) as it then is. Guards nest.
///
/// It covers the thread that made it, no other: threads started meanwhile may or may not inherit
/// the setting, so make a guard in each. The compiler may move arithmetic in the same function
/// across the guard's construction; arithmetic behind a call that is not inlined stays inside.
class denormal_guard {
 public:
  static constexpr bool supported = detail::can_flush_denormals;

  denormal_guard() noexcept : before_(detail::floating_point_control()) {
    detail::set_floating_point_control(before_ | detail::flush_denormals_mask);
  }
  ~denormal_guard() {
    const std::uint64_t rest = detail::floating_point_control() & ~detail::flush_denormals_mask;
    detail::set_floating_point_control(rest | (before_ & detail::flush_denormals_mask));
  }
  denormal_guard(const denormal_guard&) = delete;
  denormal_guard& operator=(const denormal_guard&) = delete;
  denormal_guard(denormal_guard&&) = delete;
  denormal_guard& operator=(denormal_guard&&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace v0
}  // namespace prunus
