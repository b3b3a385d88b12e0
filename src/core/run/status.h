#ifndef CT_STATUS_H
#define CT_STATUS_H

/* What every core function that can fail returns. Anything but CT_OK leaves the outputs
 * undefined. */
typedef enum {
  CT_OK = 0,
  CT_ERR_MEMORY,      /* the caller's arena returned NULL */
  CT_ERR_DOMAIN,      /* an argument outside the range its header states */
  CT_ERR_INTERRUPTED, /* the caller's poll asked to stop */
  CT_ERR_INDEX,       /* an index that breaks one of its invariants */
  CT_ERR_DISTANCE,    /* a metric returned what cannot be a distance */
  CT_ERR_FACTOR       /* a covariance matrix is not positive definite */
} ct_status;

/* A sentence without a full stop; never NULL. */
const char *ct_status_message(ct_status status);

#define CT_TRY(call)                      \
  do {                                    \
    ct_status ct_try_ = (call);           \
    if (ct_try_ != CT_OK) return ct_try_; \
  } while (0)

#endif
