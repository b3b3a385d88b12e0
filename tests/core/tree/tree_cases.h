#ifndef TREE_CASES_H
#define TREE_CASES_H

/* Trees over the data and metrics of block_oracle.h, and a metric that counts who asks it. */

#include "blocks/block_oracle.h"
#include "check.h"
#include "ct.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static inline ct_tree tree_new(int n) {
  size_t count = (size_t)n;
  ct_tree tree = {n,
                  malloc(count * sizeof(int)),
                  malloc(count * sizeof(int)),
                  malloc(count * sizeof(int)),
                  malloc(count * sizeof(double)),
                  malloc(count * sizeof(double))};
  return tree;
}

static inline void tree_free(ct_tree *tree) {
  free(tree->point), free(tree->size), free(tree->level);
  free(tree->radius), free(tree->parent_distance);
}

static inline void tree_copy(ct_tree *to, const ct_tree *from) {
  size_t count = (size_t)from->n;
  to->n = from->n;
  memcpy(to->point, from->point, count * sizeof(int));
  memcpy(to->size, from->size, count * sizeof(int));
  memcpy(to->level, from->level, count * sizeof(int));
  memcpy(to->radius, from->radius, count * sizeof(double));
  memcpy(to->parent_distance, from->parent_distance, count * sizeof(double));
}

static inline int tree_same(const ct_tree *a, const ct_tree *b) {
  size_t count = (size_t)a->n;
  return memcmp(a->point, b->point, count * sizeof(int)) == 0 &&
         memcmp(a->size, b->size, count * sizeof(int)) == 0 &&
         memcmp(a->level, b->level, count * sizeof(int)) == 0 &&
         memcmp(a->radius, b->radius, count * sizeof(double)) == 0 &&
         memcmp(a->parent_distance, b->parent_distance, count * sizeof(double)) == 0;
}

/* Points at 2^-i: a level for each, and duplicates once doubles end. Other columns are 0. */
static inline ct_points geometric_points(int n, int dim) {
  double *x = calloc((size_t)n * (size_t)dim, sizeof *x);
  for (int i = 0; i < n; i++) x[i] = ldexp(1, -i);
  ct_points points = {x, n, dim};
  return points;
}

/* Positions of the parents, by the definition of the arrays; -1 for the root. */
static inline int *tree_parents(const ct_tree *tree) {
  int *parent = malloc((size_t)tree->n * sizeof *parent);
  parent[0] = -1;
  for (int i = 0; i < tree->n; i++)
    for (int child = i + 1; child < i + tree->size[i]; child += tree->size[child])
      parent[child] = i;
  return parent;
}

/* A metric over rows given as a table, as a closure would be: not to be asked within a parallel
 * region. */
typedef struct {
  const double *d;  /* n * n, symmetric */
  const double *to; /* queries * n */
  int n;
  int calls;
  int misused;
  int fail_at; /* call that returns `status` instead; negative: none */
  ct_status status;
} table_metric;

static inline ct_status table_ask(table_metric *table, const double *row, const int *rows,
                                  int count, double *out) {
#ifdef _OPENMP
  table->misused |= omp_in_parallel();
#endif
  if (table->calls++ == table->fail_at) {
    out[count - 1] = NAN;
    return table->status;
  }
  for (int j = 0; j < count; j++) out[j] = row[rows[j]];
  return CT_OK;
}

static inline ct_status table_between(const void *self, int a, const int *rows, int count,
                                      double *out) {
  table_metric *table = (table_metric *)self;
  return table_ask(table, table->d + (size_t)a * (size_t)table->n, rows, count, out);
}

static inline ct_status table_to(const void *self, int q, const int *rows, int count, double *out) {
  table_metric *table = (table_metric *)self;
  return table_ask(table, table->to + (size_t)q * (size_t)table->n, rows, count, out);
}

static inline ct_distances table_distances(table_metric *table) {
  ct_distances distances = {
      .between = table_between, .to = table_to, .self = table, .slack = 1e-15};
  table->calls = table->misused = 0;
  table->fail_at = -1;
  table->status = CT_OK;
  return distances;
}

/* Tables: 0 and 1; Hamming distances of random words; random lengths within [1, 2], a metric
 * without geometry; the sum of two lengths of legs, a star; the square root of 1 - exp(-h) on a
 * line, as of a correlation. */
enum { DISCRETE, HAMMING, ALL_ALIKE, STAR, NEAR_ONE, TABLES };

static inline double *table_fill(int kind, int n, uint64_t seed) {
  test_random random = {seed};
  double *d = malloc((size_t)n * (size_t)n * sizeof *d);
  unsigned *word = malloc((size_t)n * sizeof *word);
  double *leg = malloc((size_t)n * sizeof *leg);
  for (int i = 0; i < n; i++) {
    word[i] = (unsigned)test_below(&random, 4096);
    leg[i] = ldexp(1, -test_below(&random, 40));
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      double value = i == j ? 0 : 1;
      if (kind == ALL_ALIKE && i != j) value = 1 + test_uniform(&random);
      if (kind == NEAR_ONE) value = sqrt(1 - exp(-fabs((double)(int)word[i] - (int)word[j]) / 100));
      if (kind == STAR && i != j) value = leg[i] + leg[j];
      if (kind == HAMMING) {
        value = 0;
        for (unsigned bits = word[i] ^ word[j]; bits; bits &= bits - 1) value++;
      }
      d[(size_t)i * (size_t)n + (size_t)j] = d[(size_t)j * (size_t)n + (size_t)i] = value;
    }
  free(word), free(leg);
  return d;
}

#endif
