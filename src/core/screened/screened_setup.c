#include "screened/screened_search.h"

#include <string.h>

ct_status ct_screen_find_asking(ct_screen *search, unsigned char *answered, int *blocks,
                                const ct_run *run) {
  const ct_residual_queries *queries = search->task->queries;
  const ct_screened_side *asking = search->asking;
  int lanes = asking->blocks * CT_SCREEN, *lane_of, *query_of, *block;
  CT_NEW(lane_of, &run->arena, asking->points->n);
  CT_NEW(query_of, &run->arena, lanes);
  CT_NEW(block, &run->arena, asking->blocks);
  for (int i = 0; i < asking->points->n; i++) lane_of[i] = -1;
  for (int i = 0; i < lanes; i++) {
    query_of[i] = -1;
    if (asking->position[i] >= 0) lane_of[asking->position[i]] = i;
  }
  for (int q = 0; q < queries->count; q++) {
    if (answered[q]) continue;
    ct_asker asker = ct_asker_of(search->task->index, queries, q);
    int lane = lane_of[asker.position];
    if (lane >= 0 && query_of[lane] < 0) query_of[lane] = q;
  }
  *blocks = 0;
  for (int i = 0; i < lanes; i++)
    if (query_of[i] >= 0 && (*blocks == 0 || block[*blocks - 1] != i / CT_SCREEN))
      block[(*blocks)++] = i / CT_SCREEN;
  search->query_of = query_of;
  search->block = block;
  search->answered = answered;
  return CT_OK;
}

static ct_status new_lists(const ct_screen *search, ct_screener *s, const ct_run *run) {
  int capacity = 2 * search->task->k + 64;
  CT_TRY(ct_scorer_new(&s->scorer, search->task->index, search->task->k, capacity, run));
  ct_shortlist_entry *entry;
  CT_NEW(entry, &run->arena, (size_t)CT_SCREEN * (size_t)capacity);
  for (size_t a = 0; a < CT_SCREEN; a++) {
    s->ask[a].list.entry = entry + a * (size_t)capacity;
    s->ask[a].list.capacity = capacity;
  }
  return CT_OK;
}

ct_status ct_screener_new(const ct_screen *search, ct_screener *s, const ct_run *run) {
  const ct_arena *arena = &run->arena;
  size_t blocks = (size_t)search->points->chunks * CT_SCREEN, groups = (size_t)search->groups;
  float **lanes[] = {&s->need, &s->square, &s->near,       &s->reach,
                     &s->rest, &s->tail,   &s->other_tail, &s->blur};
  memset(s, 0, sizeof *s);
  CT_TRY(new_lists(search, s, run));
  for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++) CT_NEW(*lanes[i], arena, CT_SCREEN);
  CT_NEW(s->sum, arena, (CT_SCREEN + CT_SPARE) * CT_SCREEN);
  memset(s->sum, 0, (CT_SCREEN + CT_SPARE) * CT_SCREEN * sizeof *s->sum);
  CT_NEW(s->top, arena, groups);
  CT_NEW(s->other_top, arena, groups);
  CT_NEW(s->weight, arena, groups);
  CT_NEW(s->left, arena, groups);
  CT_NEW(s->chosen, arena, groups);
  CT_NEW(s->low, arena, search->dim);
  CT_NEW(s->high, arena, search->dim);
  CT_NEW(s->bound, arena, blocks);
  CT_NEW(s->distance, arena, blocks);
  CT_NEW(s->order, arena, blocks);
  CT_NEW(s->bucket, arena, CT_BUCKETS);
  CT_NEW(s->exact, arena, CT_SCREEN);
  CT_NEW(s->work, arena, search->task->index->covariance->work_size + 1);
  return CT_OK;
}
