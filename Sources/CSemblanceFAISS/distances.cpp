// FAISS' distance loops over our kernels.
//
// Debian compiles FAISS without vector instructions. All of its distance loops live in one member of the archive
// libfaiss.a, distances_simd.cpp.o; this file defines every symbol of that member, so the linker takes these and never
// pulls the member. Beside the hot ones there are plain loops that FAISS itself calls rarely.
// Later releases of FAISS added functions to that file, so they keep their own.

#include <faiss/Index.h>

#if FAISS_VERSION_MAJOR == 1 && FAISS_VERSION_MINOR == 7 && FAISS_VERSION_PATCH <= 3

#include <faiss/impl/FaissAssert.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <cmath>

#include "CSemblanceKernels.h"

namespace faiss {

static const semblance_distances &kernels() { return *semblance_distances_at(semblance_cpu()); }

float fvec_inner_product(const float *x, const float *y, size_t d) { return kernels().inner_product(x, y, d); }

float fvec_L2sqr(const float *x, const float *y, size_t d) { return kernels().squared_l2(x, y, d); }

float fvec_norm_L2sqr(const float *x, size_t d) { return kernels().inner_product(x, x, d); }

void fvec_inner_products_ny(float *out, const float *x, const float *y, size_t d, size_t ny) {
    kernels().inner_product_ny(x, y, d, ny, out);
}

void fvec_L2sqr_ny(float *out, const float *x, const float *y, size_t d, size_t ny) {
    kernels().squared_l2_ny(x, y, d, ny, out);
}

float fvec_L1(const float *x, const float *y, size_t d) {
    float sum = 0;
    for (size_t i = 0; i < d; i++) sum += std::fabs(x[i] - y[i]);
    return sum;
}

float fvec_Linf(const float *x, const float *y, size_t d) {
    float largest = 0;
    for (size_t i = 0; i < d; i++) largest = std::fmax(largest, std::fabs(x[i] - y[i]));
    return largest;
}

static size_t nearest_of(const float *distances, size_t count) {
    return count == 0 ? 0 : size_t(std::min_element(distances, distances + count) - distances);
}

size_t fvec_L2sqr_ny_nearest(float *distances, const float *x, const float *y, size_t d, size_t ny) {
    fvec_L2sqr_ny(distances, x, y, d, ny);
    return nearest_of(distances, ny);
}

/// `y` is column-major: component j of vector i is y[i + j * d_offset].
void fvec_L2sqr_ny_y_transposed_ref(
    float *distances, const float *x, const float *y, const float *y_sqlen, size_t d, size_t d_offset, size_t ny
) {
    float x_sqlen = fvec_norm_L2sqr(x, d);
    for (size_t i = 0; i < ny; i++) {
        float product = 0;
        for (size_t j = 0; j < d; j++) product += x[j] * y[i + j * d_offset];
        distances[i] = x_sqlen + y_sqlen[i] - 2 * product;
    }
}

size_t fvec_L2sqr_ny_nearest_y_transposed(
    float *distances, const float *x, const float *y, const float *y_sqlen, size_t d, size_t d_offset, size_t ny
) {
    fvec_L2sqr_ny_y_transposed_ref(distances, x, y, y_sqlen, d, d_offset, ny);
    return nearest_of(distances, ny);
}

void fvec_madd(size_t n, const float *a, float bf, const float *b, float *c) {
    for (size_t i = 0; i < n; i++) c[i] = a[i] + bf * b[i];
}

/// Also gives the place of the smallest sum; -1 where none is below 1e20.
int fvec_madd_and_argmin(size_t n, const float *a, float bf, const float *b, float *c) {
    float smallest = 1e20f;
    int place = -1;
    for (size_t i = 0; i < n; i++) {
        c[i] = a[i] + bf * b[i];
        if (c[i] < smallest) {
            smallest = c[i];
            place = int(i);
        }
    }
    return place;
}

void fvec_add(size_t d, const float *a, const float *b, float *c) {
    for (size_t i = 0; i < d; i++) c[i] = a[i] + b[i];
}

void fvec_add(size_t d, const float *a, float b, float *c) {
    for (size_t i = 0; i < d; i++) c[i] = a[i] + b;
}

void fvec_sub(size_t d, const float *a, const float *b, float *c) {
    for (size_t i = 0; i < d; i++) c[i] = a[i] - b[i];
}

/// Distances of every pair of components of `nx` vectors to `ksub` centroids: tables [nx, d / 2, ksub], centroids
/// [d / 2, ksub, 2].
void compute_PQ_dis_tables_dsub2(
    size_t d, size_t ksub, const float *centroids, size_t nx, const float *x, bool is_inner_product, float *tables
) {
    FAISS_THROW_IF_NOT(ksub % 8 == 0);
    size_t pairs = d / 2;
    for (size_t i = 0; i < nx; i++)
        for (size_t m = 0; m < pairs; m++) {
            float x0 = x[i * d + 2 * m], x1 = x[i * d + 2 * m + 1];
            const float *c = centroids + m * ksub * 2;
            float *table = tables + (i * pairs + m) * ksub;
            for (size_t k = 0; k < ksub; k++) {
                float c0 = c[2 * k], c1 = c[2 * k + 1];
                table[k] = is_inner_product ? x0 * c0 + x1 * c1 : (x0 - c0) * (x0 - c0) + (x1 - c1) * (x1 - c1);
            }
        }
}

// The member's plain versions, the same functions here.

float fvec_inner_product_ref(const float *x, const float *y, size_t d) { return fvec_inner_product(x, y, d); }

float fvec_L2sqr_ref(const float *x, const float *y, size_t d) { return fvec_L2sqr(x, y, d); }

float fvec_norm_L2sqr_ref(const float *x, size_t d) { return fvec_norm_L2sqr(x, d); }

float fvec_L1_ref(const float *x, const float *y, size_t d) { return fvec_L1(x, y, d); }

float fvec_Linf_ref(const float *x, const float *y, size_t d) { return fvec_Linf(x, y, d); }

void fvec_inner_products_ny_ref(float *out, const float *x, const float *y, size_t d, size_t ny) {
    fvec_inner_products_ny(out, x, y, d, ny);
}

void fvec_L2sqr_ny_ref(float *out, const float *x, const float *y, size_t d, size_t ny) {
    fvec_L2sqr_ny(out, x, y, d, ny);
}

size_t fvec_L2sqr_ny_nearest_ref(float *distances, const float *x, const float *y, size_t d, size_t ny) {
    return fvec_L2sqr_ny_nearest(distances, x, y, d, ny);
}

size_t fvec_L2sqr_ny_nearest_y_transposed_ref(
    float *distances, const float *x, const float *y, const float *y_sqlen, size_t d, size_t d_offset, size_t ny
) {
    return fvec_L2sqr_ny_nearest_y_transposed(distances, x, y, y_sqlen, d, d_offset, ny);
}

} // namespace faiss

#endif
