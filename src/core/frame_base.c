/* The two-frame search's kernels on 128-bit vectors: SSE2, NEON, or whatever the compiler makes of
 * them. */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=fast")
#endif

#define CT_KERNELS ct_frame_base
#define LOAD16(p) ((fvec){(p)[0], (p)[1], (p)[2], (p)[3], (p)[4], (p)[5], (p)[6], (p)[7]})
#define FMAX(a, b) ((fvec)(((fmask)(a) & ((a) > (b))) | ((fmask)(b) & ~((a) > (b)))))
#define ROOT(v)                                              \
  do {                                                       \
    for (int i_ = 0; i_ < 8; i_++) (v)[i_] = sqrtf((v)[i_]); \
  } while (0)
#define MASK_GE(bits, a, b)                                                    \
  do {                                                                         \
    fmask above_ = (a) >= (b);                                                 \
    (bits) = 0;                                                                \
    for (int i_ = 0; i_ < 8; i_++) (bits) |= (unsigned)(above_[i_] & 1) << i_; \
  } while (0)
#define QUANTIZE(p, q)                                                                 \
  do {                                                                                 \
    for (int i_ = 0; i_ < 8; i_++) {                                                   \
      double steps_ = rint((p)[i_]);                                                   \
      (q)[i_] = (int16_t)(steps_ < -32767 ? -32767 : steps_ > 32767 ? 32767 : steps_); \
    }                                                                                  \
  } while (0)

#include "frame_body.h"
