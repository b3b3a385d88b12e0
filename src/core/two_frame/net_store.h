#ifndef CT_NET_STORE_H
#define CT_NET_STORE_H

#include "two_frame/net.h"

/* A net with its table as a handful of numbers and of arrays, so that an index can hold it, a file
 * can keep it, and a later call can search by it. */

#define CT_NET_NUMBERS 17
#define CT_NET_ARRAYS 39

/* One array of a net: its name, where the net points at it, and its size. */
typedef struct {
  const char *name;
  void **data;
  size_t bytes;
} ct_net_array;

/* The numbers that say how large a net's arrays are, and its bounds that are not arrays. */
void ct_net_numbers(const ct_net *net, double numbers[CT_NET_NUMBERS]);

/* A net of these numbers, whose arrays are still to be set through ct_net_arrays(). 0 when they
 * cannot be those of a net of so many points. */
int ct_net_of_numbers(ct_net *net, const double numbers[CT_NET_NUMBERS], const ct_residual *index,
                      const ct_run *run);

/* The arrays, always the same in the same order. Sizes follow from the numbers alone. */
void ct_net_arrays(ct_net *net, ct_net_array arrays[CT_NET_ARRAYS]);

/* Whether a search can use the net: indices within their ranges, numbers finite and of a size that
 * leaves all that is made of them finite. seen: a byte for each point of the index, overwritten. */
int ct_net_in_range(const ct_net *net, char *seen);

#endif
