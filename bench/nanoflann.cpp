// All nearest neighbours by nanoflann, for comparison: build and search, one thread, queries in row order.
// Called by euclid.R; compiled by `R CMD SHLIB` there. Needs <nanoflann.hpp> (Debian: libnanoflann-dev).
#include <nanoflann.hpp>

#include <chrono>
#include <cmath>
#include <vector>

#define STRICT_R_HEADERS
#define R_NO_REMAP
#include <R.h>
#include <Rinternals.h>

template <int D>
struct Cloud {
  std::vector<double> x;
  size_t kdtree_get_point_count() const { return x.size() / D; }
  double kdtree_get_pt(size_t i, size_t c) const { return x[i * D + c]; }
  template <class Box>
  bool kdtree_get_bbox(Box &) const { return false; }
};

template <int D>
static double search(const double *x, size_t n, size_t k, int *id, double *dist) {
  using Metric = nanoflann::L2_Simple_Adaptor<double, Cloud<D>>;
  using Tree = nanoflann::KDTreeSingleIndexAdaptor<Metric, Cloud<D>, D, unsigned int>;
  auto start = std::chrono::steady_clock::now();
  Cloud<D> cloud;
  cloud.x.resize(n * D);
  for (size_t i = 0; i < n; i++)
    for (int c = 0; c < D; c++) cloud.x[i * D + c] = x[i + c * n];
  Tree tree(D, cloud, nanoflann::KDTreeSingleIndexAdaptorParams(10));
  tree.buildIndex();
  std::vector<unsigned int> found(k + 1);
  std::vector<double> sq(k + 1);
  for (size_t i = 0; i < n; i++) {
    tree.knnSearch(&cloud.x[i * D], k + 1, found.data(), sq.data());
    size_t j = 0;
    for (size_t f = 0; f <= k && j < k; f++) {
      if (found[f] == i) continue;
      id[i + j * n] = (int)found[f] + 1;
      dist[i + j++ * n] = std::sqrt(sq[f]);
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

extern "C" SEXP nanoflann_knn(SEXP x, SEXP k_) {
  int n = Rf_nrows(x), k = Rf_asInteger(k_);
  const char *names[] = {"index", "distance", "seconds", ""};
  SEXP answer = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(answer, 0, Rf_allocMatrix(INTSXP, n, k));
  SET_VECTOR_ELT(answer, 1, Rf_allocMatrix(REALSXP, n, k));
  int *id = INTEGER(VECTOR_ELT(answer, 0));
  double *dist = REAL(VECTOR_ELT(answer, 1)), seconds = 0;
  switch (Rf_ncols(x)) {
    case 2: seconds = search<2>(REAL(x), n, k, id, dist); break;
    case 3: seconds = search<3>(REAL(x), n, k, id, dist); break;
    case 5: seconds = search<5>(REAL(x), n, k, id, dist); break;
    case 10: seconds = search<10>(REAL(x), n, k, id, dist); break;
    default: Rf_error("dimension not compiled");
  }
  SET_VECTOR_ELT(answer, 2, Rf_ScalarReal(seconds));
  UNPROTECT(1);
  return answer;
}
