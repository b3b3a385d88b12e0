/* Cholesky factors of the batch's triangles, row by row. Their diagonals hold reciprocals: 0 where
 * the variance left is not above its rounding error, which takes that neighbour out of the set,
 * because everything it would pass on is multiplied by it. */

/* What is left of the variance of row a, whose entries are solved. */
CT_INLINE vec pivot(const cell *row, int a) {
  vec left = row[a];
  for (int k = 0; k < a; k++) left -= row[k] * row[k];
  return left;
}

/* Entries of row a: four columns at a time, so that a loaded entry serves four sums. */
CT_INLINE void solve_row(const cell *triangle, int a, cell *row) {
  int b = 0;
  for (; b + 4 <= a; b += 4) {
    const cell *r0 = ROW(triangle, b), *r1 = ROW(triangle, b + 1), *r2 = ROW(triangle, b + 2),
               *r3 = ROW(triangle, b + 3);
    vec s0 = row[b], s1 = row[b + 1], s2 = row[b + 2], s3 = row[b + 3];
    for (int k = 0; k < b; k++) {
      vec f = row[k];
      s0 -= f * r0[k], s1 -= f * r1[k], s2 -= f * r2[k], s3 -= f * r3[k];
    }
    row[b] = s0 = s0 * r0[b];
    row[b + 1] = s1 = (s1 - s0 * r1[b]) * r1[b + 1];
    row[b + 2] = s2 = (s2 - s0 * r2[b] - s1 * r2[b + 1]) * r2[b + 2];
    row[b + 3] = (s3 - s0 * r3[b] - s1 * r3[b + 1] - s2 * r3[b + 2]) * r3[b + 3];
  }
  for (; b < a; b++) {
    const cell *r = ROW(triangle, b);
    vec s = row[b];
    for (int k = 0; k < b; k++) s -= row[k] * r[k];
    row[b] = s * r[b];
  }
}

/* Factors the neighbours' rows, solves the last one, and returns what is left of its variance.
 * least: the rounding errors of their variances. dropped: how many neighbours are taken out, is
 * added up. */
static vec factor_triangle(cell *triangle, int size, const cell *least, vec *dropped) {
  for (int a = 0; a < size; a++) {
    cell *row = ROW(triangle, a);
    solve_row(triangle, a, row);
    vec left = pivot(row, a);
    ivec sound = (ivec)(left > least[a]);
    *dropped += pick(sound, SPREAD(0.0), SPREAD(1.0));
    row[a] = pick(sound, 1.0 / VSQRT(pick(sound, left, SPREAD(1.0))), SPREAD(0.0));
  }
  cell *last = ROW(triangle, size);
  solve_row(triangle, size, last);
  return pivot(last, size);
}

/* x := L^-1 x */
static void solve_forward(const cell *triangle, int size, cell *x) {
  for (int a = 0; a < size; a++) {
    const cell *row = ROW(triangle, a);
    vec s = x[a], t = SPREAD(0.0);
    int b = 0;
    for (; b + 2 <= a; b += 2) s -= row[b] * x[b], t -= row[b + 1] * x[b + 1];
    if (b < a) s -= row[b] * x[b];
    x[a] = (s + t) * row[a];
  }
}

/* x := L'^-1 x */
static void solve_back(const cell *triangle, int size, cell *x) {
  for (int a = size - 1; a >= 0; a--) {
    const cell *row = ROW(triangle, a);
    vec t = x[a] = x[a] * row[a];
    for (int b = 0; b < a; b++) x[b] -= t * row[b];
  }
}
