/* The net: centres such that nearly every point lies within a given radius of one, found greedily.
 *
 * Candidates come in random order, in batches. Inside a batch a candidate becomes a centre if no
 * centre of the batch covers it; mutual correlations of the batch are a small dense product. A new
 * centre then looks for the points that it covers. Measuring it against all points would cost n
 * products a centre, most of the work of a whole search; but the points that it covers are near it
 * in input space too. So it visits leaves of eight points of the k-d order, nearest box first, and
 * stops after several leaves in a row had nothing for it: 20 to 70 products a point instead of a
 * thousand. A point that it misses becomes a centre itself or finds another one; which ball a point
 * is in decides about speed only, never about results.
 *
 * Batches, their order and each centre's own list of finds make the net the same for every number
 * of threads. */

#include "net.h"

#include <math.h>
#include <string.h>

#include "rounds.h"

#define LEAF 8
#define FAN 8 /* nodes under a node of the hierarchy of boxes */
#define LEVELS 12
#define BATCH 240 /* ten panels */
#define QUEUE 2048
/* Leaves without a find before a centre gives up: 8, and 16 from four columns on, where near leaves
 * are many (measured: with 8 the net of five columns has a sixth more balls than with 24). */
#define MISSES_FLAT 8
#define MISSES_DEEP 16

/* A centre measures everybody: it must itself be measured well. Squared noise. */
#define CENTRE_NOISE 1e-4

typedef struct {
  int position;
  float rho;
} find;

typedef struct {
  float distance;
  int level;
  int node;
} visit;

typedef struct {
  visit *queue;
  double *c;
  double *work;
  double products;
} explorer;

typedef struct {
  const ct_residual *index;
  const ct_pairs *pairs;
  double threshold; /* correlation at the radius */
  int misses;
  int *leaf_point; /* positions, leaf after leaf */
  int levels;
  int nodes[LEVELS];
  float *box[LEVELS]; /* 2 * dim floats a node: low sides, high sides */
  explorer *explorer; /* one a thread */
  int batch[BATCH];
  int new_centres;
  int *centre; /* of this batch */
  find *finds; /* capacity a centre */
  int capacity;
  int *found;
  const int *ball_of; /* what earlier batches left: the ball of each point, -1: none, and */
  const float *best;  /* its correlation with that ball's centre */
} cover;

/* ---- leaves and boxes ---- */

static int widest_side(const ct_residual *index, const int *point, int count) {
  int widest = 0;
  double width = -1;
  for (int d = 0; d < index->dim; d++) {
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < count; i++) {
      double x = index->x[(size_t)point[i] * (size_t)index->dim + (size_t)d];
      low = x < low ? x : low;
      high = x > high ? x : high;
    }
    if (high - low > width) width = high - low, widest = d;
  }
  return widest;
}

/* Sorts a cell of at most 32 points along its widest side. */
static void sort_cell(const ct_residual *index, int *point, int count) {
  size_t dim = (size_t)index->dim, side = (size_t)widest_side(index, point, count);
  for (int i = 1; i < count; i++) {
    int moved = point[i], j = i;
    double x = index->x[(size_t)moved * dim + side];
    for (; j > 0 && index->x[(size_t)point[j - 1] * dim + side] > x; j--) point[j] = point[j - 1];
    point[j] = moved;
  }
}

/* Cells of 32 of the k-d order become four compact leaves of eight. */
static void split_cells(cover *s) {
  int n = s->index->n;
  for (int i = 0; i < n; i++) s->leaf_point[i] = i;
  for (int size = 4 * LEAF; size > LEAF; size /= 2)
    for (int first = 0; first < n; first += size)
      sort_cell(s->index, s->leaf_point + first, n - first < size ? n - first : size);
}

static void box_of_leaf(const cover *s, int leaf, float *box) {
  int dim = s->index->dim, from = leaf * LEAF,
      to = from + LEAF < s->index->n ? from + LEAF : s->index->n;
  for (int d = 0; d < dim; d++) {
    box[d] = INFINITY;
    box[dim + d] = -INFINITY;
    for (int i = from; i < to; i++) {
      float x = (float)s->index->x[(size_t)s->leaf_point[i] * (size_t)dim + (size_t)d];
      if (x < box[d]) box[d] = x;
      if (x > box[dim + d]) box[dim + d] = x;
    }
  }
}

