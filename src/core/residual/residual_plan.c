/* Scan or two frames? The scan's cost is known beforehand. A net costs a few hundred products a
 * point before it can be judged; then the queries of a few balls are answered on trial, with the
 * few rows of the table that they need, and their time and the time of those rows' products say
 * what the whole would cost. Answers of the trial are kept. Times differ from run to run, so near
 * the break-even either way may be taken; results are the same. */

#include "residual/residual_plan.h"

#include <math.h>
#include <string.h>

/* Below, the net alone costs too large a part of the scan. */
#define FEWEST_QUERIES 4000
#define FEWEST_POINTS 4000

/* k above this share of the points: the scan scores everything (residual_scan.c). */
#define LARGEST_K 32

/* What a net keeps, with frames of sixteen: of every pair of balls a correlation and a reach, of
 * every ball its frame, of every point its column of the table, coordinates, bounds and places.
 * Padding adds at most PADDING lanes a ball, and 16 correlations. */
#define PADDING (CT_FRAME_LANES - 1)
#define BALL_PAIR_BYTES 8.0
#define BALL_BYTES (4.0 * CT_FRAME_MAX * CT_FRAME_MAX + 4.0 * CT_FRAME_MAX + 4.0 * CT_NEAR + 112)
#define LANE_BYTES (5.0 * CT_FRAME_MAX + 16)
#define MEMBER_BYTES 20.0
#define ENTRY_BYTES 2.0

/* With coarse frames: of every pair of balls a place in the table, of each ball a second frame, and
 * a reach of every coarse centre; columns of the table are shorter. */
#define PLACE_BYTES 2.0
#define COARSE_BALL_BYTES (BALL_BYTES + 4.0 * CT_FRAME_MAX * CT_FRAME_MAX + 4.0 * CT_FRAME_MAX + 20)
#define COARSE_PAIR_BYTES 4.0
#define COARSE_COLUMN 0.15

/* With fewer points the balls of a net in two columns are so large that coarse centres are about as
 * many (net_build.c: the radius). */
#define COARSE_POINTS 250000

/* More coarse centres than these shares of the points and of the balls cost more than they save; of
 * the balls there may be more where the whole table would take too much memory. */
#define POINTS_PER_COARSE 64.0
#define BALLS_PER_COARSE 4.0
#define BALLS_PER_FORCED 1.5

/* A place in the table is a number of 16 bits. */
#define MOST_BALLS 65534

/* Balls beyond these shares of the points, and of the queries, cost more than they save. */
#define POINTS_PER_BALL 8
#define QUERIES_PER_BALL 2

#define TRIAL_BALLS 8
#define TRIAL_QUERIES 256

/* The two-frame search must promise this share of the scan's time to be taken. */
#define PROMISE 0.85

/* Bounds of balls on balls cost about this share of the table. */
#define REACH_COST 0.1

void ct_residual_plan_default(ct_residual_plan *plan) {
  memset(plan, 0, sizeof *plan);
  plan->method = CT_METHOD_CHOSEN;
  plan->net_radius = 0;
  plan->frame = 0;
  plan->coarse = 0;
  plan->net_bytes = 0;
  plan->fewest_early = 0;
}

/* Pairs that the scan would measure, in units of n. */
static double queries_worth(const ct_residual *index, const ct_residual_queries *queries) {
  double sum = 0;
  if (!queries->limit) return queries->count;
  for (int q = 0; q < queries->count; q++) sum += queries->limit[q];
  return sum / index->n;
}

int ct_plan_worth_a_net(const ct_residual_plan *plan, const ct_residual *index,
                        const ct_residual_queries *queries, int k) {
  if (plan->method != CT_METHOD_CHOSEN) return plan->method == CT_METHOD_FRAMES;
  return index->n >= FEWEST_POINTS && k <= index->n / LARGEST_K &&
         queries_worth(index, queries) >= FEWEST_QUERIES;
}

/* Coarse frames tell far balls apart. In more than two columns most balls are near each other, and
 * few pairs would be rejected: frames of half the centres pass 42 of 50 balls in three, those of a
 * quarter 12 of 28 in two. */
