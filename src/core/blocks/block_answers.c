/* Column-major answers without a copy of them.
 *
 * R wants columns, a search has rows: k numbers for one query. Written straight to k columns, every
 * number costs a cache line of its own, and with queries in k-d order no other query fills that
 * line soon: for 10^6 queries and k = 30 that is 0.6 s, as long as the search. Staging some
 * thousand queries and writing them column by column is no faster (0.55 to 0.75 s), a row-major
 * copy of everything and its transposition take 0.44 s and the memory of a second result. What is
 * done here takes 0.28 s and no memory to speak of.
 *
 * Queries are cut into panels of B consecutive ones; the few behind the last panel are written to
 * their columns at once. The columns, too, are cut into pieces of B numbers, the slots: slot s is
 * piece s % P of column s / P, when there are P panels. So the slots have room for exactly the
 * answers of all panels, k slots for each, and while the search goes on panel p has the slots p k
 * .. p k + k - 1, as one long piece of memory, in which its queries stand one after the other.
 *
 * In the end every panel is transposed within its slots, through a buffer that fits the cache: its
 * slot j then holds column j of the panel. It stands at p k + j and belongs to j P + p, a
 * transposition of whole slots, done along the cycles of that permutation with one slot put aside.
 * Threads share the panels, and then the breadth of the slots: each moves its part of every one. */

#include "blocks/block_answers.h"

#include <math.h>
#include <string.h>

#include "run/inline.h"
#include "run/parallel.h"

/* A panel's buffer, of doubles: 512 KB, half of a usual second-level cache. */
#define BUFFER 65536

/* Numbers in a slot, 128 to 2048. Shorter ones would cost a cache miss each again: rather a larger
 * buffer. */
#define SHORTEST_BITS 7
#define LONGEST_BITS 11

#define CACHE_LINE 64

/* Neighbours whose place is asked for ahead: a processor waits for some dozens of lines at most. */
#define PREFETCHED 128

/* The part of a slot that one thread moves at a time. */
#define PART 128

void ct_block_answers_start(ct_block_answers *answers, int *id, double *dist, int queries, int k) {
  int bits = LONGEST_BITS;
  while (bits > SHORTEST_BITS && ((size_t)k << bits) > BUFFER) bits--;
  answers->id = id;
  answers->dist = dist;
  answers->queries = (size_t)queries;
  answers->k = (size_t)k;
  answers->panel_bits = bits;
  answers->panel = (size_t)1 << bits;
  answers->panels = (size_t)queries >> bits;
}

/* Where slot s begins. */
static size_t slot_at(const ct_block_answers *a, size_t s) {
  return s / a->panels * a->queries + s % a->panels * a->panel;
}

/* Where neighbour j of query q stands while the answers are filled, and how many stand together. */
static size_t place_of(const ct_block_answers *a, size_t q, size_t j, size_t *together) {
  size_t p = q >> a->panel_bits;
  if (p >= a->panels) {
    *together = 1;
    return q + j * a->queries;
  }
  size_t within = (q - (p << a->panel_bits)) * a->k + j;
  size_t slot = within >> a->panel_bits, at = within & (a->panel - 1);
  *together = a->panel - at;
  return slot_at(a, p * a->k + slot) + at;
}

void ct_block_answers_write(const ct_block_answers *answers, int q, const int *row,
                            const double *distance, int found) {
  size_t known = (size_t)found, together;
  for (size_t j = 0; j < answers->k; j += together) {
    size_t at = place_of(answers, (size_t)q, j, &together);
    if (together > answers->k - j) together = answers->k - j;
    size_t copied = j + together <= known ? together : j < known ? known - j : 0;
    memcpy(answers->id + at, row + j, copied * sizeof *row);
    memcpy(answers->dist + at, distance + j, copied * sizeof *distance);
    for (size_t i = copied; i < together; i++)
      answers->id[at + i] = -1, answers->dist[at + i] = NAN;
  }
}

/* Asks for the cache lines of bytes at p, which are going to be written. */
CT_INLINE void prefetch(const void *p, size_t bytes) {
  const char *line = p;
  for (size_t i = 0; i < bytes + CACHE_LINE - 1; i += CACHE_LINE) __builtin_prefetch(line + i, 1);
}

