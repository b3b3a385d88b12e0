#ifndef CT_BLOCK_VEC_H
#define CT_BLOCK_VEC_H

/* Vectors of doubles and ints in the native width of one instruction set, for block_kernel_body.h.
 * CT_VEC is 512, 256 or 128; 128 is written with the compiler's vectors and SSE2 where it helps.
 * Wider vectors than the machine's would be lowered through memory: GCC 12 then takes three times
 * as long. */

/* A table of operations, one a line. */
/* clang-format off */

#include <string.h>

#include "run/inline.h"

#if CT_VEC >= 256 || defined(__SSE2__)
#include <immintrin.h>
#endif

#define VEC_DOUBLES (CT_VEC / 64)
#define VEC_INTS (CT_VEC / 32)

#define VEC_FLOATS (CT_VEC / 32)

/* ---- 512 bits ---- */
#if CT_VEC == 512

typedef __m512d vec;

CT_INLINE vec vec_load(const double *p) { return _mm512_loadu_pd(p); }
CT_INLINE void vec_store(double *p, vec a) { _mm512_storeu_pd(p, a); }
CT_INLINE vec vec_all(double a) { return _mm512_set1_pd(a); }
CT_INLINE vec vec_add(vec a, vec b) { return _mm512_add_pd(a, b); }
CT_INLINE vec vec_sub(vec a, vec b) { return _mm512_sub_pd(a, b); }
CT_INLINE vec vec_mul(vec a, vec b) { return _mm512_mul_pd(a, b); }
CT_INLINE vec vec_max(vec a, vec b) { return _mm512_max_pd(a, b); } /* b where one is NAN */
CT_INLINE vec vec_min(vec a, vec b) { return _mm512_min_pd(a, b); }
CT_INLINE vec vec_abs(vec a) { return _mm512_abs_pd(a); }
CT_INLINE vec vec_sqrt(vec a) { return _mm512_sqrt_pd(a); }
CT_INLINE unsigned vec_at_most(vec a, double b) {
  return _mm512_cmp_pd_mask(a, _mm512_set1_pd(b), _CMP_LE_OQ);
}

/* Bit j: row[j] < limit, for 8 rows. */
CT_INLINE unsigned rows_below(const int *row, int limit) {
  return _mm256_cmplt_epi32_mask(_mm256_loadu_si256((const __m256i *)row),
                                 _mm256_set1_epi32(limit));
}

/* The slots of VEC_DOUBLES points. */
typedef __m256i slotvec;

