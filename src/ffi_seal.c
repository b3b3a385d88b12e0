/* A seal: the checksum of an index as an integer vector that also knows which vectors it is of.
 *
 * It holds every vector of the index, so R takes them for shared and copies them before they are
 * changed: as long as the index's elements are the very vectors that the seal holds, nothing in
 * them has been edited, and the index need not be looked at again. What a session prepares for
 * searches hangs on the seal too, and goes when the index goes.
 *
 * To R it is a plain integer vector: identical() compares its values, and files, copies and other
 * processes get just these. So an index that comes from a file has no seal, and its checksum is
 * computed anew.
 *
 * Elements are compared by address. Attributes need no look: R copies a shared vector before it
 * changes one of its attributes. The values are compared too, because a write to the checksum
 * itself is no reason for a copy. */

#include "ffi.h"

#include <R_ext/Altrep.h>
#include <string.h>

static R_altrep_class_t seal_class;

/* data1 = list(vectors, names, values, room), data2 = the plain vector. */
enum { VECTORS, NAMES, VALUES, ROOM, PARTS };

static R_xlen_t seal_length(SEXP seal) {
  return XLENGTH(R_altrep_data2(seal));
}

static void *seal_pointer(SEXP seal, Rboolean writable) {
  (void)writable;
  return INTEGER(R_altrep_data2(seal));
}

static const void *seal_pointer_or_null(SEXP seal) {
  return INTEGER_RO(R_altrep_data2(seal));
}

static int seal_element(SEXP seal, R_xlen_t i) {
  return INTEGER_RO(R_altrep_data2(seal))[i];
}

static SEXP seal_duplicate(SEXP seal, Rboolean deep) {
  (void)deep;
  return Rf_duplicate(R_altrep_data2(seal));
}

void ffi_seal_init(DllInfo *dll) {
  seal_class = R_make_altinteger_class("seal", "covertree", dll);
  R_set_altrep_Length_method(seal_class, seal_length);
  R_set_altrep_Duplicate_method(seal_class, seal_duplicate);
  R_set_altvec_Dataptr_method(seal_class, seal_pointer);
  R_set_altvec_Dataptr_or_null_method(seal_class, seal_pointer_or_null);
  R_set_altinteger_Elt_method(seal_class, seal_element);
}

/* ---- the vectors of an index, in order ---- */

/* Calls visit(task, vector) until it says no. */
typedef int visitor(void *task, SEXP vector);

static int visit_all(SEXP value, visitor *visit, void *task) {
  if (!visit(task, value)) return 0;
  if (TYPEOF(value) != VECSXP) return 1;
  for (R_xlen_t i = 0; i < XLENGTH(value); i++)
    if (!visit_all(VECTOR_ELT(value, i), visit, task)) return 0;
  return 1;
}

static int visit_index(SEXP index, visitor *visit, void *task) {
  SEXP names = Rf_getAttrib(index, R_NamesSymbol);
  for (R_xlen_t i = 0; i < XLENGTH(index); i++)
    if (strcmp(CHAR(STRING_ELT(names, i)), FFI_CHECKSUM) != 0 &&
        !visit_all(VECTOR_ELT(index, i), visit, task))
      return 0;
  return 1;
}

typedef struct {
  SEXP held;
  R_xlen_t at;
} place;

static int count(void *task, SEXP vector) {
  place *p = task;
  (void)vector;
  p->at++;
  return 1;
}

static int hold(void *task, SEXP vector) {
  place *p = task;
  SET_VECTOR_ELT(p->held, p->at++, vector);
  return 1;
}

static int is_held(void *task, SEXP vector) {
  place *p = task;
  return p->at < XLENGTH(p->held) && VECTOR_ELT(p->held, p->at++) == vector;
}

/* ---- .Call entries ---- */

/* The seal of an index that has no checksum yet. */
SEXP ffi_seal(SEXP index, SEXP threads) {
  SEXP plain = PROTECT(ffi_checksum(index, threads));
  SEXP parts = PROTECT(Rf_allocVector(VECSXP, PARTS));
  place all = {R_NilValue, 0};
  visit_index(index, count, &all);
  all.held = Rf_allocVector(VECSXP, all.at);
  SET_VECTOR_ELT(parts, VECTORS, all.held);
  SET_VECTOR_ELT(parts, NAMES, Rf_duplicate(Rf_getAttrib(index, R_NamesSymbol)));
  SET_VECTOR_ELT(parts, VALUES, Rf_duplicate(plain));
  SET_VECTOR_ELT(parts, ROOM, Rf_allocVector(VECSXP, FFI_ROOM_PARTS));
  all.at = 0;
  visit_index(index, hold, &all);
  SEXP seal = R_new_altrep(seal_class, parts, plain);
  UNPROTECT(2);
  return seal;
}

/* Strings are one where they are the same. */
static int has_its_names(SEXP index, SEXP held) {
  SEXP names = Rf_getAttrib(index, R_NamesSymbol);
  R_xlen_t at = 0;
  for (R_xlen_t i = 0; i < XLENGTH(names); i++) {
    SEXP name = STRING_ELT(names, i);
    if (strcmp(CHAR(name), FFI_CHECKSUM) == 0) continue;
    if (at == XLENGTH(held) || STRING_ELT(held, at++) != name) return 0;
  }
  return at == XLENGTH(held);
}

static int has_its_values(SEXP seal) {
  SEXP now = R_altrep_data2(seal), then = VECTOR_ELT(R_altrep_data1(seal), VALUES);
  size_t bytes = (size_t)XLENGTH(then) * sizeof(int);
  return XLENGTH(now) == XLENGTH(then) && memcmp(INTEGER_RO(now), INTEGER_RO(then), bytes) == 0;
}

SEXP ffi_seal_room(SEXP index) {
  SEXP seal = ffi_list_get(index, FFI_CHECKSUM);
  if (!ALTREP(seal) || !R_altrep_inherits(seal, seal_class)) return R_NilValue;
  SEXP parts = R_altrep_data1(seal);
  place all = {VECTOR_ELT(parts, VECTORS), 0};
  int same = has_its_values(seal) && has_its_names(index, VECTOR_ELT(parts, NAMES)) &&
             visit_index(index, is_held, &all) && all.at == XLENGTH(all.held);
  return same ? VECTOR_ELT(parts, ROOM) : R_NilValue;
}

/* Whether an index has a seal and is, to the address, what it was when it was sealed. */
SEXP ffi_seal_holds(SEXP index) {
  return Rf_ScalarLogical(ffi_seal_room(index) != R_NilValue);
}
