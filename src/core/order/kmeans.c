#include "metric/canonical.h"

#include "order/kmeans.h"

#include "run/parallel.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* D. Arthur, S. Vassilvitskii (2007), k-means++: the advantages of careful seeding, SODA; S. Lloyd
 * (1982).
 *
 * Points are dealt to threads in runs of RUN. A run's distances are its own business; whatever is
 * added up over points (the total of squared distances, the sums of clusters) is added in row
 * order, so that threads change nothing. */

enum { RUN = 2048 };

/* With fewer coordinates than this a centre is seen sooner by one thread than two threads are
 * woken. */
#define WORTH_THREADS 100000

typedef struct {
  const double *x, *centre;
  int n, dim, count; /* count: centres so far */
  double *sq;        /* squared distance to the nearest centre */
  int *nearest;
  double *run_total; /* sum of sq over each run */
} kmeans;

static double squared(const double *a, const double *b, int dim) {
  double sum = 0;
  for (int c = 0; c < dim; c++) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return sum;
}

static int run_end(const kmeans *k, int run) {
  int end = (run + 1) * RUN;
  return end < k->n ? end : k->n;
}

/* Takes the newest centre into account. */
static void see_newest(void *task, int run, int thread) {
  kmeans *k = task;
  const double *newest = k->centre + (size_t)(k->count - 1) * (size_t)k->dim;
  double total = 0;
  (void)thread;
  for (int i = run * RUN; i < run_end(k, run); i++) {
    double sq = squared(k->x + (size_t)i * (size_t)k->dim, newest, k->dim);
    if (sq < k->sq[i]) k->sq[i] = sq, k->nearest[i] = k->count - 1;
    total += k->sq[i];
  }
  k->run_total[run] = total;
}

/* Finds every point's nearest centre anew, the earlier one where two are as near. */
static void see_all(void *task, int run, int thread) {
  kmeans *k = task;
  (void)thread;
  for (int i = run * RUN; i < run_end(k, run); i++) {
    const double *point = k->x + (size_t)i * (size_t)k->dim;
    double best = squared(point, k->centre + (size_t)k->nearest[i] * (size_t)k->dim, k->dim);
    int who = k->nearest[i];
    for (int j = 0; j < k->count; j++) {
      double sq = squared(point, k->centre + (size_t)j * (size_t)k->dim, k->dim);
      if (sq < best || (sq == best && j < who)) best = sq, who = j;
    }
    k->nearest[i] = who;
  }
}

/* The point at which the running total of squared distances passes share of all of it; -1 when all
 * are 0. */
static int draw(const kmeans *k, int runs, double share) {
  double total = 0, sum = 0;
  int run = 0, last = -1;
  for (int r = 0; r < runs; r++) total += k->run_total[r];
  if (!(total > 0)) return -1;
  double target = share * total;
  while (run < runs - 1 && sum + k->run_total[run] <= target) sum += k->run_total[run++];
  for (int i = run * RUN; i < k->n; i++) {
    if (k->sq[i] > 0) last = i;
    sum += k->sq[i];
    if (last == i && sum > target) return i;
  }
  for (int i = 0; last < 0 && i < k->n; i++)
    if (k->sq[i] > 0) last = i;
  return last;
}

static ct_status seed(kmeans *k, int m, const double *uniform, double *centre, ct_stats *stats,
                      const ct_run *run) {
  size_t bytes = (size_t)k->dim * sizeof *centre;
  int runs = (k->n + RUN - 1) / RUN, next = (int)(uniform[0] * k->n);
  for (int i = 0; i < k->n; i++) k->sq[i] = DBL_MAX, k->nearest[i] = 0;
  for (k->count = 0; k->count < m && next >= 0;) {
    memcpy(centre + (size_t)k->count * (size_t)k->dim, k->x + (size_t)next * (size_t)k->dim, bytes);
    k->count++;
    CT_TRY(ct_rounds_run(see_newest, k, runs, 1, 0.5 * k->count / m, 0.5 / m, run));
    stats->evaluations += k->n;
    if (k->count < m) next = draw(k, runs, uniform[k->count]);
  }
  return CT_OK;
}

/* Moves centres to the means of their points; an empty cluster stays. Returns whether any moved. */
static int move(const kmeans *k, double *centre, double *sum, int *size) {
  size_t dim = (size_t)k->dim, all = (size_t)k->count * dim;
  int moved = 0;
  memset(sum, 0, all * sizeof *sum);
  memset(size, 0, (size_t)k->count * sizeof *size);
  for (int i = 0; i < k->n; i++) {
    size_t at = (size_t)k->nearest[i] * dim;
    size[k->nearest[i]]++;
    for (size_t c = 0; c < dim; c++) sum[at + c] += k->x[(size_t)i * dim + c];
  }
  for (size_t e = 0; e < all; e++) {
    double mean = size[e / dim] ? sum[e] / size[e / dim] : centre[e];
    moved |= mean != centre[e];
    centre[e] = mean;
  }
  return moved;
}

ct_status ct_kmeans(const double *x, int n, int dim, int m, int steps, const double *uniform,
                    double *centre, int *count, ct_stats *stats, const ct_run *given) {
  ct_run few = *given, *run = &few;
  kmeans k = {.x = x, .centre = centre, .n = n, .dim = dim};
  int runs = (n + RUN - 1) / RUN, *size;
  double *sum;
  if (n < 1 || m < 1) return CT_ERR_DOMAIN;
  if ((double)n * dim < WORTH_THREADS) few.threads = 1;
  CT_NEW(k.sq, &run->arena, n);
  CT_NEW(k.nearest, &run->arena, n);
  CT_NEW(k.run_total, &run->arena, runs);
  CT_NEW(sum, &run->arena, (size_t)m * (size_t)dim);
  CT_NEW(size, &run->arena, m);
  CT_TRY(seed(&k, m, uniform, centre, stats, run));
  for (int s = 0; s < steps; s++) {
    if (!move(&k, centre, sum, size)) break;
    stats->evaluations += (double)n * k.count;
    CT_TRY(ct_rounds_run(see_all, &k, runs, 1, 0.5 + 0.5 * s / steps, 0.5 / steps, run));
  }
  *count = k.count;
  return CT_OK;
}
