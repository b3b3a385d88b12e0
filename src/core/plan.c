#include "residual_search.h"

#include <string.h>

void ct_residual_plan_default(ct_residual_plan *plan) {
  memset(plan, 0, sizeof *plan);
  plan->method = 0;
  plan->net_radius = 0;
  plan->frame = 0;
  plan->table_bytes = 0;
}
