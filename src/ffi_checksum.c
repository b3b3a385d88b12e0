/* The checksum of an index: of the names of its elements, and of all they hold, to the last
 * attribute. Functions count by their arguments and body, not by what their environments hold. */

#include "ffi.h"

#include "run/checksum.h"

#include <string.h>

static uint64_t sum_of(SEXP value, int threads);

/* Characters as UTF-8: another session may hold the same string in another encoding. */
static uint64_t sum_of_string(SEXP string) {
  if (string == NA_STRING) return 1;
  const char *text = Rf_getCharCE(string) == CE_BYTES ? CHAR(string) : Rf_translateCharUTF8(string);
  return ct_checksum(text, strlen(text), 1, 1);
}

static uint64_t sum_of_strings(SEXP strings) {
  uint64_t sum = 0;
  const void *top = vmaxget();
  for (R_xlen_t i = 0; i < Rf_xlength(strings); i++)
    sum = ct_checksum_word(sum, sum_of_string(STRING_ELT(strings, i)));
  vmaxset(top);
  return sum;
}

static uint64_t sum_of_list(SEXP list, int threads) {
  uint64_t sum = 0;
  for (R_xlen_t i = 0; i < Rf_xlength(list); i++)
    sum = ct_checksum_word(sum, sum_of(VECTOR_ELT(list, i), threads));
  return sum;
}

static uint64_t sum_of_call(SEXP call, int threads) {
  uint64_t sum = 0;
  for (; call != R_NilValue; call = CDR(call)) {
    sum = ct_checksum_word(sum, TAG(call) == R_NilValue ? 0 : sum_of_string(PRINTNAME(TAG(call))));
    sum = ct_checksum_word(sum, sum_of(CAR(call), threads));
  }
  return sum;
}

/* What a function of base R says of a value. */
static SEXP ask(const char *about, SEXP value) {
  SEXP call = PROTECT(Rf_lang2(Rf_install(about), value));
  SEXP answer = Rf_eval(call, R_BaseEnv);
  UNPROTECT(1);
  return answer;
}

static uint64_t sum_of_function(SEXP f, int threads) {
  SEXP arguments = PROTECT(ask("formals", f)), body = PROTECT(ask("body", f));
  uint64_t sum = ct_checksum_word(sum_of(arguments, threads), sum_of(body, threads));
  UNPROTECT(2);
  return sum;
}

static uint64_t sum_of_contents(SEXP value, int threads) {
  size_t count = (size_t)Rf_xlength(value);
  switch (TYPEOF(value)) {
    case LGLSXP: return ct_checksum(LOGICAL_RO(value), count, sizeof(int), threads);
    case INTSXP: return ct_checksum(INTEGER_RO(value), count, sizeof(int), threads);
    case REALSXP: return ct_checksum(REAL_RO(value), count, sizeof(double), threads);
    case CPLXSXP: return ct_checksum(COMPLEX_RO(value), 2 * count, sizeof(double), threads);
    case RAWSXP: return ct_checksum(RAW_RO(value), count, 1, threads);
    case STRSXP: return sum_of_strings(value);
    case VECSXP:
    case EXPRSXP: return sum_of_list(value, threads);
    case LANGSXP:
    case LISTSXP: return sum_of_call(value, threads);
    case SYMSXP: return sum_of_string(PRINTNAME(value));
    case CLOSXP: return sum_of_function(value, threads);
    default: return 0;
  }
}

/* Attributes in any order. */
static uint64_t sum_of_attributes(SEXP value, int threads) {
  uint64_t sum = 0;
  SEXP attributes = PROTECT(ask("attributes", value));
  SEXP names = PROTECT(Rf_getAttrib(attributes, R_NamesSymbol));
  for (R_xlen_t i = 0; i < Rf_xlength(attributes); i++)
    sum += ct_checksum_word(sum_of_string(STRING_ELT(names, i)),
                            sum_of(VECTOR_ELT(attributes, i), threads));
  UNPROTECT(2);
  return sum;
}

static uint64_t sum_of(SEXP value, int threads) {
  uint64_t sum = ct_checksum_word((uint64_t)TYPEOF(value), sum_of_contents(value, threads));
  if (!Rf_isVector(value)) return sum; /* attributes of code say where it stood */
  return ct_checksum_word(sum, sum_of_attributes(value, threads));
}

/* Two integers. */
SEXP ffi_checksum(SEXP index, SEXP threads) {
  SEXP names = Rf_getAttrib(index, R_NamesSymbol);
  uint64_t sum = 0;
  for (R_xlen_t i = 0; i < Rf_xlength(index); i++) {
    SEXP name = STRING_ELT(names, i);
    if (strcmp(CHAR(name), FFI_CHECKSUM) == 0) continue;
    sum = ct_checksum_word(sum, sum_of_string(name));
    sum = ct_checksum_word(sum, sum_of(VECTOR_ELT(index, i), Rf_asInteger(threads)));
  }
  SEXP answer = Rf_allocVector(INTSXP, 2);
  uint32_t half[2] = {(uint32_t)sum, (uint32_t)(sum >> 32)};
  memcpy(INTEGER(answer), half, sizeof half);
  return answer;
}
