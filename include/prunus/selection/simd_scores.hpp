// SPDX-License-Identifier: MIT
#pragma once

#include <bit>          // std::popcount
#include <cstdint>      // std::uint32_t, std::uint64_t
#include <type_traits>  // std::conditional_t

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>  // a tenth of the other to compile
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/// The few vector instructions that compilers do not find by themselves: comparisons as a mask of
/// bits, so that the rare score of interest is found without looking at all. Where an instruction
/// set has none, the loops that use them have a plain twin.
namespace prunus {
inline namespace v0 {
namespace detail {

/// An unsigned integer as wide as a score.
template <class T>
using score_bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

/// The bits of a score without its sign: those of its magnitude, in the order of magnitudes.
template <class T>
inline constexpr score_bits<T> magnitude_bits = static_cast<score_bits<T>>(~score_bits<T>{0} >> 1);

/// `vector` holds `count` scores, `lanes` one answer each, `counts` one integer each. `put` writes
/// the chosen scores of a vector in order, returns where they end, and may spoil what a whole
/// vector from `to` on covers; without an instruction for it there is none.
template <class T>
struct simd_scores {
  static constexpr bool available = false;
};

#if defined(__AVX512F__)

template <>
struct simd_scores<float> {
  static constexpr bool available = true;
  static constexpr int count = 16;
  using vector = __m512;
  using lanes = __mmask16;
  using counts = __m512i;
  static vector all(float x) { return _mm512_set1_ps(x); }
  static vector load(const float* x) { return _mm512_loadu_ps(x); }
  static vector magnitude(vector v) { return _mm512_abs_ps(v); }
  static lanes less(vector a, vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static lanes not_above(vector a, vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
  static unsigned first_not_second(lanes a, lanes b) { return a & ~unsigned{b}; }
  static float* put(float* to, vector v, unsigned chosen) {
    _mm512_storeu_ps(to, _mm512_maskz_compress_ps(static_cast<lanes>(chosen), v));
    return to + std::popcount(chosen);
  }
  static counts none() { return _mm512_setzero_si512(); }
  static counts count_up(counts n, lanes k) {
    return _mm512_mask_sub_epi32(n, k, n, _mm512_set1_epi32(-1));
  }
};

template <>
struct simd_scores<double> {
  static constexpr bool available = true;
  static constexpr int count = 8;
  using vector = __m512d;
  using lanes = __mmask8;
  using counts = __m512i;
  static vector all(double x) { return _mm512_set1_pd(x); }
  static vector load(const double* x) { return _mm512_loadu_pd(x); }
  static vector magnitude(vector v) { return _mm512_abs_pd(v); }
  static lanes less(vector a, vector b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
  static lanes not_above(vector a, vector b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
  static unsigned first_not_second(lanes a, lanes b) { return a & ~unsigned{b}; }
  static double* put(double* to, vector v, unsigned chosen) {
    _mm512_storeu_pd(to, _mm512_maskz_compress_pd(static_cast<lanes>(chosen), v));
    return to + std::popcount(chosen);
  }
  static counts none() { return _mm512_setzero_si512(); }
  static counts count_up(counts n, lanes k) {
    return _mm512_mask_sub_epi64(n, k, n, _mm512_set1_epi64(-1));
  }
};

#elif defined(__AVX2__)

template <>
struct simd_scores<float> {
  static constexpr bool available = true;
  static constexpr int count = 8;
  using vector = __m256;
  using lanes = __m256;
  using counts = __m256i;
  static vector all(float x) { return _mm256_set1_ps(x); }
  static vector load(const float* x) { return _mm256_loadu_ps(x); }
  static vector magnitude(vector v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v); }
  static lanes less(vector a, vector b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static lanes not_above(vector a, vector b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
  static unsigned first_not_second(lanes a, lanes b) {
    return static_cast<unsigned>(_mm256_movemask_ps(_mm256_andnot_ps(b, a)));
  }
  static counts none() { return _mm256_setzero_si256(); }
  static counts count_up(counts n, lanes k) { return _mm256_sub_epi32(n, _mm256_castps_si256(k)); }
};

#elif defined(__SSE2__)

template <>
struct simd_scores<float> {
  static constexpr bool available = true;
  static constexpr int count = 4;
  using vector = __m128;
  using lanes = __m128;
  using counts = __m128i;
  static vector all(float x) { return _mm_set1_ps(x); }
  static vector load(const float* x) { return _mm_loadu_ps(x); }
  static vector magnitude(vector v) { return _mm_andnot_ps(_mm_set1_ps(-0.0F), v); }
  static lanes less(vector a, vector b) { return _mm_cmplt_ps(a, b); }
  static lanes not_above(vector a, vector b) { return _mm_cmple_ps(a, b); }
  static unsigned first_not_second(lanes a, lanes b) {
    return static_cast<unsigned>(_mm_movemask_ps(_mm_andnot_ps(b, a)));
  }
  static counts none() { return _mm_setzero_si128(); }
  static counts count_up(counts n, lanes k) { return _mm_sub_epi32(n, _mm_castps_si128(k)); }
};

#elif defined(__aarch64__) && defined(__ARM_NEON)

template <>
struct simd_scores<float> {
  static constexpr bool available = true;
  static constexpr int count = 4;
  using vector = float32x4_t;
  using lanes = uint32x4_t;
  using counts = uint32x4_t;
  static vector all(float x) { return vdupq_n_f32(x); }
  static vector load(const float* x) { return vld1q_f32(x); }
  static vector magnitude(vector v) { return vabsq_f32(v); }
  static lanes less(vector a, vector b) { return vcltq_f32(a, b); }
  static lanes not_above(vector a, vector b) { return vcleq_f32(a, b); }
  static unsigned first_not_second(lanes a, lanes b) {
    const uint32x4_t bits = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vbicq_u32(a, b), bits));
  }
  static counts none() { return vdupq_n_u32(0); }
  static counts count_up(counts n, lanes k) { return vsubq_u32(n, k); }
};

#endif

}  // namespace detail
}  // namespace v0
}  // namespace prunus
