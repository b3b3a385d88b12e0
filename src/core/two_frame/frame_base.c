/* The two-frame search's kernels on 128-bit vectors: SSE2, NEON, or whatever the compiler makes of
 * them. */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=fast")
#endif

#define CT_KERNELS ct_frame_base
#define INTS16(p) ((fmask){(p)[0], (p)[1], (p)[2], (p)[3], (p)[4], (p)[5], (p)[6], (p)[7]})
#define FLOATS(v)                                                                    \
  ((fvec){(float)(v)[0], (float)(v)[1], (float)(v)[2], (float)(v)[3], (float)(v)[4], \
          (float)(v)[5], (float)(v)[6], (float)(v)[7]})
typedef short fshort __attribute__((vector_size(32)));
/* Products of bytes have 15 bits, sums of two 16: integers that every machine multiplies. */
#define DOT4(sum, u, s)                                                              \
  do {                                                                               \
    fshort u_ = (fshort)(u), s_ = (fshort)(s);                                       \
    fmask two_ = (fmask)((u_ & 255) * (s_ << 8 >> 8) + (u_ >> 8 & 255) * (s_ >> 8)); \
    (sum) += (two_ << 16 >> 16) + (two_ >> 16);                                      \
  } while (0)
#define FMAX(a, b) ((fvec)(((fmask)(a) & ((a) > (b))) | ((fmask)(b) & ~((a) > (b)))))
#define ROOT(v)                                              \
  do {                                                       \
    for (int i_ = 0; i_ < 8; i_++) (v)[i_] = sqrtf((v)[i_]); \
  } while (0)
typedef long long fquad __attribute__((vector_size(32)));
#define MASK_GE(bits, a, b)                                                      \
  do {                                                                           \
    fmask above_ = (a) >= (b);                                                   \
    fquad any_ = (fquad)above_;                                                  \
    (bits) = 0;                                                                  \
    if ((any_[0] | any_[1]) | (any_[2] | any_[3]))                               \
      for (int i_ = 0; i_ < 8; i_++) (bits) |= (unsigned)(above_[i_] & 1) << i_; \
  } while (0)
#define QUANTIZE(p, q)                                                                 \
  do {                                                                                 \
    for (int i_ = 0; i_ < 8; i_++) {                                                   \
      double steps_ = rint((p)[i_]);                                                   \
      (q)[i_] = (int16_t)(steps_ < -32767 ? -32767 : steps_ > 32767 ? 32767 : steps_); \
    }                                                                                  \
  } while (0)

#include "two_frame/frame_body.h"