static void box_of_children(const cover *s, int level, int node, float *box) {
  int dim = s->index->dim, from = node * FAN, to = from + FAN;
  if (to > s->nodes[level - 1]) to = s->nodes[level - 1];
  memcpy(box, s->box[level - 1] + (size_t)from * (size_t)(2 * dim),
         (size_t)(2 * dim) * sizeof *box);
  for (int child = from + 1; child < to; child++) {
    const float *other = s->box[level - 1] + (size_t)child * (size_t)(2 * dim);
    for (int d = 0; d < dim; d++) {
      if (other[d] < box[d]) box[d] = other[d];
      if (other[dim + d] > box[dim + d]) box[dim + d] = other[dim + d];
    }
  }
}

static ct_status build_boxes(cover *s, const ct_run *run) {
  int dim = s->index->dim, count = (s->index->n + LEAF - 1) / LEAF;
  for (s->levels = 0; s->levels < LEVELS; s->levels++) {
    int level = s->levels;
    s->nodes[level] = count;
    CT_NEW(s->box[level], &run->arena, (size_t)count * (size_t)(2 * dim));
    for (int node = 0; node < count; node++) {
      float *box = s->box[level] + (size_t)node * (size_t)(2 * dim);
      if (level == 0)
        box_of_leaf(s, node, box);
      else
        box_of_children(s, level, node, box);
    }
    if (count == 1) break;
    count = (count + FAN - 1) / FAN;
  }
  return CT_OK;
}

static float distance_to_box(const float *box, const double *x, int dim) {
  float sum = 0;
  for (int d = 0; d < dim; d++) {
    float below = box[d] - (float)x[d], above = (float)x[d] - box[dim + d];
    float gap = below > above ? below : above;
    if (gap > 0) sum += gap * gap;
  }
  return sum;
}

/* ---- a centre explores ---- */

static void push(visit *queue, int *count, visit entry) {
  int i = (*count)++;
  for (; i > 0 && queue[(i - 1) / 2].distance > entry.distance; i = (i - 1) / 2)
    queue[i] = queue[(i - 1) / 2];
  queue[i] = entry;
}

static visit pop(visit *queue, int *count) {
  visit top = queue[0], last = queue[--*count];
  int i = 0;
  for (int child = 1; child < *count; child = 2 * i + 1) {
    if (child + 1 < *count && queue[child + 1].distance < queue[child].distance) child++;
    if (queue[child].distance >= last.distance) break;
    queue[i] = queue[child];
    i = child;
  }
  queue[i] = last;
  return top;
}

static void open_node(const cover *s, visit at, const double *x, visit *queue, int *count) {
  int dim = s->index->dim, level = at.level - 1, to = (at.node + 1) * FAN;
  if (to > s->nodes[level]) to = s->nodes[level];
  for (int node = at.node * FAN; node < to && *count < QUEUE; node++) {
    visit child = {0, level, node};
    child.distance = distance_to_box(s->box[level] + (size_t)node * (size_t)(2 * dim), x, dim);
    push(queue, count, child);
  }
}

/* Measures a leaf; the number of its points within the radius. */
static int measure_leaf(const cover *s, int j, int leaf, explorer *e) {
  int from = leaf * LEAF, count = s->index->n - from < LEAF ? s->index->n - from : LEAF, hits = 0;
  int centre = s->centre[j];
  const int *point = s->leaf_point + from;
  ct_pairs_list(s->pairs, s->index, centre, s->index, point, count, e->c, e->work);
  e->products += count;
  for (int i = 0; i < count; i++) {
    double rho = fabs(e->c[i]) * s->index->scale[centre] * s->index->scale[point[i]];
    if (rho < s->threshold) continue;
    hits++;
    /* masses of duplicates would fill the list with points that are well placed already */
    if (s->ball_of[point[i]] >= 0 && (float)rho <= s->best[point[i]]) continue;
    if (s->found[j] == s->capacity) continue;
    find *f = s->finds + (size_t)j * (size_t)s->capacity + s->found[j]++;
    f->position = point[i];
    f->rho = (float)rho;
  }
  return hits;
}

static void explore(void *task, int j, int thread) {
  cover *s = task;
  explorer *e = s->explorer + thread;
  const double *x = s->index->x + (size_t)s->centre[j] * (size_t)s->index->dim;
  visit root = {0, s->levels, 0};
  int queued = 0, missed = 0;
  s->found[j] = 0;
  push(e->queue, &queued, root);
  while (queued > 0 && missed < s->misses && s->found[j] < s->capacity) {
    visit at = pop(e->queue, &queued);
    if (at.level > 0)
      open_node(s, at, x, e->queue, &queued);
    else
      missed = measure_leaf(s, j, at.node, e) ? 0 : missed + 1;
  }
}

