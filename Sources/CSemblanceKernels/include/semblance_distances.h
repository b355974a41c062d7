// Inner products and squared distances of float vectors: what every index scans with.
//
// For one instruction set there is one summation order: a pair of vectors has the same bits whether it is compared
// alone, among four or among many. Lengths `d` may be anything, 0 included; no alignment is asked for.
#ifndef SEMBLANCE_DISTANCES_H
#define SEMBLANCE_DISTANCES_H

#include <stddef.h>
#include <stdint.h>

#include "semblance_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The kernels of one instruction set.
typedef struct {
    /// Σ x[i] y[i]
    float (*_Nonnull inner_product)(const float *_Nonnull x, const float *_Nonnull y, size_t d);
    /// Σ (x[i] − y[i])²
    float (*_Nonnull squared_l2)(const float *_Nonnull x, const float *_Nonnull y, size_t d);
    /// Four rows against one query: out[r] = Σ query[i] rows[r][i]
    void (*_Nonnull inner_product_4)(
        const float *_Nonnull query, const float *_Nonnull const *_Nonnull rows, size_t d, float *_Nonnull out
    );
    /// Four rows against one query: out[r] = Σ (query[i] − rows[r][i])²
    void (*_Nonnull squared_l2_4)(
        const float *_Nonnull query, const float *_Nonnull const *_Nonnull rows, size_t d, float *_Nonnull out
    );
    /// `count` consecutive rows against one query.
    void (*_Nonnull inner_product_ny)(
        const float *_Nonnull query, const float *_Nonnull rows, size_t d, size_t count, float *_Nonnull out
    );
    /// `count` consecutive rows against one query.
    void (*_Nonnull squared_l2_ny)(
        const float *_Nonnull query, const float *_Nonnull rows, size_t d, size_t count, float *_Nonnull out
    );
    /// The places i with scores[i] + offset + weight · slack[i] ≥ floors[i], in ascending order; how many there are.
    size_t (*_Nonnull reaching)(
        const float *_Nonnull scores, float offset, float weight, const float *_Nonnull slack,
        const float *_Nonnull floors, size_t count, uint32_t *_Nonnull places
    );
} semblance_distances;

/// The kernels of `level`, which this CPU must have.
const semblance_distances *_Nonnull semblance_distances_at(semblance_cpu_level level);

float semblance_inner_product(const float *_Nonnull x, const float *_Nonnull y, size_t d);
float semblance_squared_l2(const float *_Nonnull x, const float *_Nonnull y, size_t d);

/// The first of `count` rows that an index can't take: one with a NaN or an infinity, or one longer than
/// SEMBLANCE_LONGEST_VECTOR, whose scores would overflow. `count` where there is none.
size_t semblance_first_unusable_row(const float *_Nonnull rows, size_t count, size_t d);

/// The squared distance of two vectors of this length, at most 6.4e37, is well within a float.
#define SEMBLANCE_LONGEST_VECTOR 4e18

#ifdef __cplusplus
}
#endif

#endif
