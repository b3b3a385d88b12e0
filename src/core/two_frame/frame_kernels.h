#ifndef CT_FRAME_KERNELS_H
#define CT_FRAME_KERNELS_H

#include "two_frame/net.h"

/* The inner loops of the two-frame search, in float, for one ball at a time. two_frame.c derives
 * what they compute; all arrays of lanes are padded to CT_FRAME_LANES and hold harmless values
 * there. */

/* A group of queries of ball A, up to CT_GROUP_LANES lanes of its block. */
#define CT_GROUP_LANES 64

/* Coordinates of queries in bytes are at most so many steps: then the sum of two products with
 * unsigned bytes has 16 bits. Those of members have CT_SIEVE_W steps on each side of 128. */
#define CT_SIEVE_STEPS 63
#define CT_SIEVE_W 127
#define CT_WORDS (CT_FRAME_MAX / 4)

typedef struct {
  int lanes;                                  /* a multiple of CT_FRAME_LANES */
  float alpha[CT_FRAME_MAX * CT_GROUP_LANES]; /* coordinate by coordinate */
  const float *w_norm;                        /* at the group's first lane, as residual */
  const float *residual;
  const float *gram; /* balls * frame_size: correlations of each centre with the frame of A */
  float least[CT_GROUP_LANES]; /* proved lower bound of the k-th |rho|; 2 where nobody asks */
  float slack[CT_GROUP_LANES]; /* S_q */
  float doubt[CT_GROUP_LANES]; /* error of one entry of P_B e_q before it is whitened */
  float drift[CT_GROUP_LANES]; /* g_q */
  float skip[CT_GROUP_LANES /
             CT_FRAME_LANES]; /* no query of these lanes needs a ball whose reach is below */
  float skip_least;           /* the least of them */
  float bar[CT_GROUP_LANES];  /* the query needs no ball whose top is below */
  float bar_least;
  /* in bytes (two_frame_sieve.c), four coordinates a word */
  int alpha_word[CT_WORDS * CT_GROUP_LANES];
  float alpha_step[CT_GROUP_LANES]; /* of a product with a byte of the table */
  float alpha_base[CT_GROUP_LANES]; /* what the bytes' offsets add to */
  float blur[CT_GROUP_LANES];       /* how far bytes put a sum with the table off */
} ct_group;

typedef struct {
  int ball;
  int lanes;
  int members;
  const int *frame; /* frame_size balls */
  const float *whiten;
  const float *alpha; /* member by member */
  const int *w_word;  /* frame_size / 4 * lanes */
  float w_step;       /* of these bytes */
  float w_off;        /* bound on |w - w in bytes| */
  float frame_root;   /* sqrt(frame_size) / 2 */
  const float *residual;
  const int16_t *row[CT_FRAME_MAX];   /* this ball's rows of the table for the frame of A */
  const int16_t *asked[CT_FRAME_MAX]; /* and A's for this ball's frame, at the group's first lane */
  float reach;                        /* of the frame of A into this ball */
  float lift;
  float shrink; /* 1 / (1 + stretch) */
  float eta;
  float max_w;
  float max_residual;
  float max_drift;
} ct_target;

/* What the projection leaves for the estimates of one ball. */
typedef struct {
  ct_target target;
  int active; /* queries whose bound for the ball does not reject it */
  int lane[CT_GROUP_LANES];
  float *z;                   /* frame_size * CT_GROUP_LANES: what is left of the query's */
                              /* correlations with the frame's centres */
  float rest[CT_GROUP_LANES]; /* norm of what neither frame explains of the query */
  float need[CT_GROUP_LANES]; /* |estimate| + rest * residual must reach it */
  int y_word[CT_WORDS * CT_GROUP_LANES];
  float y_step[CT_GROUP_LANES];
  float base[CT_GROUP_LANES];
  float sieve[CT_GROUP_LANES]; /* need of an estimate from bytes */
} ct_opened;

typedef struct {
  /* out[r * CT_PANEL + l] = c * row_scale[r] * lane_scale[l] in steps of the table. */
  void (*quantize)(const double *c, const double *row_scale, const double *lane_scale,
                   int16_t *out);
  /* The largest |M rho|^2, in squared steps, over the lanes of a block: row[k] is the table's row
   * of the frame's centre k. */
  float (*reach)(const float *whiten, const int16_t *const *row, int lanes);
  /* Projects the group on the frame of a ball. */
  void (*project)(const ct_group *group, ct_opened *opened);
  /* The high bytes of a table's rows, four rows a word: frame_size / 4 * lanes words. */
  void (*pack)(const int16_t *const *row, int lanes, int *cell);
  /* Members below limit that bytes do not reject for the query in an active lane of an opened ball,
   * cell its packed rows. Returns their number. */
  int (*sieve)(const ct_group *group, const ct_opened *opened, const int *cell, int lane, int limit,
               int *member);
  /* |estimate| of a member. */
  float (*estimate)(const ct_group *group, const ct_opened *opened, int lane, int member);
} ct_frame_kernels;

/* For frame sizes 8 and 16. */
extern const ct_frame_kernels ct_frame_base[2], ct_frame_avx2[2], ct_frame_avx512[2];

const ct_frame_kernels *ct_frame_kernels_of(ct_simd simd, int frame_size);

#endif