static int wants_coarse(const ct_residual_plan *plan, const ct_residual *index) {
  int many = plan->method == CT_METHOD_FRAMES || index->n >= COARSE_POINTS;
  return plan->coarse == 2 || (plan->coarse == 0 && index->dim <= 2 && many);
}

/* The largest number of balls with which a net of n points keeps to bytes: the root of a square.
 * With coarse frames the table is cut to what is left (ct_plan_most_entries), so a guess will do.
 */
static double balls_within(double bytes, double n, int coarse) {
  double column = ENTRY_BYTES * (coarse ? COARSE_COLUMN : 1);
  double square = BALL_PAIR_BYTES + (coarse ? PLACE_BYTES : 0) + column * PADDING;
  double linear = BALL_BYTES + column * n + LANE_BYTES * PADDING;
  if (coarse) linear += COARSE_BALL_BYTES - BALL_BYTES + COARSE_PAIR_BYTES * n / POINTS_PER_COARSE;
  double rest = bytes - n * (LANE_BYTES + MEMBER_BYTES);
  if (rest <= 0) return 0;
  return 2 * rest / (linear + sqrt(linear * linear + 4 * square * rest));
}

/* Twice what V takes; a net that is asked for by name may take so much at least. */
#define NAMED_BYTES 268435456.0

static double default_bytes(const ct_residual_plan *plan, const ct_residual *index) {
  double bytes = 2.0 * sizeof(double) * (double)index->n * (double)index->stride;
  return plan->method == CT_METHOD_FRAMES && bytes < NAMED_BYTES ? NAMED_BYTES : bytes;
}

static double bytes_of(const ct_residual_plan *plan, const ct_residual *index) {
  return plan->net_bytes > 0 ? plan->net_bytes : default_bytes(plan, index);
}

double ct_plan_most_entries(const ct_residual_plan *plan, const ct_residual *index,
                            const ct_net *net) {
  double balls = net->count, coarse = net->coarse.count;
  double pair = BALL_PAIR_BYTES + (coarse > 0 ? PLACE_BYTES : 0);
  double pairs = balls * balls * pair + 4 * balls * (net->gram_step - balls);
  double own = balls * (coarse > 0 ? COARSE_BALL_BYTES : BALL_BYTES);
  double points = (double)net->members.lanes * LANE_BYTES + index->n * MEMBER_BYTES;
  double far = coarse * (balls + coarse + 1) * COARSE_PAIR_BYTES;
  return (bytes_of(plan, index) - pairs - own - points - far) / ENTRY_BYTES;
}

int ct_plan_most_coarse(const ct_residual_plan *plan, const ct_net *net) {
  double entries = (double)net->count * (double)net->members.lanes;
  int fits = entries <= ct_plan_most_entries(plan, net->index, net);
  double most = net->count / (fits ? BALLS_PER_COARSE : BALLS_PER_FORCED);
  if (!wants_coarse(plan, net->index)) return 0;
  if (plan->coarse == 2 || plan->method == CT_METHOD_FRAMES) return net->count;
  return (int)fmin(most, net->index->n / POINTS_PER_COARSE);
}

int ct_plan_most_balls(const ct_residual_plan *plan, const ct_residual *index,
                       const ct_residual_queries *queries) {
  double most = balls_within(bytes_of(plan, index), index->n, wants_coarse(plan, index));
  if (most > index->n) most = index->n;
  if (most > MOST_BALLS) most = MOST_BALLS;
  if (plan->method == CT_METHOD_FRAMES) return (int)most;
  double worth = queries_worth(index, queries) / QUERIES_PER_BALL;
  if (most > index->n / POINTS_PER_BALL) most = index->n / POINTS_PER_BALL;
  return (int)(most < worth ? most : worth);
}

int ct_plan_small_limit(const ct_residual_plan *plan, const ct_residual *index, int k) {
  return plan->method == CT_METHOD_FRAMES ? 2 * k + 16 : 4096 + index->n / 32;
}

/* ---- columns ---- */

/* Below this median of p over the variance nets are the better way, and the few hundredths of a
 * second of a probe would be lost. */
#define SHARE_OF_COLUMNS 0.03
#define SHARES 255

