#ifndef CT_NET_H
#define CT_NET_H

#include <stdint.h>

#include "pairs/drift.h"
#include "pairs/pair_mixed.h"

/* The index side of the two-frame search (two_frame.c has the mathematics): centres, the balls of
 * points around them, a frame of centres for each ball, every point's coordinates in its ball's
 * frame, and the table of the correlations of all centres with all points. */

#define CT_FRAME_MAX 16  /* centres in a frame: 8 or 16 */
#define CT_NEAR 32       /* balls that a ball knows as its nearest, itself first */
#define CT_FRAME_LANES 8 /* members of a ball are padded to a multiple of it */

/* One step of a 16-bit correlation. 1.02 still fits, so a correlation that rounding lifts above 1
 * does too. */
#define CT_TABLE_STEPS 32000.0
#define CT_TABLE_ERROR ((0.5 / CT_TABLE_STEPS + CT_MIXED_ERROR) * (1 + 1e-9))

/* A table of correlations: of each ball the rows of some centres. */
typedef struct {
  size_t *block;   /* balls + 1: where each ball's rows begin, ld entries each */
  uint16_t *place; /* balls * balls: at b * balls + c, 1 + the number of centre c's row among */
                   /* those of ball b, 0: it has none; NULL: all have all rows, in their order */
  size_t entries;  /* the last of block */
  int16_t *cell;
} ct_table;

/* How the balls of some members look from the coarse frames (net_coarse.c). */
typedef struct {
  float *w;        /* balls: the largest |w| of its members */
  float *residual; /* balls: the largest norm of what the coarse frame does not explain */
  float *reach;    /* coarse centres * balls: bound on |M rho(coarse frame, x)|, x in the ball */
} ct_outline;

/* Points laid out by balls: those of the index, or new points. A ball's members stand by row, one
 * after the other; arrays of padded length hold blocks of ld = padded[b + 1] - padded[b] lanes. */
typedef struct {
  const ct_residual *points;
  const double *drift_of; /* drift of each of points (drift.h); not kept */
  int count;              /* members in all */
  int *position;          /* count, of points */
  int *row;               /* count: of the index; new points: as position */
  int *ball;              /* count */
  int *start;             /* balls + 1: members of ball b are start[b] .. start[b + 1] - 1 */
  size_t *padded;         /* balls + 1 */
  size_t lanes;           /* the last of padded: lanes in all */
  float *alpha; /* frame a lane, member by member: the point as a sum of its frame's centres */
  int *w_word;  /* frame / 4 * ld a ball: its coordinates w in the frame, in bytes, four a word */
  float *residual;  /* bound on the norm of what the frame does not explain */
  float *w_norm;    /* bound on |w| */
  float *alpha_sum; /* bound on sum |alpha| */
  float *drift;     /* bound on each one's drift */
  ct_table table;
  ct_outline outline; /* where the net has coarse frames */
} ct_members;

static inline int ct_members_width(const ct_members *members, int b) {
  return (int)(members->padded[b + 1] - members->padded[b]);
}

/* The largest of them all. */
int ct_members_widest(const ct_members *members, int balls);

/* 1 + the number of centre c's row among those of ball b, or 0. */
static inline int ct_table_place(const ct_table *table, int balls, int b, int c) {
  return table->place ? table->place[(size_t)b * (size_t)balls + (size_t)c] : c + 1;
}

/* The correlations of ball b's members with centre c, NULL where the table has none. */
static inline const int16_t *ct_table_row(const ct_members *members, int balls, int b, int c) {
  int place = ct_table_place(&members->table, balls, b, c);
  size_t width = (size_t)ct_members_width(members, b);
  return place ? members->table.cell + members->table.block[b] + (size_t)(place - 1) * width : NULL;
}

/* Frames of few centres far apart, one for all balls around a coarse centre: they say which balls
 * are so far from each other that no search will meet them (net_coarse.c). */
typedef struct {
  int count;  /* of coarse centres; 0: there are none, and all balls may meet */
  int *ball;  /* count: the balls whose centres they are */
  int *of;    /* of each ball: the coarse centre whose frame it shares */
  int *frame; /* of each ball, and below: as in ct_net */
  float *whiten;
  float *lift;
  float *frame_drift;
  float *cross; /* count * count: bound on |<f_i, h_j>|, f and h the bases of two frames */
} ct_coarse;

typedef struct {
  const ct_residual *index;
  ct_pairs pairs;
  int frame_size;
  int count;     /* of balls */
  int sound;     /* whether the correlations behave as those of a process, see two_frame.c */
  double radius; /* in d: nearly every member is as near to its centre */
  ct_drift drift;
  double *norm; /* |V| of each position of the index */
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
  float *frame_drift;                      /* largest drift of the frame's centres */
  float *max_w, *max_residual, *max_drift; /* over the members of each ball */
  int *min_row;
  float centre_drift; /* the largest of all centres and */
  float drift_most;   /* of all members */
  float *reach; /* count * count: reach[a * count + b] bounds |M_a rho(frame a, x)|, x in b, */
                /* where the table has the rows that say so */
  ct_coarse coarse;
} ct_net;

/* A sound net's points have a measured |u|^2 of at most this and their squared drift: the table
 * holds such correlations. */
