#ifndef CT_TWO_FRAME_H
#define CT_TWO_FRAME_H

#include "metric/queries.h"
#include "two_frame/net.h"

/* What is known about each query. */
typedef enum {
  CT_QUERY_OPEN, /* to be answered by the two-frame search */
  CT_QUERY_ANSWERED,
  CT_QUERY_LATER, /* not yet */
  CT_QUERY_ASIDE  /* has so many candidates, or so small a limit, that the scan is the better way */
} ct_query_state;

/* Answers open queries from a net with its table; asking are the net's members (queries by rows) or
 * the laid-out new points. Queries that turn out to have too many candidates become CT_QUERY_ASIDE.
 */
ct_status ct_two_frame_search(const ct_net *net, const ct_members *asking,
                              const ct_residual_queries *queries, int k, unsigned char *state,
                              int *id, double *dist, double done, double share, ct_stats *stats,
                              const ct_run *run);

#endif
