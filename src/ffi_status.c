#include "ffi.h"

#include <string.h>

SEXP ffi_list_get(SEXP list, const char *name) {
  SEXP names = Rf_getAttrib(list, R_NamesSymbol);
  if (TYPEOF(list) != VECSXP || TYPEOF(names) != STRSXP) return R_NilValue;
  for (R_xlen_t i = 0; i < Rf_xlength(list); i++)
    if (strcmp(CHAR(STRING_ELT(names, i)), name) == 0) return VECTOR_ELT(list, i);
  return R_NilValue;
}

/* Calls stop_status() of this package, which signals a classed condition. */
void ffi_raise(ct_status status) {
  if (status == CT_OK) return;
  SEXP name = PROTECT(Rf_mkString("covertree"));
  SEXP space = PROTECT(R_FindNamespace(name));
  SEXP code = PROTECT(Rf_ScalarInteger((int)status));
  SEXP message = PROTECT(Rf_mkString(ct_status_message(status)));
  SEXP call = PROTECT(Rf_lang3(Rf_install("stop_status"), code, message));
  Rf_eval(call, space);
  UNPROTECT(5);
}