/* ---- batches ---- */

typedef struct {
  const cover *s;
  int count;
  ct_panel *panel; /* one a thread, as c and work */
  double *c;
  double *work;
  size_t work_size;
  float *rho; /* BATCH * BATCH */
} mutual;

static void mutual_panel(void *task, int p, int thread) {
  mutual *m = task;
  const cover *s = m->s;
  ct_panel *panel = m->panel + thread;
  double *c = m->c + (size_t)thread * CT_TILE, *work = m->work + (size_t)thread * m->work_size;
  int first = p * CT_PANEL, lanes = m->count - first < CT_PANEL ? m->count - first : CT_PANEL;
  ct_panel_pack(panel, s->index, s->batch + first, lanes);
  for (int i = 0; i < m->count; i += CT_TILE_ROWS) {
    ct_pair_rows rows;
    int position[CT_TILE_ROWS];
    for (int u = 0; u < CT_TILE_ROWS; u++) position[u] = s->batch[i + u < m->count ? i + u : i];
    ct_pair_rows_at(&rows, s->index, position);
    ct_pairs_tile(s->pairs, panel, &rows, c, work);
    for (int u = 0; u < CT_TILE_ROWS && i + u < m->count; u++)
      for (int l = 0; l < lanes; l++)
        m->rho[(i + u) * BATCH + first + l] =
            (float)(fabs(c[u * CT_PANEL + l]) * s->index->scale[position[u]] *
                    s->index->scale[s->batch[first + l]]);
  }
}

/* The candidates of the batch that no earlier one covers become centres, at most so many. */
static void choose_centres(cover *s, const mutual *m, int most) {
  int chosen[BATCH];
  s->new_centres = 0;
  for (int i = 0; i < m->count && s->new_centres < most; i++) {
    int covered = 0;
    for (int j = 0; j < s->new_centres && !covered; j++)
      covered = m->rho[i * BATCH + chosen[j]] >= (float)s->threshold;
    if (covered) continue;
    chosen[s->new_centres] = i;
    s->centre[s->new_centres++] = s->batch[i];
  }
}

/* A fixed random order: the net does not depend on the caller's random state. */
static void shuffle(int *order, int n) {
  uint64_t state = 0x9E3779B97F4A7C15u;
  for (int i = 0; i < n; i++) order[i] = i;
  for (int i = n - 1; i > 0; i--) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    int j = (int)(state % (uint64_t)(i + 1)), swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
}

static ct_status new_cover(cover *s, mutual *m, const ct_run *run) {
  int threads = run->threads, n = s->index->n;
  CT_NEW(s->leaf_point, &run->arena, n);
  split_cells(s);
  CT_TRY(build_boxes(s, run));
  s->misses = s->index->dim >= 4 ? MISSES_DEEP : MISSES_FLAT;
  s->capacity = 4096 + n / 64;
  if (s->capacity > n) s->capacity = n;
  CT_NEW(s->finds, &run->arena, (size_t)BATCH * (size_t)s->capacity);
  CT_NEW(s->found, &run->arena, BATCH);
  CT_NEW(s->centre, &run->arena, BATCH);
  CT_NEW(s->explorer, &run->arena, threads);
  m->s = s;
  m->work_size = ct_pairs_work(s->pairs, CT_TILE);
  CT_NEW(m->panel, &run->arena, threads);
  CT_NEW(m->c, &run->arena, (size_t)threads * CT_TILE);
  CT_NEW(m->work, &run->arena, (size_t)threads * m->work_size);
  CT_NEW(m->rho, &run->arena, (size_t)BATCH * BATCH);
  for (int i = 0; i < threads; i++) {
    explorer *e = s->explorer + i;
    e->products = 0;
    CT_NEW(e->queue, &run->arena, QUEUE + 1);
    CT_NEW(e->c, &run->arena, LEAF);
    CT_NEW(e->work, &run->arena, ct_pairs_work(s->pairs, LEAF));
    CT_TRY(ct_panel_new(m->panel + i, s->pairs->rank, s->pairs->dim, &run->arena));
  }
  return CT_OK;
}

/* Centres are numbered in the order of their positions, so that neighbouring balls have
 * neighbouring numbers. */
