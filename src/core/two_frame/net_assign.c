/* Points that no centre has found, and new points, join a ball: which one decides about speed only,
 * so the best of a few centres near in input space will do, for twelve products instead of one a
 * ball. */

#include "two_frame/net.h"

#include <math.h>

#include "run/parallel.h"

#define TRIED 12

typedef struct {
  const ct_net *net;
  const ct_residual *points;
  int *ball_of;
  double *work;
  size_t work_size;
} join;

static double square_distance(const double *a, const double *b, int dim) {
  double sum = 0;
  for (int d = 0; d < dim; d++) sum += (a[d] - b[d]) * (a[d] - b[d]);
  return sum;
}

/* The TRIED centres nearest to x, nearest first; their number. */
static int near_centres(const ct_net *net, const double *x, int *ball) {
  const ct_residual *index = net->index;
  double sq[TRIED];
  int kept = 0;
  for (int c = 0; c < net->count; c++) {
    double value =
        square_distance(x, index->x + (size_t)net->centre[c] * (size_t)index->dim, index->dim);
    if (kept == TRIED && value >= sq[TRIED - 1]) continue;
    int j = kept < TRIED ? kept++ : TRIED - 1;
    for (; j > 0 && sq[j - 1] > value; j--) sq[j] = sq[j - 1], ball[j] = ball[j - 1];
    sq[j] = value;
    ball[j] = c;
  }
  return kept;
}

static void join_ball(void *task, int i, int thread) {
  join *j = task;
  const ct_net *net = j->net;
  int ball[TRIED], centre[TRIED] = {0};
  double c[TRIED], best = -1, *work = j->work + (size_t)thread * j->work_size;
  if (j->ball_of[i] >= 0 || j->points->scale[i] <= 0) return;
  int count = near_centres(net, j->points->x + (size_t)i * (size_t)j->points->dim, ball);
  for (int b = 0; b < count; b++) centre[b] = net->centre[ball[b]];
  ct_pairs_list(&net->pairs, j->points, i, net->index, centre, count, c, work);
  for (int b = 0; b < count; b++) {
    double rho = fabs(c[b]) * net->index->scale[centre[b]];
    if (rho <= best) continue;
    best = rho;
    j->ball_of[i] = ball[b];
  }
}

ct_status ct_net_join(const ct_net *net, const ct_residual *points, int *ball_of, double done,
                      ct_stats *stats, const ct_run *run) {
  join j = {net, points, ball_of, NULL, ct_pairs_work(&net->pairs, TRIED)};
  CT_NEW(j.work, &run->arena, (size_t)run->threads * j.work_size);
  for (int i = 0; i < points->n; i++)
    if (ball_of[i] < 0 && points->scale[i] > 0) stats->products += TRIED;
  return ct_rounds_run(join_ball, &j, points->n, 16, done, 0, run);
}

ct_status ct_members_of_new(ct_members *members, const ct_net *net, const ct_residual *points,
                            double done, ct_stats *stats, const ct_run *run) {
  int *ball_of;
  CT_NEW(ball_of, &run->arena, points->n);
  for (int i = 0; i < points->n; i++) ball_of[i] = -1;
  CT_TRY(ct_net_join(net, points, ball_of, done, stats, run));
  return ct_members_lay_out(members, points, NULL, ball_of, net->count, run);
}
