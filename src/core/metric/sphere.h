#ifndef CT_SPHERE_H
#define CT_SPHERE_H

/* The point of the unit sphere at a longitude and a latitude in degrees: three coordinates.
 * Multiples of 90 degrees give exact zeros and ones, so poles are one point, and -180 and 180 one
 * meridian. */
void ct_sphere_embed(double longitude, double latitude, double *unit);

#endif