CT_INLINE slotvec slots_load(const int *p) { return _mm256_loadu_si256((const __m256i *)p); }
CT_INLINE slotvec slots_from(int first) {
  return _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Writes the keys and slots whose bits are set; returns their number. Whole vectors are written. */
CT_INLINE int append(vec key, slotvec slot, unsigned bits, double *keys, int *slots) {
  _mm512_storeu_pd(keys, _mm512_maskz_compress_pd((__mmask8)bits, key));
  _mm256_storeu_si256((__m256i *)slots, _mm256_maskz_compress_epi32((__mmask8)bits, slot));
  return __builtin_popcount(bits);
}

typedef __m512i ivec;

CT_INLINE ivec ivec_load(const int *p) { return _mm512_loadu_si512(p); }
CT_INLINE void ivec_store(int *p, ivec a) { _mm512_storeu_si512(p, a); }
CT_INLINE ivec ivec_all(int a) { return _mm512_set1_epi32(a); }
/* count + 1 where a > b */
CT_INLINE ivec ivec_count_above(ivec count, ivec a, ivec b) {
  return _mm512_mask_add_epi32(count, _mm512_cmpgt_epi32_mask(a, b), count, _mm512_set1_epi32(1));
}

/* Truncated to ints, at p. */
CT_INLINE void vec_store_ints(int *p, vec a) {
  _mm256_storeu_si256((__m256i *)p, _mm512_cvttpd_epi32(a));
}

typedef __m512 fvec;

CT_INLINE void vec_store_floats(float *p, vec a) { _mm256_storeu_ps(p, _mm512_cvtpd_ps(a)); }

CT_INLINE fvec fvec_load(const float *p) { return _mm512_loadu_ps(p); }
CT_INLINE void fvec_store(float *p, fvec a) { _mm512_storeu_ps(p, a); }
CT_INLINE fvec fvec_all(float a) { return _mm512_set1_ps(a); }
CT_INLINE fvec fvec_half(fvec a) { return _mm512_mul_ps(a, _mm512_set1_ps(0.5f)); }
/* a + b b and a - b c, fused where that is as fast */
CT_INLINE fvec fvec_plus_square(fvec a, fvec b) { return _mm512_fmadd_ps(b, b, a); }
CT_INLINE fvec fvec_minus_product(fvec a, fvec b, fvec c) { return _mm512_fnmadd_ps(b, c, a); }
CT_INLINE unsigned fvec_not_greater(fvec a, float b) {
  return _mm512_cmp_ps_mask(a, _mm512_set1_ps(b), _CMP_NGT_UQ);
}

/* ---- 256 bits ---- */
#elif CT_VEC == 256

typedef __m256d vec;

CT_INLINE vec vec_load(const double *p) { return _mm256_loadu_pd(p); }
CT_INLINE void vec_store(double *p, vec a) { _mm256_storeu_pd(p, a); }
CT_INLINE vec vec_all(double a) { return _mm256_set1_pd(a); }
CT_INLINE vec vec_add(vec a, vec b) { return _mm256_add_pd(a, b); }
CT_INLINE vec vec_sub(vec a, vec b) { return _mm256_sub_pd(a, b); }
CT_INLINE vec vec_mul(vec a, vec b) { return _mm256_mul_pd(a, b); }
CT_INLINE vec vec_max(vec a, vec b) { return _mm256_max_pd(a, b); }
CT_INLINE vec vec_min(vec a, vec b) { return _mm256_min_pd(a, b); }
CT_INLINE vec vec_abs(vec a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
CT_INLINE vec vec_sqrt(vec a) { return _mm256_sqrt_pd(a); }
CT_INLINE unsigned vec_at_most(vec a, double b) {
  return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a, _mm256_set1_pd(b), _CMP_LE_OQ));
}

CT_INLINE unsigned rows_below(const int *row, int limit) {
  __m256i below =
      _mm256_cmpgt_epi32(_mm256_set1_epi32(limit), _mm256_loadu_si256((const __m256i *)row));
  return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(below));
}