void ct_block_answers_prefetch(const ct_block_answers *answers, int q) {
  size_t together, at = place_of(answers, (size_t)q, 0, &together);
  if (together > answers->k) together = answers->k;
  if (together > PREFETCHED) together = PREFETCHED;
  prefetch(answers->id + at, together * sizeof *answers->id);
  prefetch(answers->dist + at, together * sizeof *answers->dist);
}

/* ---- panels ---- */

typedef struct {
  const ct_block_answers *answers;
  double *buffer; /* per thread; holds ints too */
  const char *leader;
} turn_task;

/* The panel's numbers are gathered, and come back column by column. */
#define TURN_PANEL(type, numbers)                                                        \
  do {                                                                                   \
    type *copy = (type *)buffer;                                                         \
    for (size_t j = 0; j < k; j++)                                                       \
      memcpy(copy + j * panel, (numbers) + slot_at(a, p * k + j), panel * sizeof(type)); \
    for (size_t j = 0; j < k; j++) {                                                     \
      type *column = (numbers) + slot_at(a, p * k + j);                                  \
      for (size_t i = 0; i < panel; i++) column[i] = copy[i * k + j];                    \
    }                                                                                    \
  } while (0)

static void turn_panel(void *task, int number, int thread) {
  const turn_task *turn = task;
  const ct_block_answers *a = turn->answers;
  size_t p = (size_t)number, k = a->k, panel = a->panel;
  double *buffer = turn->buffer + (size_t)thread * panel * k;
  TURN_PANEL(int, a->id);
  TURN_PANEL(double, a->dist);
}

/* ---- slots ---- */

/* The slot whose content belongs into slot s. */
static size_t source_of(const ct_block_answers *a, size_t s) {
  return s % a->panels * a->k + s / a->panels;
}

/* Marks one slot of every cycle that moves anything. seen: scratch. */
static void find_cycles(const ct_block_answers *a, char *leader, char *seen) {
  size_t slots = a->panels * a->k;
  memset(leader, 0, slots);
  memset(seen, 0, slots);
  for (size_t s = 0; s < slots; s++) {
    if (seen[s]) continue;
    leader[s] = source_of(a, s) != s;
    for (size_t t = s; !seen[t]; t = source_of(a, t)) seen[t] = 1;
  }
}

/* Every slot of the cycle takes the numbers from .. from + PART - 1 of its source. */
#define TURN_CYCLE(type, numbers)                                                                \
  do {                                                                                           \
    type *aside = (type *)buffer;                                                                \
    size_t bytes = PART * sizeof(type), slot = first;                                            \
    memcpy(aside, (numbers) + slot_at(a, first) + from, bytes);                                  \
    for (size_t source = source_of(a, slot); source != first; source = source_of(a, slot)) {     \
      memcpy((numbers) + slot_at(a, slot) + from, (numbers) + slot_at(a, source) + from, bytes); \
      slot = source;                                                                             \
    }                                                                                            \
    memcpy((numbers) + slot_at(a, slot) + from, aside, bytes);                                   \
  } while (0)

static void turn_slots(void *task, int part, int thread) {
  const turn_task *turn = task;
  const ct_block_answers *a = turn->answers;
  size_t from = (size_t)part * PART;
  double *buffer = turn->buffer + (size_t)thread * a->panel * a->k;
  for (size_t first = 0; first < a->panels * a->k; first++) {
    if (!turn->leader[first]) continue;
    TURN_CYCLE(int, a->id);
    TURN_CYCLE(double, a->dist);
  }
}

ct_status ct_block_answers_finish(const ct_block_answers *answers, double done, double share,
                                  const ct_run *run) {
  turn_task turn = {answers, NULL, NULL};
  size_t slots = answers->panels * answers->k;
  char *leader, *seen;
  if (answers->panels == 0) return CT_OK;
  CT_NEW(turn.buffer, &run->arena, (size_t)run->threads * answers->panel * answers->k);
  CT_NEW(leader, &run->arena, slots);
  CT_NEW(seen, &run->arena, slots);
  CT_TRY(ct_rounds_run(turn_panel, &turn, (int)answers->panels, 1, done, share / 2, run));
  find_cycles(answers, leader, seen);
  turn.leader = leader;
  int parts = (int)(answers->panel / PART);
  return ct_rounds_run(turn_slots, &turn, parts, 1, done + share / 2, share / 2, run);
}