/* Probe, net and trial together cost at most a tenth of the scan where there are so many points:
 * where nothing can be rejected, each of them measures some hundred queries in vain. */
#define FEWEST_COLUMN_POINTS 30000

/* Fewer queries do not pay the product that makes the columns; nor do they where there are so few
 * points for each. */
#define QUERIES_PER_COLUMN 4
#define POINTS_PER_COLUMN 16

/* Columns and norms in floats, coordinates twice, and five numbers more. */
static double column_bytes(const ct_residual *index) {
  double columns = index->rank + 8;
  return index->n * (4.0 * columns * 9 / 8 + 12.0 * index->dim + 24);
}

static int is_rough(const ct_residual *index) {
  int above = 0;
  for (int i = 0; i < SHARES; i++)
    above += index->p[(size_t)i * (size_t)index->n / SHARES] >
             SHARE_OF_COLUMNS * index->covariance->variance;
  return above > SHARES / 2;
}

int ct_plan_worth_columns(const ct_residual_plan *plan, const ct_residual *index,
                          const ct_residual_queries *queries, int k) {
  double worth = queries_worth(index, queries);
  if (plan->method != CT_METHOD_CHOSEN) return plan->method == CT_METHOD_SCREENED;
  return index->factor && index->n >= FEWEST_COLUMN_POINTS && k <= index->n / LARGEST_K &&
         index->rank <= index->n / POINTS_PER_COLUMN && worth >= 500 &&
         worth >= QUERIES_PER_COLUMN * index->rank &&
         column_bytes(index) <= bytes_of(plan, index) && is_rough(index);
}

/* Of the scan's time: no net costs much less. */
#define CLEAR 0.12

int ct_plan_columns_clear(const ct_columns *columns) {
  return columns->screened && columns->seconds < CLEAR * columns->scan;
}

int ct_plan_columns_pay(const ct_columns *columns) {
  return columns->screened && columns->seconds < PROMISE * columns->scan;
}

/* A block of queries of the scan for each thread. */
#define SCANNED 24

static ct_status measure_scan(ct_columns *columns, const ct_screened_task *task,
                              unsigned char *state, ct_stats *stats, const ct_run *run) {
  int most = SCANNED * run->threads, *which, count = 0, queries = task->queries->count;
  double began = run->now(), products = stats->products;
  CT_NEW(which, &run->arena, most);
  for (int i = 0; i < most; i++) {
    int q = (int)((i + 0.5) * queries / most);
    if (state[q] != CT_QUERY_LATER || (count > 0 && which[count - 1] == q)) continue;
    which[count++] = q;
  }
  CT_TRY(ct_residual_scan(task->index, task->queries, which, count, task->k, task->id, task->dist,
                          0, 0, stats, run));
  for (int i = 0; i < count; i++) state[which[i]] = CT_QUERY_ANSWERED;
  double met = stats->products - products, took = (run->now() - began) * run->threads;
  if (met > 0)
    columns->scan = took / met * queries_worth(task->index, task->queries) * task->index->n;
  return CT_OK;
}

ct_status ct_plan_columns(ct_columns *columns, const ct_screened_task *task, unsigned char *state,
                          ct_stats *stats, const ct_run *run) {
  unsigned char *answered;
  CT_TRY(ct_screened_open(&columns->screened, task, run));
  if (!columns->screened) return CT_OK;
  CT_TRY(measure_scan(columns, task, state, stats, run));
  CT_NEW(answered, &run->arena, task->queries->count);
  for (int q = 0; q < task->queries->count; q++) answered[q] = state[q] != CT_QUERY_LATER;
  return ct_screened_probe(columns->screened, answered, &columns->seconds, run);
}

/* ---- the trial ---- */

typedef struct {
  int ball[TRIAL_BALLS];
  int balls;
  int centre[TRIAL_BALLS * CT_FRAME_MAX]; /* of their frames, each once */
  int centres;
  int queries;
} trial;