/* The set bits of 0 .. 15, first ones first. */
static const int set_bits[16][4] = {
    {0, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {2, 0, 0, 0}, {0, 2, 0, 0},
    {1, 2, 0, 0}, {0, 1, 2, 0}, {3, 0, 0, 0}, {0, 3, 0, 0}, {1, 3, 0, 0}, {0, 1, 3, 0},
    {2, 3, 0, 0}, {0, 2, 3, 0}, {1, 2, 3, 0}, {0, 1, 2, 3}};

typedef __m128i slotvec;

CT_INLINE slotvec slots_load(const int *p) { return _mm_loadu_si128((const __m128i *)p); }
CT_INLINE slotvec slots_from(int first) {
  return _mm_add_epi32(_mm_set1_epi32(first), _mm_setr_epi32(0, 1, 2, 3));
}

CT_INLINE int append(vec key, slotvec slot, unsigned bits, double *keys, int *slots) {
  __m128i lane = _mm_loadu_si128((const __m128i *)set_bits[bits]);
  /* a double is moved as two ints: 2 lane, 2 lane + 1 */
  __m128i even = _mm_slli_epi32(lane, 1), odd = _mm_or_si128(even, _mm_set1_epi32(1));
  __m256i halves = _mm256_set_m128i(_mm_unpackhi_epi32(even, odd), _mm_unpacklo_epi32(even, odd));
  __m256 moved = _mm256_permutevar8x32_ps(_mm256_castpd_ps(key), halves);
  _mm256_storeu_pd(keys, _mm256_castps_pd(moved));
  __m128 moved_slot = _mm_permutevar_ps(_mm_castsi128_ps(slot), lane);
  _mm_storeu_si128((__m128i *)slots, _mm_castps_si128(moved_slot));
  return __builtin_popcount(bits);
}

typedef __m256i ivec;

CT_INLINE ivec ivec_load(const int *p) { return _mm256_loadu_si256((const __m256i *)p); }
CT_INLINE void ivec_store(int *p, ivec a) { _mm256_storeu_si256((__m256i *)p, a); }
CT_INLINE ivec ivec_all(int a) { return _mm256_set1_epi32(a); }
CT_INLINE ivec ivec_count_above(ivec count, ivec a, ivec b) {
  return _mm256_sub_epi32(count, _mm256_cmpgt_epi32(a, b));
}

CT_INLINE void vec_store_ints(int *p, vec a) {
  _mm_storeu_si128((__m128i *)p, _mm256_cvttpd_epi32(a));
}

typedef __m256 fvec;

CT_INLINE void vec_store_floats(float *p, vec a) { _mm_storeu_ps(p, _mm256_cvtpd_ps(a)); }

CT_INLINE fvec fvec_load(const float *p) { return _mm256_loadu_ps(p); }
CT_INLINE void fvec_store(float *p, fvec a) { _mm256_storeu_ps(p, a); }
CT_INLINE fvec fvec_all(float a) { return _mm256_set1_ps(a); }
CT_INLINE fvec fvec_half(fvec a) { return _mm256_mul_ps(a, _mm256_set1_ps(0.5f)); }
CT_INLINE fvec fvec_plus_square(fvec a, fvec b) { return _mm256_fmadd_ps(b, b, a); }
CT_INLINE fvec fvec_minus_product(fvec a, fvec b, fvec c) { return _mm256_fnmadd_ps(b, c, a); }
CT_INLINE unsigned fvec_not_greater(fvec a, float b) {
  return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, _mm256_set1_ps(b), _CMP_NGT_UQ));
}

/* ---- 128 bits ---- */
#else

typedef double vec __attribute__((vector_size(16)));
typedef long long vec_bits __attribute__((vector_size(16)));
typedef int ivec __attribute__((vector_size(16)));

CT_INLINE vec vec_load(const double *p) {
  vec a;
  memcpy(&a, p, sizeof a);
  return a;
}
CT_INLINE void vec_store(double *p, vec a) { memcpy(p, &a, sizeof a); }
CT_INLINE vec vec_all(double a) { return (vec){a, a}; }
CT_INLINE vec vec_add(vec a, vec b) { return a + b; }
CT_INLINE vec vec_sub(vec a, vec b) { return a - b; }
CT_INLINE vec vec_mul(vec a, vec b) { return a * b; }
CT_INLINE vec vec_abs(vec a) { return (vec)((vec_bits)a & ~(vec_bits)vec_all(-0.0)); }

#if defined(__SSE2__)
CT_INLINE vec vec_max(vec a, vec b) { return (vec)_mm_max_pd((__m128d)a, (__m128d)b); }
CT_INLINE vec vec_min(vec a, vec b) { return (vec)_mm_min_pd((__m128d)a, (__m128d)b); }
CT_INLINE vec vec_sqrt(vec a) { return (vec)_mm_sqrt_pd((__m128d)a); }
CT_INLINE unsigned vec_at_most(vec a, double b) {
  return (unsigned)_mm_movemask_pd(_mm_cmple_pd((__m128d)a, _mm_set1_pd(b)));
}
#else
CT_INLINE vec vec_select(vec_bits which, vec a, vec b) {
  return (vec)((which & (vec_bits)a) | (~which & (vec_bits)b));
}
CT_INLINE vec vec_max(vec a, vec b) { return vec_select((vec_bits)(a > b), a, b); }
CT_INLINE vec vec_min(vec a, vec b) { return vec_select((vec_bits)(a < b), a, b); }
CT_INLINE vec vec_sqrt(vec a) { return (vec){sqrt(a[0]), sqrt(a[1])}; }
CT_INLINE unsigned vec_at_most(vec a, double b) {
  return (unsigned)(a[0] <= b) | (unsigned)(a[1] <= b) << 1;
}
#endif