#define CT_LARGEST_SQUARE 1.01

/* A bound on |u| of all of them: u of the process has the measured square but for drift once more.
 */
static inline double ct_largest_feature(const ct_net *net) {
  return 1.005 + 1.415 * (double)net->drift_most;
}

/* All of a net but its table: chooses the radius (<= 0) and the frame size (0) where they are not
 * given. asking: new points that will ask, or NULL. kept: whether the net is for many searches.
 * *built: 0 when most balls do not cover the points, or they are no correlations (two_frame.c);
 * then the scan must do. */
ct_status ct_net_build(ct_net *net, const ct_residual *index, const ct_residual *asking, int kept,
                       double radius, int frame_size, int most, int *built, double done,
                       double share, ct_stats *stats, const ct_run *run);

/* Whether the drift of a net holds for new points, too. */
int ct_net_holds_for(const ct_net *net, const ct_residual *asking);

/* Finds centres greedily until every point that can be measured lies within radius of one, or there
 * are most of them. *covered: the share of the points that do, or cannot be measured; where it is
 * enough every point is assigned to a ball, others to one near by. */
ct_status ct_net_cover(ct_net *net, const ct_residual *index, double radius, int most,
                       double enough, double *covered, double done, double share, ct_stats *stats,
                       const ct_run *run);

/* Gram matrix, frames, and the members' coordinates. */
ct_status ct_net_frames(ct_net *net, int frame_size, double done, double share, ct_stats *stats,
                        const ct_run *run);

/* Frames of the centres that net->frame lists: whiten, lift, stretch, frame_drift. */
ct_status ct_frames_make(ct_net *net, double done, double share, const ct_run *run);

/* Members from an assignment: ball_of[i] of each of points, -1: in none. position: of each row of
 * an index; NULL for new points, which stand as they come. */
ct_status ct_members_lay_out(ct_members *members, const ct_residual *points, const int *position,
                             const int *ball_of, int balls, const ct_run *run);

/* Coordinates of members in the frames of their balls. net->sound becomes 0 when a norm comes out
 * negative by more than drift. */
ct_status ct_members_coordinates(ct_members *members, ct_net *net, double done, double share,
                                 ct_stats *stats, const ct_run *run);

/* The table is filled in parts: members first .. last - 1 against the centres of the listed balls,
 * NULL: all. Scratch lives from ct_table_new() on and serves all parts. */
typedef struct ct_table_work ct_table_work;

ct_status ct_table_new(ct_table_work **work, const ct_net *net, const ct_run *run);

ct_status ct_table_fill(ct_table_work *work, ct_members *members, int first, int last,
                        const int *ball, int balls, double done, double share, ct_stats *stats,
                        const ct_run *run);

/* All of the table of at most CT_FEW_MEMBERS members against all centres, in other time and the
 * same bounds: fewer than that cost less so. */
#define CT_FEW_MEMBERS 6
ct_status ct_table_fill_few(const ct_net *net, ct_members *members, double done, ct_stats *stats,
                            const ct_run *run);

/* Gives every ball the rows of all centres. */
ct_status ct_table_open_all(ct_members *members, int balls, const ct_run *run);

/* block of a table from its place. */
ct_status ct_table_lay_out(ct_members *members, int balls, const ct_run *run);

/* reach[] of the frames of the listed balls (NULL: all) from the table of the net's members. */
ct_status ct_net_reach(ct_net *net, const int *ball, int balls, double done, double share,
                       const ct_run *run);

/* A bound on |M_a rho(frame a, x)|, x in ball b; CT_REACH_UNKNOWN where the table does not tell. */
#define CT_REACH_UNKNOWN 1e6f
float ct_reach_of(const ct_net *net, int a, int b, ct_simd simd);

/* Coarse frames of a net, and the outline of its members; none where it takes more than most. */
ct_status ct_coarse_build(ct_net *net, int most, ct_table_work *work, double done, double share,
                          ct_stats *stats, const ct_run *run);

/* The outline of new points. */
ct_status ct_coarse_outline(ct_net *net, ct_members *members, ct_table_work *work, double done,
                            double share, ct_stats *stats, const ct_run *run);

/* top[b]: a bound on |rho(q, x)| of all q in ball a of asking, x in ball b of the net, for process
 * correlations. */
void ct_coarse_tops(const ct_net *net, const ct_members *asking, int a, float *top);

/* Which rows a table has: all without coarse frames; else those that balls need whose members may
 * correlate by level or more, a level as low as most entries allow. *fits: 0 where all are more. */
ct_status ct_table_open(const ct_net *net, ct_members *asking, double most, int *fits, double done,
                        const ct_run *run);

/* Finds a ball for each of points that has none yet (ball_of[i] < 0): that of the best of the
 * centres nearest in input space. Explained points stay without. */
ct_status ct_net_join(const ct_net *net, const ct_residual *points, int *ball_of, double done,
                      ct_stats *stats, const ct_run *run);

/* Lays out new points in the balls of their best centres among those nearest in input space. */
ct_status ct_members_of_new(ct_members *members, const ct_net *net, const ct_residual *points,
                            double done, ct_stats *stats, const ct_run *run);

#endif
