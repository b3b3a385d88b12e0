#ifndef CT_NET_H
#define CT_NET_H

#include <stdint.h>

#include "noise.h"

/* The index side of the two-frame search (two_frame.c has the mathematics): centres, the balls of
 * points around them, a frame of centres for each ball, every point's coordinates in its ball's
 * frame, and the table of the correlations of all centres with all points. */

#define CT_FRAME_MAX 16 /* centres in a frame: 8 or 16 */
#define CT_NEAR 32      /* balls that a ball knows as its nearest, itself first */
#define CT_LANES 8      /* members of a ball are padded to a multiple of it */

/* One step of a 16-bit correlation. 1.02 still fits, so a correlation that rounding lifts above 1
 * does too. */
#define CT_TABLE_STEPS 32000.0
#define CT_TABLE_ERROR (0.5 / CT_TABLE_STEPS * (1 + 1e-9))

/* Points laid out by balls: those of the index, or new points. A ball's members stand by row, one
 * after the other; arrays of padded length hold blocks of ld = padded[b + 1] - padded[b] lanes. */
typedef struct {
  const ct_residual *points;
  int count;        /* members in all */
  int *position;    /* count, of points */
  int *row;         /* count: of the index; new points: as position */
  int *ball;        /* count */
  int *start;       /* balls + 1: members of ball b are start[b] .. start[b + 1] - 1 */
  size_t *padded;   /* balls + 1 */
  size_t lanes;     /* the last of padded: lanes in all */
  float *w;         /* frame * ld a ball, coordinate by coordinate: the point in its ball's frame */
  float *alpha;     /* frame * ld a ball: the same as coefficients of the frame's centres */
  float *residual;  /* bound on the norm of what the frame does not explain */
  float *w_norm;    /* bound on |w| */
  float *alpha_sum; /* bound on sum |alpha| */
  float *noise;     /* bound on each one's noise (noise.h) */
  int16_t *table;   /* balls * ld a ball: row c holds the members' correlations with centre c */
} ct_members;

static inline int ct_members_width(const ct_members *members, int b) {
  return (int)(members->padded[b + 1] - members->padded[b]);
}

typedef struct {
  const ct_residual *index;
  ct_pairs pairs;
  int frame_size;
  int count;         /* of balls */
  int sound;         /* whether the correlations behave as those of a process, see two_frame.c */
  ct_noise noise;
  double *noise_of;  /* of each position of the index; not kept, members have theirs */
  double *norm;      /* |V| of each position of the index */
  ct_members members;
  int *centre; /* position of each ball's centre */
  int *near;   /* count * CT_NEAR balls, by correlation of the centres, -1 when there are fewer */
  int *frame;  /* count * frame_size: the first of near */
  float *gram; /* count * gram_step: correlations of the centres */
  int gram_step;
  float *whiten;  /* count * frame_size^2: M, lower triangular, about the inverse Cholesky factor */
  float *lift;    /* bound on sqrt(frame_size) |M| */
  float *stretch; /* bound on |M G M' - I| */
  float *eta;     /* bound on how much of a member's residual its frame still explains */
  float *frame_noise;                      /* largest noise of the frame's centres */
  float *max_w, *max_residual, *max_noise; /* over the members of each ball */
  int *min_row;
  float centre_noise; /* the largest of all centres and */
  float noise_most;   /* of all members */
  float *reach;       /* count * count: reach[a * count + b] bounds |M_a rho(frame a, x)|, x in b */
} ct_net;

/* All of a net but its table: chooses the radius (<= 0) and the frame size (0) where they are not
 * given. asking: new points that will ask, or NULL. *built: 0 when most balls do not cover the
 * points, or they are no correlations (two_frame.c); then the scan must do. */
ct_status ct_net_build(ct_net *net, const ct_residual *index, const ct_residual *asking,
                       double radius, int frame_size, int most, int *built, double done,
                       double share, ct_stats *stats, const ct_run *run);

/* Whether the noise of a net holds for new points, too. */
int ct_net_holds_for(const ct_net *net, const ct_residual *asking);

/* Finds centres greedily until every point that can be measured lies within radius of one, or there
 * are most of them; assigns every point to a ball. *covered: the share of the points that found
 * one; only a net of 1 is of use. */
ct_status ct_net_cover(ct_net *net, const ct_residual *index, double radius, int most,
                       double *covered, double done, double share, ct_stats *stats,
                       const ct_run *run);

/* Gram matrix, frames, and the members' coordinates. */
ct_status ct_net_frames(ct_net *net, int frame_size, double done, double share, ct_stats *stats,
                        const ct_run *run);

/* Members from an assignment: ball_of[i] of each of points, -1: in none. position: of each row of
 * an index; NULL for new points, which stand as they come. */
ct_status ct_members_lay_out(ct_members *members, const ct_residual *points, const int *position,
                             const int *ball_of, int balls, const ct_run *run);

/* Coordinates of members in the frames of their balls. noise: of members->points. net->sound becomes 0
 * when a norm comes out negative by more than noise. */
ct_status ct_members_coordinates(ct_members *members, const double *noise, ct_net *net, double done,
                                 double share, ct_stats *stats, const ct_run *run);

/* The table is filled in parts: members first .. last - 1 against the centres of the listed balls,
 * NULL: all. Scratch lives from ct_table_new() on and serves all parts. */
typedef struct ct_table_work ct_table_work;

ct_status ct_table_new(ct_table_work **work, const ct_net *net, const ct_run *run);

ct_status ct_table_fill(ct_table_work *work, ct_members *members, int first, int last,
                        const int *ball, int balls, double done, double share, ct_stats *stats,
                        const ct_run *run);

/* reach[] of the frames of the listed balls (NULL: all) from the table of the net's members. */
ct_status ct_net_reach(ct_net *net, const int *ball, int balls, double done, double share,
                       const ct_run *run);

/* Lays out new points in the balls of their best centres among those nearest in input space. */
ct_status ct_members_of_new(ct_members *members, const ct_net *net, const ct_residual *points,
                            double done, ct_stats *stats, const ct_run *run);

#endif
