#include "run/status.h"

const char *ct_status_message(ct_status status) {
  switch (status) {
    case CT_OK: return "no error";
    case CT_ERR_MEMORY: return "not enough memory";
    case CT_ERR_DOMAIN: return "an argument is outside its range";
    case CT_ERR_INTERRUPTED: return "interrupted";
    case CT_ERR_INDEX: return "the index is damaged";
    case CT_ERR_DISTANCE: return "the metric returned a value that is not a distance";
    case CT_ERR_FACTOR: return "a covariance matrix is not positive definite";
  }
  return "unknown status";
}
