#ifndef CT_NET_FRAMES_H
#define CT_NET_FRAMES_H

/* What the makers of frames and of their members' coordinates share. */

#include "two_frame/net.h"

/* Bounds in float are rounded away from what they bound. */
#define CT_FLOAT_UP 1.000001
#define CT_FLOAT_ROUND 5.97e-8

/* Positions of the centres of ball b's frame. */
void ct_frame_centres(const ct_net *net, int b, int *centre);

/* Correlations of point i with the centres of a frame, in doubles. work: ct_pairs_work() of
 * them. */
void ct_frame_correlate(const ct_net *net, const ct_residual *points, int i, const int *centre,
                        double *rho, double *work);

/* Those of the centres with each other, row by row. */
void ct_frame_gram(const ct_net *net, const int *centre, double *G, double *work);

#endif
