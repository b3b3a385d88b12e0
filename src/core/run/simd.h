#ifndef CT_SIMD_H
#define CT_SIMD_H

/* The instruction sets for which kernels exist, narrowest first. */
typedef enum {
  CT_SIMD_BASE,   /* 128 bits: SSE2, NEON, or whatever the compiler makes of them */
  CT_SIMD_AVX2,   /* 256 bits; filters may also use FMA */
  CT_SIMD_AVX512, /* 512 bits: F, VL, DQ, BW */
  CT_SIMDS
} ct_simd;

/* The widest set that this build contains and this processor runs. */
ct_simd ct_simd_best(void);

const char *ct_simd_name(ct_simd simd);

/* Whether this build contains the x86 variants: GCC or clang on x86-64. On Windows GCC keeps 256-
 * and 512-bit spills on a stack aligned to 16 bytes and crashes, so they are left out there. */
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__) && !defined(_WIN32)
#define CT_SIMD_X86 1
#else
#define CT_SIMD_X86 0
#endif

#endif
