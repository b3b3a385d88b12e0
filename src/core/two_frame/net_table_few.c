/* The table of a few new points. A panel has lanes for many: one point in it costs as much as they
 * all do, and the centres' rows must first be packed for it. A few points are measured against the
 * centres one by one, with the rows of V where they are. */

#include "two_frame/net.h"

#include <math.h>
#include <string.h>

static int16_t steps_of(double correlation) {
  double steps = nearbyint(correlation * CT_TABLE_STEPS);
  return (int16_t)(fmax(-INT16_MAX, fmin(INT16_MAX, steps)));
}

/* Row by row of ball b's block, lane i of it. */
static void set_lane(ct_members *members, const ct_net *net, int i, const double *c) {
  int b = members->ball[i], lane = i - members->start[b];
  double scale = members->points->scale[members->position[i]];
  for (int centre = 0; centre < net->count; centre++) {
    const int16_t *row = ct_table_row(members, net->count, b, centre);
    if (!row) continue;
    double rho = c[centre] * scale * net->index->scale[net->centre[centre]];
    members->table.cell[row - members->table.cell + lane] = steps_of(rho);
  }
}

ct_status ct_table_fill_few(const ct_net *net, ct_members *members, double done, ct_stats *stats,
                            const ct_run *run) {
  double *c, *work;
  size_t entries = members->table.entries;
  CT_NEW(members->table.cell, &run->arena, entries + 1);
  CT_NEW(c, &run->arena, net->count);
  CT_NEW(work, &run->arena, ct_pairs_work(&net->pairs, net->count));
  memset(members->table.cell, 0, entries * sizeof *members->table.cell);
  for (int i = 0; i < members->count; i++) {
    ct_pairs_list(&net->pairs, members->points, members->position[i], net->index, net->centre,
                  net->count, c, work);
    set_lane(members, net, i, c);
    if (run->poll(run->owner, done)) return CT_ERR_INTERRUPTED;
  }
  stats->products += (double)net->count * members->count;
  return CT_OK;
}
