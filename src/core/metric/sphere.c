#include "metric/canonical.h"

#include "metric/sphere.h"

#include <math.h>

static const double radians_per_degree = 3.14159265358979323846 / 180.0;

/* The angle is reduced to [-45, 45] degrees exactly, before it becomes radians. */
static void sin_cos_degrees(double degrees, double *sine, double *cosine) {
  int quarter = 0;
  double rest = remquo(degrees, 90.0, &quarter) * radians_per_degree;
  double s = sin(rest), c = cos(rest);
  switch (quarter & 3) {
    case 0: *sine = s, *cosine = c; break;
    case 1: *sine = c, *cosine = -s; break;
    case 2: *sine = -s, *cosine = -c; break;
    default: *sine = -c, *cosine = s; break;
  }
}

void ct_sphere_embed(double longitude, double latitude, double *unit) {
  double sin_lon, cos_lon, sin_lat, cos_lat;
  sin_cos_degrees(longitude, &sin_lon, &cos_lon);
  sin_cos_degrees(latitude, &sin_lat, &cos_lat);
  unit[0] = cos_lat * cos_lon;
  unit[1] = cos_lat * sin_lon;
  unit[2] = sin_lat;
}