CT_INLINE unsigned rows_below(const int *row, int limit) {
  unsigned bits = 0;
  for (int j = 0; j < 8; j++) bits |= (unsigned)(row[j] < limit) << j;
  return bits;
}

typedef struct {
  int first, second;
} slotvec;

CT_INLINE slotvec slots_load(const int *p) { return (slotvec){p[0], p[1]}; }
CT_INLINE slotvec slots_from(int first) { return (slotvec){first, first + 1}; }

CT_INLINE int append(vec key, slotvec slot, unsigned bits, double *keys, int *slots) {
  /* both are written, the second one over the first where that is not wanted */
  int second = (int)(bits & 1);
  keys[0] = key[0];
  slots[0] = slot.first;
  keys[second] = key[1];
  slots[second] = slot.second;
  return second + (int)(bits >> 1);
}

CT_INLINE void vec_store_ints(int *p, vec a) { p[0] = (int)a[0], p[1] = (int)a[1]; }

CT_INLINE ivec ivec_load(const int *p) {
  ivec a;
  memcpy(&a, p, sizeof a);
  return a;
}
CT_INLINE void ivec_store(int *p, ivec a) { memcpy(p, &a, sizeof a); }
CT_INLINE ivec ivec_all(int a) { return (ivec){a, a, a, a}; }
CT_INLINE ivec ivec_count_above(ivec count, ivec a, ivec b) { return count - (ivec)(a > b); }

typedef float fvec __attribute__((vector_size(16)));

CT_INLINE fvec fvec_load(const float *p) {
  fvec a;
  memcpy(&a, p, sizeof a);
  return a;
}
CT_INLINE void fvec_store(float *p, fvec a) { memcpy(p, &a, sizeof a); }
CT_INLINE fvec fvec_all(float a) { return (fvec){a, a, a, a}; }
CT_INLINE fvec fvec_half(fvec a) { return a * fvec_all(0.5f); }
CT_INLINE fvec fvec_plus_square(fvec a, fvec b) { return a + b * b; }
CT_INLINE fvec fvec_minus_product(fvec a, fvec b, fvec c) { return a - b * c; }
#if defined(__SSE2__)
CT_INLINE void vec_store_floats(float *p, vec a) {
  _mm_storel_epi64((__m128i *)p, _mm_castps_si128(_mm_cvtpd_ps((__m128d)a)));
}
CT_INLINE unsigned fvec_not_greater(fvec a, float b) {
  return (unsigned)_mm_movemask_ps(_mm_cmpngt_ps((__m128)a, _mm_set1_ps(b)));
}
#else
CT_INLINE void vec_store_floats(float *p, vec a) { p[0] = (float)a[0], p[1] = (float)a[1]; }
CT_INLINE unsigned fvec_not_greater(fvec a, float b) {
  unsigned bits = 0;
  for (int j = 0; j < 4; j++) bits |= (unsigned)!(a[j] > b) << j;
  return bits;
}
#endif

#endif

CT_INLINE double vec_least(vec a) {
  double lane[VEC_DOUBLES];
  vec_store(lane, a);
  double least = lane[0];
  for (int j = 1; j < VEC_DOUBLES; j++) least = lane[j] < least ? lane[j] : least;
  return least;
}

CT_INLINE double vec_largest(vec a) { return -vec_least(vec_sub(vec_all(0), a)); }

#endif