/* Opens the queries of a ball until there are enough. */
static int open_ball(const ct_members *asking, const int *query_of, int b, unsigned char *state,
                     int most) {
  int opened = 0;
  for (int i = asking->start[b]; i < asking->start[b + 1] && opened < most; i++) {
    int q = query_of[asking->position[i]];
    if (q < 0 || state[q] != CT_QUERY_LATER) continue;
    state[q] = CT_QUERY_OPEN;
    opened++;
  }
  return opened;
}

/* Balls evenly spaced among those that have queries. */
static void choose_balls(trial *t, const ct_net *net, const ct_members *asking, const int *query_of,
                         unsigned char *state) {
  for (int j = 0; j < TRIAL_BALLS; j++) {
    int from = (int)((double)net->count * j / TRIAL_BALLS);
    int to = (int)((double)net->count * (j + 1) / TRIAL_BALLS);
    for (int b = from + (to - from) / 2; b < to; b++) {
      int opened = open_ball(asking, query_of, b, state, TRIAL_QUERIES / TRIAL_BALLS);
      if (opened == 0) continue;
      t->ball[t->balls++] = b;
      t->queries += opened;
      break;
    }
  }
}

static void collect_centres(trial *t, const ct_net *net) {
  for (int i = 0; i < t->balls; i++)
    for (int k = 0; k < net->frame_size; k++) {
      int centre = net->frame[(size_t)t->ball[i] * (size_t)net->frame_size + (size_t)k], j = 0;
      while (j < t->centres && t->centre[j] != centre) j++;
      if (j == t->centres) t->centre[t->centres++] = centre;
    }
}

static ct_status map_queries(const ct_net *net, const ct_members *asking,
                             const ct_residual_queries *queries, const unsigned char *state,
                             int **query_of, const ct_run *run) {
  CT_NEW(*query_of, &run->arena, asking->points->n);
  for (int i = 0; i < asking->points->n; i++) (*query_of)[i] = -1;
  for (int q = 0; q < queries->count; q++) {
    int row = queries->rows ? queries->rows[q] : q;
    if (state[q] == CT_QUERY_LATER)
      (*query_of)[queries->points ? q : net->index->position[row]] = q;
  }
  return CT_OK;
}

static int count_state(const unsigned char *state, int count, ct_query_state what) {
  int found = 0;
  for (int q = 0; q < count; q++) found += state[q] == what;
  return found;
}

ct_status ct_plan_trial(ct_net *net, ct_members *asking, ct_table_work *work,
                        const ct_residual_queries *queries, int k, unsigned char *state, int *id,
                        double *dist, double rival, int *pays, double done, ct_stats *stats,
                        const ct_run *run) {
  trial t;
  int *query_of, n = net->members.count, aside = count_state(state, queries->count, CT_QUERY_ASIDE);
  ct_run alone = *run;
  alone.threads = 1;
  memset(&t, 0, sizeof t);
  CT_TRY(map_queries(net, asking, queries, state, &query_of, run));
  choose_balls(&t, net, asking, query_of, state);
  collect_centres(&t, net);
  *pays = 0;
  if (t.queries == 0) return CT_OK;
  double began = run->now();
  double products = stats->products;
  CT_TRY(ct_table_fill(work, &net->members, 0, n, t.centre, t.centres, done, 0, stats, run));
  double pair = (run->now() - began) * run->threads / (stats->products - products);
  for (int i = 0; i < t.balls; i++)
    CT_TRY(ct_table_fill(work, asking, asking->start[t.ball[i]], asking->start[t.ball[i] + 1], NULL,
                         0, done, 0, stats, run));
  CT_TRY(ct_net_reach(net, t.ball, t.balls, done, 0, run));
  began = run->now();
  CT_TRY(ct_two_frame_search(net, asking, queries, k, state, id, dist, done, 0, stats, &alone));
  double each = (run->now() - began) / t.queries;
  int crowded = count_state(state, queries->count, CT_QUERY_ASIDE) - aside;
  double worth = queries_worth(net->index, queries), left = queries->count - aside;
  double scan = worth * net->index->n * pair;
  double entries = (double)net->members.table.entries;
  double frames = entries * pair * (1 + REACH_COST) + left * each + scan * crowded / t.queries;
  *pays = frames < PROMISE * scan && frames < rival;
  return CT_OK;
}
