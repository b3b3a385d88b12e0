#include "run/run.h"

const char *ct_phase_name(ct_phase phase) {
  static const char *const names[CT_PHASES] = {"order",  "tree", "factor", "net",   "table",
                                               "blocks", "seed", "search", "select"};
  return names[phase];
}

void ct_stats_add(ct_stats *into, const ct_stats *from) {
  into->queries += from->queries;
  into->evaluations += from->evaluations;
  into->products += from->products;
  into->nodes += from->nodes;
  for (int i = 0; i < CT_PHASES; i++) into->seconds[i] += from->seconds[i];
}
