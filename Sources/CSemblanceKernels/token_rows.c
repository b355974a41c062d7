// Rows of tokens on the way in and out of a transformer: sums of table rows, rotations, pooling.

#include "include/semblance_transformer.h"

#include "levels.h"

#include <math.h>
#include <string.h>

BODY void gather_sum_body(
    const float *const *tables, const int32_t *const *ids, size_t table_count, size_t tokens, size_t columns, float *y
) {
    for (size_t token = 0; token < tokens; token++, y += columns) {
        memcpy(y, tables[0] + (size_t)ids[0][token] * columns, columns * sizeof *y);
        for (size_t t = 1; t < table_count; t++) {
            const float *row = tables[t] + (size_t)ids[t][token] * columns;
            for (size_t i = 0; i < columns; i++) y[i] += row[i];
        }
    }
}

LEVELS(
    void, gather_sum,
    (const float *const *tables, const int32_t *const *ids, size_t table_count, size_t tokens, size_t columns,
     float *y),
    (tables, ids, table_count, tokens, columns, y)
)

void semblance_rotate(
    float *qkv, size_t tokens, size_t heads, size_t head_dimension, const float *frequencies, float direction
) {
    size_t half = head_dimension / 2;
    for (size_t place = 0; place < tokens; place++) {
        float *row = qkv + place * 3 * heads * head_dimension;
        for (size_t i = 0; i < half; i++) {
            float angle = (float)place * frequencies[i];
            float cosine = cosf(angle), sine = direction * sinf(angle);
            for (size_t h = 0; h < 2 * heads; h++) {
                float *x = row + h * head_dimension + i, a = x[0], b = x[half];
                x[0] = a * cosine - b * sine;
                x[half] = b * cosine + a * sine;
            }
        }
    }
}

BODY void pool_weighted_body(
    const float *x, const float *weights, const int32_t *offsets, size_t texts, size_t columns, float *y
) {
    for (size_t t = 0; t < texts; t++, y += columns) {
        memset(y, 0, columns * sizeof *y);
        for (int32_t j = offsets[t]; j < offsets[t + 1]; j++) {
            float weight = weights[j];
            const float *row = x + (size_t)j * columns;
            if (weight != 0)
                for (size_t i = 0; i < columns; i++) y[i] += weight * row[i];
        }
    }
}

LEVELS(
    void, pool_weighted,
    (const float *x, const float *weights, const int32_t *offsets, size_t texts, size_t columns, float *y),
    (x, weights, offsets, texts, columns, y)
)

void semblance_pool_maximum(
    const float *x, const int32_t *starts, const int32_t *ends, size_t texts, size_t columns, float *y, int32_t *places
) {
    for (size_t t = 0; t < texts; t++, y += columns, places += columns)
        for (size_t i = 0; i < columns; i++) {
            int32_t best = -1;
            for (int32_t j = starts[t]; j < ends[t]; j++)
                if (best < 0 || x[(size_t)j * columns + i] > x[(size_t)best * columns + i]) best = j;
            y[i] = best < 0 ? 0 : x[(size_t)best * columns + i];
            places[i] = best;
        }
}
