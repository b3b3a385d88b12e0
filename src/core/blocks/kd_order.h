#ifndef CT_KD_ORDER_H
#define CT_KD_ORDER_H

#include "metric/metric.h"
#include "metric/points.h"
#include "run/run.h"

/* Points of one leaf of the k-d order: a run that starts at a multiple of it is a compact cell. */
#define CT_LEAF 32

/* The k-d order of a selection of points: order[] is a permutation of 0 .. count - 1, and entry i
 * stands for point rows[i] of points (rows NULL: point i). Rows may repeat. Scratch: dim + 1
 * numbers an entry. */
ct_status ct_kd_order_rows(const ct_points *points, const ct_metric *metric, const int *rows,
                           int count, int *order, const ct_run *run);

#endif