static ct_status number_balls(ct_net *net, const int *found_centre, int *ball_of,
                              const ct_run *run) {
  int n = net->index->n, *number, *rank;
  CT_NEW(number, &run->arena, n);
  CT_NEW(rank, &run->arena, net->count);
  CT_NEW(net->centre, &run->arena, net->count);
  for (int i = 0; i < n; i++) number[i] = -1;
  for (int c = 0; c < net->count; c++) number[found_centre[c]] = c;
  for (int i = 0, r = 0; i < n; i++)
    if (number[i] >= 0) {
      rank[number[i]] = r;
      net->centre[r++] = i;
    }
  for (int i = 0; i < n; i++) {
    if (net->index->scale[i] <= 0) ball_of[i] = -1;
    if (ball_of[i] >= 0) ball_of[i] = rank[ball_of[i]];
  }
  return CT_OK;
}

/* The points still without a ball, in the fixed random order, and where everybody is. */
typedef struct {
  int *order;
  int start;
  int *ball_of; /* of each position, -1: none */
  float *best;  /* correlation with the centre of its ball, 2 for those that need none */
  int *centre;  /* positions of the centres found so far */
  int covered;
} progress;

static ct_status start_progress(progress *at, const ct_net *net, int most, const ct_run *run) {
  int n = net->index->n;
  CT_NEW(at->order, &run->arena, n);
  CT_NEW(at->ball_of, &run->arena, n);
  CT_NEW(at->best, &run->arena, n);
  CT_NEW(at->centre, &run->arena, (size_t)most + BATCH);
  shuffle(at->order, n);
  at->start = at->covered = 0;
  for (int i = 0; i < n; i++) {
    int usable = net->index->scale[i] > 0 && net->members.noise_of[i] <= sqrt(CENTRE_NOISE);
    at->best[i] = usable ? 0 : 2;
    at->ball_of[i] = -1;
    at->covered += !usable;
  }
  return CT_OK;
}

/* The next candidates. */
static int fill_batch(cover *s, progress *at) {
  int count = 0, n = s->index->n;
  float threshold = (float)s->threshold;
  while (at->start < n && at->best[at->order[at->start]] >= threshold) at->start++;
  for (int i = at->start; i < n && count < BATCH; i++)
    if (at->best[at->order[i]] < threshold) s->batch[count++] = at->order[i];
  return count;
}

static void put_into_ball(const cover *s, progress *at, int x, int ball, float rho) {
  at->covered += at->best[x] < (float)s->threshold;
  at->best[x] = rho;
  at->ball_of[x] = ball;
}

/* Gives the finds of the batch's centres to them, one centre after the other. */
static void take_finds(const cover *s, progress *at, int first_ball) {
  for (int j = 0; j < s->new_centres; j++) {
    const find *hit = s->finds + (size_t)j * (size_t)s->capacity;
    at->centre[first_ball + j] = s->centre[j];
    for (int f = 0; f < s->found[j]; f++, hit++)
      if (at->ball_of[hit->position] < 0 || hit->rho > at->best[hit->position])
        put_into_ball(s, at, hit->position, first_ball + j, hit->rho);
  }
  for (int j = 0; j < s->new_centres; j++) put_into_ball(s, at, s->centre[j], first_ball + j, 2);
}

ct_status ct_net_cover(ct_net *net, const ct_residual *index, double radius, int most,
                       double enough, double *covered, double done, double share,
                       ct_stats *stats, const ct_run *run) {
  cover s;
  mutual m;
  progress at;
  net->index = index;
  net->count = 0;
  s.index = index;
  s.pairs = &net->pairs;
  s.threshold = 1 - radius * radius;
  CT_TRY(new_cover(&s, &m, run));
  CT_TRY(start_progress(&at, net, most, run));
  s.ball_of = at.ball_of;
  s.best = at.best;
  while (net->count < most && (m.count = fill_batch(&s, &at)) > 0) {
    double now = done + share * at.covered / index->n;
    CT_TRY(ct_rounds_run(mutual_panel, &m, (m.count + CT_PANEL - 1) / CT_PANEL, 1, now, 0, run));
    stats->products += (double)m.count * m.count;
    choose_centres(&s, &m, most - net->count);
    CT_TRY(ct_rounds_run(explore, &s, s.new_centres, 2, now, 0, run));
    take_finds(&s, &at, net->count);
    net->count += s.new_centres;
  }
  for (int i = 0; i < run->threads; i++) stats->products += s.explorer[i].products;
  *covered = net->count > 0 ? (double)at.covered / index->n : 0;
  if (*covered < enough) return CT_OK;
  CT_TRY(number_balls(net, at.centre, at.ball_of, run));
  CT_TRY(ct_net_join(net, index, at.ball_of, done + share, stats, run));
  return ct_members_lay_out(&net->members, index, index->position, at.ball_of, net->count, run);
}
