#ifndef CT_TWO_FRAME_PARTS_H
#define CT_TWO_FRAME_PARTS_H

#include "two_frame/frame_kernels.h"
#include "pairs/shortlist.h"
#include "two_frame/two_frame.h"

/* What the parts of the two-frame search share: two_frame_seed.c seeds a unit's queries,
 * two_frame_group.c takes those of a ball through others, two_frame.c does the rest. */

#define CT_UNIT_QUERIES 192 /* at most; 96 and the group that passes it */

/* Queries a ball on average below which each is seeded by itself. */
#define CT_FEW 6

/* Opened balls between projection and estimates: while one is projected, the rows that the
 * estimates of the others read are on their way from memory. */
#define CT_OPENED 8

/* Panels of a group's queries. */
#define CT_GROUP_PANELS ((CT_GROUP_LANES + CT_PANEL - 1) / CT_PANEL)

/* Queries of one ball, within a window of CT_GROUP_LANES lanes. */
typedef struct {
  int ball;
  int first_lane; /* a multiple of CT_FRAME_LANES */
  int lanes;      /* a multiple of CT_FRAME_LANES */
  int first;      /* of its asked members, and their number, in search.asked */
  int count;
} ct_ask_group;

typedef struct {
  float estimate;
  float high;
  int position;
} ct_estimate;

typedef struct {
  const ct_net *net;
  const ct_members *asking;
  const ct_residual_queries *queries;
  const ct_frame_kernels *kernels;
  int k;
  int crowd;     /* candidates above which a query is set aside */
  int *asked;    /* members that ask, in order */
  int *query_of; /* by position of asking->points: the query, or -1 */
  ct_ask_group *group;
  int *unit; /* units + 1: first group of each */
  int units;
  unsigned char *state;
  int *id;
  double *dist;
  struct ct_two_frame_searcher *searcher; /* one a thread */
} ct_two_frame;

/* A query of the unit at work. */
typedef struct {
  int q;
  int lane; /* of its group's ball */
  ct_asker asker;
  double norm; /* |V_q| */
  ct_shortlist list;
  ct_estimate *estimate;
  int estimates;
  int aside;
} ct_ask;

/* The scratch of one thread. */
typedef struct ct_two_frame_searcher {
  ct_scorer scorer;
  ct_ask ask[CT_UNIT_QUERIES];
  int asks;
  int ask_of[CT_GROUP_LANES]; /* of the group at work: lane to ask, -1 */
  /* near balls */
  int *near_mark; /* one a ball: stamp of the panel that included it */
  int *done_mark; /* one a ball: stamp of the group that has finished with it */
  int stamp;
  int *near_position; /* the points that a panel meets, and their balls */
  int *near_ball;
  int *near_row;
  double *near_scale;
  int near_cap;         /* points that one group may add */
  double largest_scale; /* of them */
  double *near_c;       /* CT_PANEL for each */
  double *near_one;     /* c of one query */
  double *near_key;     /* of one query: -|rho| of its near points, and their numbers */
  int *near_slot;
  ct_shortlist_entry *near_candidate;
  ct_panel panel;
  double *work;
  /* groups */
  ct_group group;
  float *gram;       /* balls * frame_size */
  float *top;        /* of the ball at work and each other: see net_coarse.c */
  ct_ask *group_ask; /* of its first query */
  ct_panel panel_of_group[CT_GROUP_PANELS]; /* its queries, once its pairs are measured: */
  int packed;
  double *tile;
  ct_opened *opened; /* a few at a time */
  int *cell;         /* the packed rows of the ball at work */
  int *member;       /* that its sieve lets pass */
  int *target;       /* balls to visit */
  double *value;
  double products;
  double nodes;
} ct_two_frame_searcher;

/* Bounds of a group that change with its queries' bounds. */
void ct_group_set_least(ct_group *group, int lane, const ct_ask *ask);

/* What the sieve needs of the query in a lane: alpha in bytes, and how far off sums with it are. */
void ct_group_sieve(const ct_net *net, int ball, ct_group *group, int lane, double alpha_sum);

/* Scores the best candidates of a query that has too many, or sets it aside. */
void ct_ask_make_room(const ct_two_frame *search, ct_two_frame_searcher *s, ct_ask *ask);

/* Measures the group against a ball for which the table has no rows. */
void ct_group_measure(const ct_two_frame *search, ct_two_frame_searcher *s,
                      const ct_ask_group *group, int ball);

/* How many of count ascending rows are below limit. */
int ct_rows_below(const int *row, int count, int limit);

/* Measures each query of the unit's groups first .. last - 1 against the balls nearest to its own,
 * and gives it its first bound. wanted[g]: group first + g is through with so many of its nearest
 * balls. */
void ct_seed_unit(const ct_two_frame *search, ct_two_frame_searcher *s, int first, int last,
                  int *wanted);

/* The correlations of all centres with the frame of one ball, centre by centre. */
void ct_group_gather_gram(const ct_net *net, int ball, float *out);

/* A group's turn: start; visits of balls, which are tested for all its queries and estimated where
 * the test does not reject; between them reseed, which scores the best estimates and raises bounds;
 * and finish, which scores what is left and writes the answers. ask: of its first query. */
void ct_group_start(const ct_two_frame *search, ct_two_frame_searcher *s, const ct_ask_group *group,
                    ct_ask *ask);
void ct_group_visit(const ct_two_frame *search, ct_two_frame_searcher *s, const ct_ask_group *group,
                    const int *ball, int count);
void ct_group_reseed(const ct_two_frame *search, ct_two_frame_searcher *s,
                     const ct_ask_group *group, ct_ask *ask);
void ct_group_finish(const ct_two_frame *search, ct_two_frame_searcher *s,
                     const ct_ask_group *group, ct_ask *ask);

#endif
