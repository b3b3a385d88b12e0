#include "metric/canonical.h"

#include "tree/tree_claim.h"

#include <string.h>

/* Rows that make distances between centres worth their cost. */
#define MEASURED 256

/* A new centre's claim on the rows behind it. */
typedef struct {
  int centre, number;
  double least_half;  /* half its distance to the nearest centre so far */
  const double *half; /* to each by number, or NULL */
} claim;

/* Half a distance d of two centres, made smaller by the rounding errors of all that is compared: a
 * point that is computed to be no farther than that from one of them is not computed to be nearer
 * to the other. */
static double safe_half(const ct_tree_builder *b, double d) {
  double half = (d - (b->slack * d + b->absolute)) / (2 + b->slack);
  return half > 0 ? half : 0;
}

/* Distances of a new centre to the old ones, halved, by number. Only for long runs: they must pay
 * for j more distances and another call. */
static ct_status measure_centres(const ct_tree_builder *b, int start, int centre, int j) {
  const int *point = b->tree->point;
  double d[CT_CLAIM_CHUNK];
  int row[CT_CLAIM_CHUNK];
  double *half = b->half + start;
  half[0] = safe_half(b, b->tree->parent_distance[centre]);
  for (int from = 1; from < j; from += CT_CLAIM_CHUNK) {
    int count = j - from < CT_CLAIM_CHUNK ? j - from : CT_CLAIM_CHUNK;
    for (int i = 0; i < count; i++) row[i] = point[b->centre[start + from - 1 + i]];
    CT_TRY(ct_distances_between(b->distances, point[centre], row, count, d));
    for (int i = 0; i < count; i++) half[from + i] = safe_half(b, d[i]);
  }
  return CT_OK;
}

/* Positions of a chunk whose points may be nearer to the new centre than to theirs. */
static int contested(const ct_tree_builder *b, const claim *c, int from, int count, int *position) {
  int found = 0;
  for (int i = from; i < from + count; i++) {
    double half = c->half ? c->half[b->owner[i]] : c->least_half;
    position[found] = i;
    found += b->nearest[i] > half;
  }
  return found;
}

/* Gives rows of a chunk to the new centre if it is nearer. */
static ct_status claim_chunk(const ct_tree_builder *b, const claim *c, int from, int count,
                             double *evaluations) {
  const int *point = b->tree->point;
  int position[CT_CLAIM_CHUNK], row[CT_CLAIM_CHUNK];
  double d[CT_CLAIM_CHUNK];
  int found = contested(b, c, from, count, position);
  for (int i = 0; i < found; i++) row[i] = point[position[i]];
  CT_TRY(ct_distances_between(b->distances, point[c->centre], row, found, d));
  *evaluations += found;
  for (int i = 0; i < found; i++) {
    if (d[i] >= b->nearest[position[i]]) continue;
    b->nearest[position[i]] = d[i];
    b->owner[position[i]] = c->number;
  }
  return CT_OK;
}

static int chunk_count(int from, int end) {
  return end - from < CT_CLAIM_CHUNK ? end - from : CT_CLAIM_CHUNK;
}

static ct_status claim_by_team(const ct_tree_builder *b, const claim *c, int end,
                               ct_tree_worker *w) {
  int failed = CT_OK;
  int first = c->centre + 1, chunks = (end - first - 1) / CT_CLAIM_CHUNK + 1;
  double evaluations = 0;
#pragma omp parallel for num_threads(w->team) schedule(static) reduction(max : failed) \
    reduction(+ : evaluations)
  for (int i = 0; i < chunks; i++) {
    int from = first + i * CT_CLAIM_CHUNK;
    int status = (int)claim_chunk(b, c, from, chunk_count(from, end), &evaluations);
    failed = status > failed ? status : failed;
  }
  w->evaluations += evaluations;
  return (ct_status)failed;
}

/* Compares the later rows of the set with new centre number j. */
ct_status ct_tree_claim_rows(const ct_tree_builder *b, int start, int centre, int j, int end,
                             ct_tree_worker *w) {
  int rows = end - centre - 1;
  claim c = {centre, j, safe_half(b, b->nearest[centre]), NULL};
  if (j > 1 && rows >= MEASURED && rows / 4 > j) {
    CT_TRY(measure_centres(b, start, centre, j));
    c.half = b->half + start;
    w->evaluations += j - 1;
  }
  if (w->team > 1 && rows >= b->team_rows) return claim_by_team(b, &c, end, w);
  for (int from = centre + 1; from < end; from += CT_CLAIM_CHUNK)
    CT_TRY(claim_chunk(b, &c, from, chunk_count(from, end), &w->evaluations));
  return CT_OK;
}

static int first_beyond(const double *nearest, int from, int end, double reach) {
  while (from < end && nearest[from] <= reach) from++;
  return from;
}

/* Finds the new centres of the set start .. end - 1. */
ct_status ct_tree_choose_centres(const ct_tree_builder *b, int start, int end, double reach,
                                 int *centres, ct_tree_worker *w) {
  *centres = 0;
  memcpy(b->nearest + start, b->tree->parent_distance + start,
         (size_t)(end - start) * sizeof *b->nearest);
  memset(b->owner + start, 0, (size_t)(end - start) * sizeof *b->owner);
  for (int i = start; (i = first_beyond(b->nearest, i, end, reach)) < end; i++) {
    b->centre[start + *centres] = i;
    b->owner[i] = ++*centres;
    CT_TRY(ct_tree_claim_rows(b, start, i, *centres, end, w));
    if (w->pace) CT_TRY(ct_pace_poll(w->pace, w->done));
  }
  return CT_OK;
}
